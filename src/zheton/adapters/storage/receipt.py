"""Receipts: how a writer finds out whether a COMMIT whose answer got lost was kept.

Each connection has a row of its own in `receipt`, in which the last statement of a transaction
writes the transaction's number. After a lost COMMIT another connection asks for the row. The row
is locked while the lost transaction may still end either way, so whoever gets it knows. A number
of the server's own (its transaction id) would not do: after a crash it may be another's.

PostgreSQL alone needs this: a COMMIT of SQLite that fails has kept nothing.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, DateTime, MetaData, String, Table, text

metadata = MetaData(info={"history": "receipt"})

receipt = Table(
    "receipt",
    metadata,
    Column("writer", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("written", DateTime(timezone=True), nullable=False),
    sqlite_with_rowid=False,
)

NONE_KEPT = -1
# A transaction that wrote nothing has nothing to lose, and is not made to write by its receipt.
_WRITE = text(
    "INSERT INTO receipt (writer, number, written) SELECT :writer, :number, now()"
    " WHERE pg_current_xact_id_if_assigned() IS NOT NULL"
    " ON CONFLICT (writer) DO UPDATE SET number = excluded.number, written = excluded.written"
)
# A write, not a look: it waits for the lost transaction where that is still ending, and its own
# COMMIT waits for the standby, so that what it found is as durable as an acknowledged COMMIT.
_ASK = text(
    "INSERT INTO receipt (writer, number, written) VALUES (:writer, :none, now())"
    " ON CONFLICT (writer) DO UPDATE SET written = excluded.written RETURNING number"
)
_FORGET = text("DELETE FROM receipt WHERE written < now() - interval '1 day'")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction wrote down last: the number of this transaction of this writer."""

    writer: str
    number: int


def write(connection: Connection) -> Receipt | None:
    """Write the receipt of a transaction that is about to commit; None where it wrote nothing."""
    known = connection.info  # of the server's connection: a new one is a new writer
    writer: str = known.setdefault("zheton_writer", secrets.token_hex(16))
    number: int = known.get("zheton_number", 0) + 1
    known["zheton_number"] = number
    written = connection.execute(_WRITE, {"writer": writer, "number": number})
    return Receipt(writer, number) if written.rowcount else None


def was_kept(connection: Connection, lost: Receipt) -> bool:
    """Whether a transaction with this receipt was committed; blocks while it is still ending."""
    found = connection.execute(_ASK, {"writer": lost.writer, "none": NONE_KEPT}).scalar_one()
    return bool(found == lost.number)


def forget_old(connection: Connection) -> None:
    """Remove the rows of connections that are long gone."""
    connection.execute(_FORGET)
