"""The wallet's database: users, devices, cards, commits, and how debits stand.

No card number, no one-time number and no code is in it: a commit's commands are ciphertext of the
token service for the chip. Moments are UTC, in microseconds since 1970.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.interrupted import OvertakenError
from zheton.adapters.storage.wallet_tables import (
    CARDS,
    COMMITS,
    DEVICES,
    METADATA,
    NOTICES,
    USERS,
)
from zheton.core.debit import DebitState
from zheton.core.money import Money, currency
from zheton.core.token.domain import Device as DeviceClass
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.wallet.state import (
    Commit,
    CommitState,
    DebitNotice,
    Device,
    Package,
    Token,
    User,
    WalletCard,
)

_NOTICE = [column.name for column in NOTICES.columns]
# One statement, or two processes that hear of one debit at once would both insert it. `excluded`
# is the row that could not be inserted, in SQLite and in PostgreSQL alike.
_PUT_NOTICE = text(
    f"INSERT INTO notices ({', '.join(_NOTICE)}) "  # noqa: S608 names of columns
    f"VALUES ({', '.join(f':{name}' for name in _NOTICE)}) ON CONFLICT (debit) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _NOTICE)
)
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class WalletDatabase:
    """The wallet's store on a database of its own; makes its tables when it is opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(METADATA)

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """A transaction: durable when the block has ended, undone if it raises."""
        with self._database.transaction() as connection:
            yield Transaction(connection)


class Transaction:
    """The single operations of `roles.wallet.ports.WalletTx` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_user(self, user: User) -> None:
        """A new user."""
        self._insert(
            USERS,
            {
                "id": user.id,
                "name": user.name,
                "token_hash": user.token_hash,
                "created_us": _to_us(user.created_at),
            },
        )

    def user_by_token(self, token_hash: str) -> User | None:
        """The user whose bearer token has this hash."""
        row = self._one(select(USERS).where(USERS.c.token_hash == token_hash))
        return User(row.id, row.name, row.token_hash, _from_us(row.created_us)) if row else None

    def add_device(self, device: Device) -> None:
        """A new device; ConflictError if its serial number is there."""
        self._insert(
            DEVICES,
            {
                "id": device.id,
                "owner": device.user,
                "serial": device.serial,
                "profile": device.profile,
                "device_class": device.device_class.value,
                "registered_us": _to_us(device.registered_at),
            },
        )

    def device(self, device: str) -> Device | None:
        """A device by its id."""
        row = self._one(select(DEVICES).where(DEVICES.c.id == device))
        return _device(row) if row else None

    def device_by_serial(self, serial: str) -> Device | None:
        """A device by its chip's serial number."""
        row = self._one(select(DEVICES).where(DEVICES.c.serial == serial))
        return _device(row) if row else None

    def devices(self, user: str) -> Sequence[Device]:
        """A user's devices, oldest first."""
        query = select(DEVICES).where(DEVICES.c.owner == user)
        return [_device(row) for row in self._all(query.order_by("registered_us", "id"))]

    def add_card(self, card: WalletCard) -> None:
        """A new card."""
        self._insert(
            CARDS,
            {
                "id": card.id,
                "owner": card.user,
                "title": card.title,
                "region": card.region,
                "token": card.token.reference,
                "added_us": _to_us(card.added_at),
                **_token_row(card.token),
            },
        )

    def card(self, card: str) -> WalletCard | None:
        """A card by its id."""
        row = self._one(select(CARDS).where(CARDS.c.id == card))
        return _card(row) if row else None

    def card_by_token(self, token: str) -> WalletCard | None:
        """A card by its token unique reference."""
        row = self._one(select(CARDS).where(CARDS.c.token == token))
        return _card(row) if row else None

    def cards(self, user: str) -> Sequence[WalletCard]:
        """A user's cards, oldest first."""
        query = select(CARDS).where(CARDS.c.owner == user).order_by("added_us", "id")
        return [_card(row) for row in self._all(query)]

    def cards_on(self, device: str) -> Sequence[WalletCard]:
        """The cards that a device got packages for."""
        got = select(COMMITS.c.card).where(COMMITS.c.device == device)
        query = select(CARDS).where(CARDS.c.id.in_(got)).order_by("added_us", "id")
        return [_card(row) for row in self._all(query)]

    def set_resets(self, device: str, resets: int) -> None:
        """Of how many factory resets of a device the wallet has heard."""
        changed = update(DEVICES).where(DEVICES.c.id == device).values(resets=resets)
        self._connection.execute(changed)

    def remove_device(self, device: str) -> None:
        """Forget whose a device is."""
        self._connection.execute(delete(DEVICES).where(DEVICES.c.id == device))

    def set_token(self, card: str, token: Token) -> None:
        """What the token service says of a card now."""
        self._connection.execute(update(CARDS).where(CARDS.c.id == card).values(_token_row(token)))

    def add_commit(self, commit: Commit) -> None:
        """A new commit; ConflictError if the device has one of its number."""
        package = commit.package
        self._insert(
            COMMITS,
            {
                "device": commit.device,
                "number": commit.number,
                "card": commit.card,
                "counter": commit.counter,
                "commands": json.dumps([command.hex() for command in package.commands]),
                "numbers": package.numbers,
                "state": commit.state.value,
                "made_us": _to_us(commit.made_at),
            },
        )

    def last_commit(self, device: str) -> Commit | None:
        """The newest commit of a device."""
        query = select(COMMITS).where(COMMITS.c.device == device)
        row = self._one(query.order_by(COMMITS.c.number.desc()).limit(1))
        return _commit(row) if row else None

    def commit(self, device: str, number: int) -> Commit | None:
        """A commit by device and number."""
        row = self._one(
            select(COMMITS).where(COMMITS.c.device == device, COMMITS.c.number == number)
        )
        return _commit(row) if row else None

    def commits_since(self, device: str, moment: datetime) -> int:
        """How many commits of a device were made since a moment."""
        query = select(func.count()).select_from(COMMITS).where(COMMITS.c.device == device)
        counted = self._connection.execute(query.where(COMMITS.c.made_us >= _to_us(moment)))
        return int(counted.scalar_one())

    def filled_at(self, device: str, card: str) -> datetime | None:
        """When the last commit of a card that the device has taken was made."""
        latest = self._connection.execute(
            select(func.max(COMMITS.c.made_us))
            .where(COMMITS.c.device == device, COMMITS.c.card == card)
            .where(COMMITS.c.state == CommitState.DONE.value)
        ).scalar_one()
        return None if latest is None else _from_us(latest)

    def set_commit_state(self, commit: Commit, state: CommitState) -> bool:
        """Move a commit on from the state that `commit` has; whether it still had it."""
        changed = self._connection.execute(
            update(COMMITS)
            .where(COMMITS.c.device == commit.device, COMMITS.c.number == commit.number)
            .where(COMMITS.c.state == commit.state.value)
            .values(state=state.value)
        )
        return changed.rowcount == 1

    def put_notice(self, notice: DebitNotice, card: str) -> None:
        """How a debit stands now, in place of how it stood."""
        self._connection.execute(_PUT_NOTICE, _notice_row(notice) | {"card": card})

    def notice(self, debit: str) -> DebitNotice | None:
        """How a debit stood last."""
        row = self._one(select(NOTICES).where(NOTICES.c.debit == debit))
        return _notice(row) if row else None

    def notices(self, card: str, limit: int) -> Sequence[DebitNotice]:
        """A card's debits, newest first, at most `limit`."""
        query = select(NOTICES).where(NOTICES.c.card == card)
        query = query.order_by(NOTICES.c.at_us.desc(), NOTICES.c.debit).limit(limit)
        return [_notice(row) for row in self._all(query)]

    def _insert(self, table: Table, row: dict[str, Any]) -> None:
        try:
            self._connection.execute(insert(table), row)
        except IntegrityError as error:
            # The driver's text would carry the row.
            raise OvertakenError(
                f"The wallet has this already, among its {table.name}; nothing was kept."
            ) from error.__cause__

    def _one(self, query: Select[Any]) -> Any:
        return self._connection.execute(query).first()

    def _all(self, query: Select[Any]) -> Any:
        return self._connection.execute(query)


