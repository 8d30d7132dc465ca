"""The life of the vault's database: begun or taken up at a start, witnessed while it is at work.

The witness hears of every block of batches that is taken, before one of them leaves, and that the
mark has risen: whenever a batch is leased anew, and every few seconds while anything is written.
Whoever puts back a copy that lacks any of that is found out at the next start, or the next beat.
"""

from zheton.adapters.clock import Clock
from zheton.adapters.storage.incarnation import SqlIncarnation
from zheton.adapters.storage.vault import SqlVault
from zheton.adapters.witness_file import WitnessFile
from zheton.core.token.witness import HandedOut, Incarnation
from zheton.roles.tsp.recover import still, taken_up


class Life:
    """A database that is known to be the newest, and the witness of it."""

    def __init__(
        self,
        vault: SqlVault,
        database: SqlIncarnation,
        witness: WitnessFile,
        clock: Clock,
        installation: str,
    ) -> None:
        """ConflictError if the database is an old copy; `installation` names a new one."""
        self.vault, self._database, self._witness, self._clock = vault, database, witness, clock
        testimony = witness.read()  # before the database: others may go on meanwhile
        found = taken_up(database, testimony, installation, clock.now())
        self._now: Incarnation = found
        if testimony is None:
            witness.write(found, {})
        vault.on_handed_out, vault.on_leased_anew = self._handed_out, self.beat

    def beat(self) -> None:
        """Raise the mark if anything was written since the last time, and state it.

        ConflictError if another database is in the place of this one.
        """
        self._now, handed_out = still(self._database, self._witness.read(), self._now)
        if self.vault.written_since_asked():
            self._now = self._database.raise_mark(self._now, self._clock.now())
            # With what processes elsewhere have handed out: they have witnesses of their own.
            self._witness.write(self._now, handed_out)

    def _handed_out(self, counters: HandedOut) -> None:
        """State that batches were handed out, before they leave."""
        self._witness.write(self._now, counters)
