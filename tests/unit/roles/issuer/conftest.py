"""A bank on a database in memory, and the messages that the network would send to it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import pytest

from zheton.adapters.issuer_file import bundled
from zheton.adapters.outbox import Outbox
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.core.follow_up import CODE, MTI, PROCESSING_CODE, FollowUpKind, replacement
from zheton.core.iso8583.match import original_of
from zheton.core.iso8583.message import Message
from zheton.core.iso8583.subelements import encode
from zheton.core.money import money
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.ledger import LedgerAccount
from zheton.roles.issuer.state import Account, Bank

ANNA = "5413330089600010"
NOW = datetime(2019, 8, 30, 9, 0, tzinfo=UTC)


@pytest.fixture
def bank() -> Bank:
    file = bundled()
    return Bank(file.participant, file.name, file.rates, b"index key of tests")


@pytest.fixture
def store(bank: Bank) -> Iterator[IssuerDatabase]:
    database = Database("sqlite://")
    opened = IssuerDatabase(database)
    enrol(bundled().cardholders, bank, opened, NOW)
    yield opened
    database.close()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def ask(bank: Bank, store: IssuerDatabase, outbox: Outbox) -> Callable[..., list[Message]]:
    def ask(*group: Message, now: datetime = NOW) -> list[Message]:
        return handle(group, bank, store, outbox, now)

    return ask


@pytest.fixture
def purchase() -> Callable[..., Message]:
    def purchase(stan: int = 1, minor: int = 35000, **changes: str) -> Message:
        fields: dict[int, str | bytes] = {
            2: ANNA,
            3: "000000",
            4: f"{minor:012d}",
            7: "0830090000",
            11: f"{stan:06d}",
            14: "2912",
            18: "5814",
            32: "220001",
            33: "440001",
            37: f"924209{stan:06d}",
            41: "TILL0001",
            42: "SHOP0001       ",
            49: "643",
            48: encode({"33": "5204730000000008291250110030273"}),
            56: "50010000000000000000000000000",
        }
        fields.update({int(name[2:]): value for name, value in changes.items()})
        return Message("0100", fields)

    return purchase


@pytest.fixture
def tokenisation(purchase: Callable[..., Message]) -> Callable[..., Message]:
    def tokenisation(step: str, stan: int = 1, code: str = "", **changes: str) -> Message:
        private = {"25": step, **({"26": code} if code else {})}
        return purchase(stan, 0, de3="330000", de48=encode(private), **changes)

    return tokenisation


@pytest.fixture
def reversal() -> Callable[..., Message]:
    def reversal(original: Message, stan: int = 900001, **changes: str) -> Message:
        kept = (2, 3, 4, 32, 33, 37, 41, 42, 49)
        fields = {number: original[number] for number in kept}
        fields |= {7: "0830090100", 11: f"{stan:06d}", 90: original_of(original).encode()}
        fields.update({int(name[2:]): value for name, value in changes.items()})
        return Message("0400", fields)

    return reversal


@pytest.fixture
def follow_up() -> Callable[..., Message]:
    """What the network sends about a debit; `left` is DE95 of a partial reversal."""

    def follow_up(
        original: Message,
        kind: FollowUpKind,
        minor: int,
        stan: int = 800001,
        left: int | None = None,
        **changes: str,
    ) -> Message:
        fields = {n: original[n] for n in (2, 14, 32, 33, 37, 41, 42, 49)}
        fields |= {
            3: PROCESSING_CODE[kind],
            4: f"{minor:012d}",
            7: "0830091500",
            11: f"{stan:06d}",
            90: original_of(original).encode(),
        }
        if kind in CODE:
            fields[48] = encode({"28": CODE[kind]})
        if left is not None:
            fields[95] = replacement(money(f"{left // 100}.{left % 100:02d}", "RUB"))
        fields.update({int(name[2:]): value for name, value in changes.items()})
        return Message(MTI[kind], fields)

    return follow_up


@pytest.fixture
def advice() -> Callable[..., Message]:
    def advice(original: Message, mti: str = "0120", **changes: str) -> Message:
        fields: dict[int, str | bytes] = {
            38: "S00001",
            39: "00",
            90: original_of(original).encode(),
        }
        fields |= {int(name[2:]): value for name, value in changes.items()}
        return original.with_fields(fields, drop=[48], mti=mti)

    return advice


@pytest.fixture
def funds(store: IssuerDatabase) -> Callable[..., tuple[int, int]]:
    """What a cardholder can spend, and what is held, in minor units."""

    def funds(account_id: str = "anna") -> tuple[int, int]:
        with store.transaction() as transaction:
            account: Account = next(a for a in transaction.accounts() if a.id == account_id)
            found = transaction.balances([account.money, account.held])
            checked = transaction.trial_balance()
            assert _sums(checked) == dict.fromkeys(_sums(checked), 0)
            assert all(checked.get(ledger, 0) == minor for ledger, minor in found.items())
        return found.get(account.money, 0), found.get(account.held, 0)

    return funds


def _sums(balances: Mapping[LedgerAccount, int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for ledger, minor in balances.items():
        sums[ledger.currency] = sums.get(ledger.currency, 0) + minor
    return sums
