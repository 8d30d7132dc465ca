"""The acquirer's database: its journal of sales, and counters for the numbers it gives out.

All statements are understood by SQLite and PostgreSQL alike; rows are locked where the database
locks rows. Moments are text in ISO 8601 of one fixed width, so that they sort as they follow.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from zheton.adapters.storage.acquirer_follow_ups import FollowUpTx, moment_text
from zheton.adapters.storage.acquirer_tables import CHANGING, METADATA, SALES
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.interrupted import OvertakenError
from zheton.core.clearing import CardAcceptor
from zheton.core.money import Money, currency
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.state import Cause, Record, Status

KEYS_A_STATEMENT = 300  # SQLite takes 32,766 variables, but long lists parse slowly

# `excluded` is the row that could not be inserted, in SQLite and in PostgreSQL alike.
_TAKE = text(
    "INSERT INTO counters (name, value) VALUES (:name, :count) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value"
)
_PUT = (
    update(SALES)
    .where(SALES.c.rrn == bindparam("key"))
    .values({column.name: bindparam(f"new_{column.name}") for column in CHANGING})
)


class AcquirerDatabase:
    """The acquirer's store on a database of its own; makes its tables when it is opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(METADATA)

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """A transaction: durable when the block has ended, undone if it raises."""
        with self._database.transaction() as connection:
            yield Transaction(connection)


class Transaction(FollowUpTx):
    """The single operations of `roles.acquirer.ports.AcquirerTx` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, counter: str, count: int) -> int:
        """The first of `count` numbers of a counter."""
        last: int = self._connection.execute(_TAKE, {"name": counter, "count": count}).scalar_one()
        return last - count + 1

    def add(self, records: Sequence[Record]) -> None:
        """New records."""
        if records:
            try:
                self._connection.execute(insert(SALES), [_row(record) for record in records])
            except IntegrityError as error:
                # The driver's text would carry the row.
                raise OvertakenError(
                    "The journal has one of these retrieval references already; nothing was kept."
                ) from error.__cause__

    def put(self, records: Sequence[Record]) -> None:
        """Records as they are now."""
        if records:
            self._connection.execute(_PUT, [_change(record) for record in records])

    def find(self, rrns: Collection[str]) -> Sequence[Record]:
        """Records by retrieval reference."""
        # One order over all statements, or two groups could wait for each other.
        ordered, found = sorted(rrns), []
        for start in range(0, len(ordered), KEYS_A_STATEMENT):
            part = ordered[start : start + KEYS_A_STATEMENT]
            found += self._read(select(SALES).where(SALES.c.rrn.in_(part)))
        return found

    def with_status(self, status: Status, limit: int) -> Sequence[Record]:
        """Records that stand so."""
        return self._read(select(SALES).where(SALES.c.status == status.value).limit(limit))

    def sent_before(self, moment: datetime, limit: int) -> Sequence[Record]:
        """Records still sent that were sent before a moment."""
        query = select(SALES).where(SALES.c.status == Status.SENT.value)
        return self._read(query.where(SALES.c.sent_at < moment_text(moment)).limit(limit))

    def to_present(self, until: date, limit: int) -> Sequence[Record]:
        """Records with something to present."""
        end = datetime.combine(until + timedelta(days=1), datetime.min.time()).isoformat()
        approved = (SALES.c.status == Status.APPROVED.value) & (SALES.c.local_time < end)
        captured = SALES.c.completed | ~SALES.c.preauthorised
        still = SALES.c.under_way == ""
        return self._read(select(SALES).where(approved, captured, still).limit(limit))

    def of_file(self, file_id: str) -> Sequence[Record]:
        """Records that a file presents."""
        return self._read(select(SALES).where(SALES.c.file_id == file_id))

    def _read(self, query: Select[Any]) -> list[Record]:
        rows = self._connection.execute(query.order_by(SALES.c.rrn).with_for_update())
        return [_record(row) for row in rows]


def _row(record: Record) -> dict[str, Any]:
    acceptor = record.acceptor
    return {
        "rrn": record.rrn,
        "stan": record.stan,
        "transmitted": record.transmitted,
        "sent_at": moment_text(record.sent_at),
        "acquirer_id": record.acquirer_id,
        "terminal": acceptor.terminal,
        "merchant": acceptor.id,
        "merchant_name": acceptor.name,
        "city": acceptor.city,
        "country": acceptor.country,
        "category_code": acceptor.category_code,
        "channel": record.channel.value,
        "amount_minor": record.amount.minor,
        "currency": record.amount.currency.code,
        "number": record.number,
        "expiry": record.expiry,
        "local_time": record.local_time.isoformat(timespec="seconds"),
        "preauthorised": record.preauthorised,
        **_changing(record),
    }


def _changing(record: Record) -> dict[str, Any]:
    return {
        **{column.name: getattr(record, column.name) for column in CHANGING},
        "status": record.status.value,
        "cause": record.cause.value if record.cause else "",
    }


def _change(record: Record) -> dict[str, Any]:
    return {"key": record.rrn} | {f"new_{k}": value for k, value in _changing(record).items()}


def _record(row: Any) -> Record:
    return Record(
        rrn=row.rrn,
        stan=row.stan,
        transmitted=row.transmitted,
        sent_at=datetime.fromisoformat(row.sent_at),
        acquirer_id=row.acquirer_id,
        acceptor=CardAcceptor(
            row.merchant,
            row.merchant_name,
            row.city,
            row.country,
            row.category_code,
            row.terminal,
        ),
        channel=Channel(row.channel),
        amount=Money(row.amount_minor, currency(row.currency)),
        number=row.number,
        expiry=row.expiry,
        local_time=datetime.fromisoformat(row.local_time),
        status=Status(row.status),
        response_code=row.response_code,
        auth_code=row.auth_code,
        par=row.par,
        cause=Cause(row.cause) if row.cause else None,
        reversal_stan=row.reversal_stan,
        reversal_transmitted=row.reversal_transmitted,
        file_id=row.file_id,
        preauthorised=row.preauthorised,
        completed=row.completed,
        changed_minor=row.changed_minor,
        refunded_minor=row.refunded_minor,
        under_way=row.under_way,
    )
