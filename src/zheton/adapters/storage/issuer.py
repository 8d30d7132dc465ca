"""The issuer's database: accounts, the ledger, holds, and what makes a repeat known.

A balance is a row that is changed in the transaction of its postings, so reading one costs one
row; `trial_balance` adds up the postings instead, to check. All statements are bulk statements
that SQLite and PostgreSQL both understand.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    func,
    insert,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import IntegrityError

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.interrupted import OvertakenError
from zheton.core.money import Money, currency
from zheton.roles.issuer.ledger import Kind, LedgerAccount
from zheton.roles.issuer.ports import Changes
from zheton.roles.issuer.state import (
    Account,
    AccountStatus,
    Answered,
    Flag,
    Hold,
    HoldKey,
    HoldStatus,
    Presented,
    PresentedKey,
    RequestKind,
)

METADATA = MetaData(info={"history": "issuer"})
KEYS_A_STATEMENT = 300  # SQLite takes 32,766 variables, but long lists parse slowly

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("pan_index", LargeBinary(32), nullable=False, unique=True),
    Column("last4", String(4), nullable=False),
    Column("expiry", String(4), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("credit_limit_minor", BigInteger, nullable=False),
    Column("debit_limit_minor", BigInteger, nullable=False),
    Column("daily_limit_minor", BigInteger, nullable=False),
    Column("phone", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("spent_on", String(10), nullable=False),
    Column("spent_minor", BigInteger, nullable=False),
)
BALANCES = Table(
    "balances",
    METADATA,
    Column("id", String(96), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("minor", BigInteger, nullable=False),
)
ENTRIES = Table(
    "entries",
    METADATA,
    Column("id", String(96), primary_key=True),
    Column("at", String(32), nullable=False),
)
POSTINGS = Table(
    "postings",
    METADATA,
    Column("entry_id", String(96), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("minor", BigInteger, nullable=False),
)
HOLDS = Table(
    "holds",
    METADATA,
    Column("acquirer", String(11), primary_key=True),
    Column("retrieval_reference", String(12), primary_key=True),
    Column("account_id", String(64), nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("amount_currency", String(3), nullable=False),
    Column("held_on", String(10), nullable=False),
    Column("day_minor", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
)
ANSWERED = Table(
    "answered",
    METADATA,
    Column("id", String(80), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("account_id", String(64), nullable=False),
    Column("response_code", String(2), nullable=False),
    Column("authorisation", String(6), nullable=False),
    Column("delivery", String(99), nullable=False),
    Column("asked_minor", BigInteger, nullable=False),
)
PRESENTED = Table(
    "presented",
    METADATA,
    Column("file_id", String(25), primary_key=True),
    Column("record", Integer, primary_key=True),
    Column("acquirer", String(11), nullable=False),
    Column("retrieval_reference", String(12), nullable=False),
    Column("processing_code", String(6), nullable=False),
    Column("account_id", String(64), nullable=False),
    Column("flag", String(16)),
    Index("presented_again", "acquirer", "retrieval_reference", "processing_code"),
)

# `excluded` is the row that could not be inserted, in SQLite and in PostgreSQL alike.
_ADD_TO_BALANCE = text(
    "INSERT INTO balances (id, kind, currency, owner, minor) "
    "VALUES (:id, :kind, :currency, :owner, :minor) "
    "ON CONFLICT (id) DO UPDATE SET minor = balances.minor + excluded.minor"
)
_PUT_ACCOUNT = text(
    "INSERT INTO accounts (id, holder, pan_index, last4, expiry, currency, credit_limit_minor, "
    "debit_limit_minor, daily_limit_minor, phone, status, spent_on, spent_minor) "
    "VALUES (:id, :holder, :pan_index, :last4, :expiry, :currency, :credit_limit_minor, "
    ":debit_limit_minor, :daily_limit_minor, :phone, :status, :spent_on, :spent_minor) "
    "ON CONFLICT (id) DO UPDATE SET status = excluded.status, spent_on = excluded.spent_on, "
    "spent_minor = excluded.spent_minor"
)
_PUT_HOLD = text(
    "INSERT INTO holds (acquirer, retrieval_reference, account_id, minor, amount_minor, "
    "amount_currency, held_on, day_minor, status) VALUES (:acquirer, :retrieval_reference, "
    ":account_id, :minor, :amount_minor, :amount_currency, :held_on, :day_minor, :status) "
    "ON CONFLICT (acquirer, retrieval_reference) DO UPDATE SET minor = excluded.minor, "
    "amount_minor = excluded.amount_minor, held_on = excluded.held_on, "
    "day_minor = excluded.day_minor, status = excluded.status"
)


class IssuerDatabase:
    """The issuer's store on a database of its own; makes its tables when it is opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(METADATA)

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """A transaction: durable when the block has ended, undone if it raises."""
        with self._database.transaction() as connection:
            yield Transaction(connection)