def _to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _from_us(value: int) -> datetime:
    return _EPOCH + value * _MICROSECOND


def _device(row: Any) -> Device:
    return Device(
        id=row.id,
        user=row.owner,
        serial=row.serial,
        profile=row.profile,
        device_class=DeviceClass(row.device_class),
        registered_at=_from_us(row.registered_us),
        resets=row.resets,
    )


def _token_row(token: Token) -> dict[str, Any]:
    """What the token service may change of a card; its reference stays."""
    return {
        "status": token.status.value,
        "network": token.network,
        "last4": token.last4,
        "expiry": token.expiry,
        "par": token.par,
        "delivery": token.delivery,
    }


def _card(row: Any) -> WalletCard:
    status = CardStatus(row.status)
    token = Token(row.token, status, row.network, row.last4, row.expiry, row.par, row.delivery)
    return WalletCard(row.id, row.owner, row.title, row.region, token, _from_us(row.added_us))


def _commit(row: Any) -> Commit:
    commands = tuple(bytes.fromhex(command) for command in json.loads(row.commands))
    return Commit(
        device=row.device,
        number=row.number,
        card=row.card,
        counter=row.counter,
        package=Package(commands, row.numbers),
        state=CommitState(row.state),
        made_at=_from_us(row.made_us),
    )


def _notice_row(notice: DebitNotice) -> dict[str, Any]:
    return {
        "debit": notice.debit,
        "token": notice.token,
        "at_us": _to_us(notice.at),
        "merchant_name": notice.merchant_name,
        "amount_minor": notice.amount.minor,
        "held_minor": notice.held.minor,
        "refunded_minor": notice.refunded.minor,
        "currency": notice.amount.currency.code,
        "state": notice.state.value,
        "edition": notice.edition,
        "response_code": notice.response_code,
        "reason": notice.reason,
        "number_last4": notice.number_last4,
    }


def _notice(row: Any) -> DebitNotice:
    unit = currency(row.currency)
    return DebitNotice(
        debit=row.debit,
        token=row.token,
        at=_from_us(row.at_us),
        merchant_name=row.merchant_name,
        amount=Money(row.amount_minor, unit),
        held=Money(row.held_minor, unit),
        refunded=Money(row.refunded_minor, unit),
        state=DebitState(row.state),
        edition=row.edition,
        response_code=row.response_code,
        reason=row.reason,
        number_last4=row.number_last4,
    )
