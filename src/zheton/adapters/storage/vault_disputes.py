"""Disputes of debits in the vault's database: single operations of one transaction."""

from datetime import datetime

from sqlalchemy import Connection, select, text

from zheton.adapters.storage.vault_rows import read_journalled, to_ms
from zheton.adapters.storage.vault_tables import batch, debit
from zheton.core.debit import Journalled
from zheton.core.token.batch import BATCH_SIZE
from zheton.roles.tsp.state import Enrolment

_OPEN = text(
    "INSERT INTO dispute (bucket, bin, number_index, generation, debit, opened_ms)"
    " VALUES (:bucket, :bin, :index, :generation, :debit, :now)"
    " ON CONFLICT (bucket, bin, number_index, generation)"
    " DO UPDATE SET opened_ms = :now, closed_ms = NULL WHERE dispute.closed_ms IS NOT NULL"
)
_CLOSE = text(
    "UPDATE dispute SET closed_ms = :now WHERE bucket = :bucket AND bin = :bin"
    " AND number_index = :index AND generation = :generation AND closed_ms IS NULL"
)


class DisputeTx:
    """What disputes ask of a transaction (`roles.tsp.ports.VaultTx`)."""

    connection: Connection

    def open_dispute(self, disputed: Journalled, now: datetime) -> bool:
        """Note that a debit is disputed, again if it was; False if it is already."""
        named = {**_named(disputed, now), "debit": disputed.debit}
        return self.connection.execute(_OPEN, named).rowcount == 1

    def close_dispute(self, disputed: Journalled, now: datetime) -> bool:
        """Note that a dispute is over; whether there was one."""
        return self.connection.execute(_CLOSE, _named(disputed, now)).rowcount == 1

    def debit_of(self, claim: Enrolment, debit_id: str) -> Journalled | None:
        """A debit by its id, if a lease of the enrolment made it and is not over."""
        first = batch.c.batch * BATCH_SIZE
        row = self.connection.execute(
            select(debit)
            .join(
                batch,
                (debit.c.bucket == batch.c.bucket)
                & (debit.c.bin == batch.c.bin)
                & (debit.c.number_index >= first)
                & (debit.c.number_index < first + BATCH_SIZE)
                & (debit.c.generation == batch.c.generation),
            )
            .where(batch.c.bucket == claim.bucket, batch.c.enrolment == claim.id)
            .where(batch.c.status != "free", debit.c.debit == debit_id)
            .where(debit.c.state != "blocked")
        )
        found = row.mappings().first()
        return read_journalled(found) if found else None


def _named(disputed: Journalled, now: datetime) -> dict[str, object]:
    at = disputed.at
    return {
        "bucket": at.bucket,
        "bin": at.bin,
        "index": at.index,
        "generation": disputed.generation,
        "now": to_ms(now),
    }