class Transaction:
    """The single operations of `roles.issuer.ports.IssuerTransaction` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def accounts_by_pan(self, indexes: Collection[bytes]) -> Sequence[Account]:
        """Accounts by keyed card index, locked where the database locks rows."""
        query = select(ACCOUNTS).order_by(ACCOUNTS.c.id).with_for_update()
        # One order over all statements, or two groups could wait for each other.
        rows = self._select(
            sorted(indexes), lambda part: query.where(ACCOUNTS.c.pan_index.in_(part))
        )
        return sorted(map(_account, rows), key=lambda account: account.id)

    def accounts(self) -> Sequence[Account]:
        """All accounts."""
        rows = self._connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.id))
        return [_account(row) for row in rows]

    def balances(self, accounts: Collection[LedgerAccount]) -> Mapping[LedgerAccount, int]:
        """Balances by their rows."""
        query = select(BALANCES)
        ids = [account.id for account in accounts]
        rows = self._select(ids, lambda part: query.where(BALANCES.c.id.in_(part)))
        return {_ledger_account(row): row.minor for row in rows}

    def trial_balance(self) -> Mapping[LedgerAccount, int]:
        """All balances by their postings."""
        key = (POSTINGS.c.kind, POSTINGS.c.currency, POSTINGS.c.owner)
        query = select(*key, func.sum(POSTINGS.c.minor).label("minor")).group_by(*key)
        return {_ledger_account(row): int(row.minor) for row in self._connection.execute(query)}

    def answered(self, ids: Collection[str]) -> Sequence[Answered]:
        """Requests that were answered."""
        rows = self._select(ids, lambda part: select(ANSWERED).where(ANSWERED.c.id.in_(part)))
        return [Answered(**{**row._mapping, "kind": RequestKind(row.kind)}) for row in rows]

    def holds(self, keys: Collection[HoldKey]) -> Sequence[Hold]:
        """Holds, whatever their status."""
        key = tuple_(HOLDS.c.acquirer, HOLDS.c.retrieval_reference)
        rows = self._select(keys, lambda part: select(HOLDS).where(key.in_(part)))
        return [_hold(row) for row in rows]

    def presented(self, keys: Collection[PresentedKey]) -> Sequence[Presented]:
        """Presentments that were booked."""
        columns = PRESENTED.c
        key = tuple_(columns.acquirer, columns.retrieval_reference, columns.processing_code)
        rows = self._select(keys, lambda part: select(PRESENTED).where(key.in_(part)))
        return [
            Presented(**{**row._mapping, "flag": Flag(row.flag) if row.flag else None})
            for row in rows
        ]

    def entries(self, ids: Collection[str]) -> Sequence[str]:
        """Which of these entries exist."""
        query = select(ENTRIES.c.id)
        return [r.id for r in self._select(ids, lambda part: query.where(ENTRIES.c.id.in_(part)))]

    def apply(self, changes: Changes) -> None:
        """Write changes and add the postings to the balances."""
        try:
            self._apply(changes)
        except IntegrityError as error:
            # The driver's text would carry the row.
            raise OvertakenError(
                "The ledger has one of these entries already; nothing was booked."
            ) from error.__cause__

    def _apply(self, changes: Changes) -> None:
        self._execute(_PUT_ACCOUNT, [_plain(account) for account in changes.accounts])
        self._execute(
            insert(ENTRIES), [{"id": e.id, "at": e.at.isoformat()} for e in changes.entries]
        )
        self._execute(
            insert(POSTINGS),
            [
                {"entry_id": e.id, "line": line, **_ledger_row(p.account), "minor": p.minor}
                for e in changes.entries
                for line, p in enumerate(e.postings)
            ],
        )
        self._execute(_ADD_TO_BALANCE, _deltas(changes))
        self._execute(_PUT_HOLD, [_hold_row(hold) for hold in changes.holds])
        self._execute(insert(ANSWERED), [_plain(answered) for answered in changes.answered])
        self._execute(insert(PRESENTED), [_plain(presented) for presented in changes.presented])

    def _execute(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)

    def _select(self, keys: Collection[Any], query: Callable[[list[Any]], Any]) -> list[Any]:
        ordered = list(keys)
        rows: list[Any] = []
        for start in range(0, len(ordered), KEYS_A_STATEMENT):
            rows += self._connection.execute(query(ordered[start : start + KEYS_A_STATEMENT]))
        return rows


def _plain(record: Account | Answered | Presented) -> dict[str, Any]:
    """A record as a row: enumerations by value, dates in ISO 8601."""
    row = asdict(record)
    for name, value in row.items():
        if isinstance(value, StrEnum):
            row[name] = value.value
        elif isinstance(value, date):
            row[name] = value.isoformat()
    return row


def _deltas(changes: Changes) -> list[dict[str, Any]]:
    sums: dict[LedgerAccount, int] = {}
    for entry in changes.entries:
        for posting in entry.postings:
            sums[posting.account] = sums.get(posting.account, 0) + posting.minor
    # In the order of ids, so that two groups never wait for each other's rows crosswise.
    return [
        {"id": account.id, **_ledger_row(account), "minor": sums[account]}
        for account in sorted(sums, key=lambda account: account.id)
    ]


def _ledger_row(account: LedgerAccount) -> dict[str, Any]:
    return {"kind": account.kind.value, "currency": account.currency, "owner": account.owner}


def _ledger_account(row: Any) -> LedgerAccount:
    return LedgerAccount(Kind(row.kind), row.currency, row.owner)


def _account(row: Any) -> Account:
    changed = {
        "status": AccountStatus(row.status),
        "spent_on": date.fromisoformat(row.spent_on),
        "pan_index": bytes(row.pan_index),
    }
    return Account(**{**row._mapping, **changed})


def _hold(row: Any) -> Hold:
    return Hold(
        acquirer=row.acquirer,
        retrieval_reference=row.retrieval_reference,
        account_id=row.account_id,
        minor=row.minor,
        amount=Money(row.amount_minor, currency(row.amount_currency)),
        held_on=date.fromisoformat(row.held_on),
        day_minor=row.day_minor,
        status=HoldStatus(row.status),
    )


def _hold_row(hold: Hold) -> dict[str, Any]:
    return {
        "acquirer": hold.acquirer,
        "retrieval_reference": hold.retrieval_reference,
        "account_id": hold.account_id,
        "minor": hold.minor,
        "amount_minor": hold.amount.minor,
        "amount_currency": hold.amount.currency.code,
        "held_on": hold.held_on.isoformat(),
        "day_minor": hold.day_minor,
        "status": hold.status.value,
    }
