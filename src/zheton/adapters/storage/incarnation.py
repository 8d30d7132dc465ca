"""The life that the vault's database lives, in its one row (`core.token.witness`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, select, text, update

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.recovery import RecoveryTx
from zheton.adapters.storage.vault_rows import to_ms
from zheton.adapters.storage.vault_tables import batch_counter, incarnation, metadata
from zheton.core.errors import ConflictError
from zheton.core.token.witness import HandedOut, Incarnation

_BEGIN = text(
    "INSERT INTO incarnation (one, installation, number, mark, marked_ms, recovering, buckets_done)"
    " VALUES (1, :installation, 1, 0, :now, false, 0) ON CONFLICT (one) DO NOTHING"
)


class SqlIncarnation:
    """Where a vault's database stands, and its recovery (`roles.tsp.recover.Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(metadata)

    def read(self) -> tuple[Incarnation | None, HandedOut]:
        """Its life, if it was ever begun, and the batches it has handed out; at one moment."""
        with self._database.reading() as connection:
            rows = connection.execute(select(batch_counter)).all()
            return _life(connection), {(row.bin, row.bucket): row.next_ordinal for row in rows}

    def begin(self, installation: str, at: datetime) -> None:
        """Begin the first life, unless it was begun."""
        with self._database.transaction() as connection:
            connection.execute(_BEGIN, {"installation": installation, "now": to_ms(at)})

    def raise_mark(self, known: Incarnation, at: datetime) -> Incarnation:
        """Raise the mark of a life; ConflictError if the database lives another, or is behind it.

        All that was committed before the mark is in every copy of the database that has it.
        """
        with self._database.transaction() as connection:
            raised = connection.execute(
                update(incarnation)
                .where(incarnation.c.installation == known.installation)
                .where(incarnation.c.number == known.number, incarnation.c.mark >= known.mark)
                .where(~incarnation.c.recovering)
                .values(mark=incarnation.c.mark + 1, marked_ms=to_ms(at))
            )
            life = _life(connection)
            if raised.rowcount != 1 or life is None:
                raise ConflictError("The vault's database was put back, or is being recovered.")
            return life

    @contextmanager
    def recovering(self) -> Iterator[RecoveryTx]:
        """A transaction of a recovery."""
        with self._database.transaction() as connection:
            yield RecoveryTx(connection)


def _life(connection: Connection) -> Incarnation | None:
    row = connection.execute(select(incarnation)).first()
    if row is None:
        return None
    return Incarnation(
        row.installation, row.number, row.mark, row.marked_ms, row.recovering, row.buckets_done
    )
