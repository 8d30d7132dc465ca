"""The life that the vault's database lives, in its one row, and what a recovery does to it.

A recovery is a row that says so, then one transaction a bucket, then the row that says it is over:
cut anywhere it is taken up again behind the last bucket that was done.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, func, select, text, update

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault_rows import to_ms
from zheton.adapters.storage.vault_tables import (
    batch,
    batch_counter,
    debit,
    enrolment,
    incarnation,
    metadata,
)
from zheton.core.errors import ConflictError
from zheton.core.token.witness import HandedOut, Incarnation

_OUT = ("offered", "provisioned", "active", "suspended")
_BEGIN = text(
    "INSERT INTO incarnation (one, installation, number, mark, marked_ms, recovering, buckets_done)"
    " VALUES (1, :installation, 1, 0, :now, false, 0) ON CONFLICT (one) DO NOTHING"
)
_SKIP = text(
    "INSERT INTO batch_counter (bucket, bin, next_ordinal) VALUES (:bucket, :bin, :to)"
    " ON CONFLICT (bucket, bin) DO UPDATE SET next_ordinal = excluded.next_ordinal"
    " WHERE batch_counter.next_ordinal < excluded.next_ordinal"
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
    def recovering(self) -> Iterator["RecoveryTx"]:
        """A transaction of a recovery."""
        with self._database.transaction() as connection:
            yield RecoveryTx(connection)


class RecoveryTx:
    """Single operations of one transaction (`roles.tsp.recover.RecoveryTx`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def close(self, number: int) -> None:
        """Note that the life of this number begins with a recovery, which is not over."""
        self._set(number=number, recovering=True, buckets_done=0)

    def out(self, bucket: int) -> Mapping[str, int]:
        """How many batches of a bucket may be out on devices and phones, by BIN."""
        query = (
            select(batch.c.bin, func.count().label("batches"))
            .where(batch.c.bucket == bucket, batch.c.status.in_(_OUT))
            .group_by(batch.c.bin)
        )
        return {row.bin: row.batches for row in self._connection.execute(query)}

    def void(self, bucket: int) -> None:
        """End every batch of a bucket that may be out, and every code that waits."""
        self._connection.execute(
            update(batch)
            .where(batch.c.bucket == bucket, batch.c.status.in_(_OUT))
            .values(status="deleted")
        )
        self._connection.execute(
            update(enrolment)
            .where(enrolment.c.bucket == bucket, enrolment.c.status == "identifying")
            .values(tries_left=0)
        )

    def skip(self, bucket: int, token_bin: str, to: int) -> None:
        """Hand out no batch of a BIN and bucket below an ordinal again."""
        self._connection.execute(_SKIP, {"bucket": bucket, "bin": token_bin, "to": to})

    def pending(self) -> int:
        """How many debits have no outcome."""
        query = select(func.count()).select_from(debit).where(debit.c.state == "pending")
        return int(self._connection.execute(query).scalar_one())

    def bucket_done(self, count: int) -> None:
        """Note that so many buckets are done."""
        self._set(buckets_done=count)

    def open(self, at: datetime) -> None:
        """Note that the recovery is over."""
        self._set(
            recovering=False, buckets_done=0, mark=incarnation.c.mark + 1, marked_ms=to_ms(at)
        )

    def _set(self, **values: object) -> None:
        self._connection.execute(update(incarnation).values(values))


def _life(connection: Connection) -> Incarnation | None:
    row = connection.execute(select(incarnation)).first()
    if row is None:
        return None
    return Incarnation(
        row.installation, row.number, row.mark, row.marked_ms, row.recovering, row.buckets_done
    )
