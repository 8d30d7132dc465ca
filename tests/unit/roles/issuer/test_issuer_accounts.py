"""Entries that do not balance, rates, the keyed index, and accounts that are opened once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.adapters.issuer_file import bundled
from zheton.adapters.outbox import Outbox
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.core.errors import ConfigurationError, ConflictError
from zheton.core.iso8583.message import Message
from zheton.core.money import Money, currency
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.exchange import rates
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.identify import masked
from zheton.roles.issuer.ledger import Kind, LedgerAccount, entry
from zheton.roles.issuer.state import Bank

NOW = datetime(2019, 8, 30, tzinfo=UTC)
ROUBLES, YUAN = LedgerAccount(Kind.CASH, "RUB"), LedgerAccount(Kind.CASH, "CNY")
HELD = LedgerAccount(Kind.HOLDS, "RUB", "anna")


@pytest.mark.parametrize(
    "lines",
    [
        ((ROUBLES, 5), (HELD, -4)),
        ((ROUBLES, 5), (YUAN, -5)),
        ((ROUBLES, 0), (HELD, 0)),
        (),
    ],
)
def test_an_entry_that_does_not_balance_is_refused(
    lines: tuple[tuple[LedgerAccount, int], ...],
) -> None:
    with pytest.raises(ConflictError):
        entry("wrong", NOW, *lines)


@given(
    st.integers(1, 10**12 - 1),
    st.decimals("0.0001", "9999", places=4),
    st.sampled_from(["RUB", "JPY", "KWD"]),
)
def test_a_rate_is_exact_and_rounds_half_up(minor: int, rate: Decimal, code: str) -> None:
    to = currency(code)
    billed = rates({f"CNY/{code}": str(rate)}).bill(Money(minor, currency("CNY")), to)
    major = Decimal(minor).scaleb(-2) * rate
    assert billed == max(1, major.scaleb(to.exponent).quantize(Decimal(1), ROUND_HALF_UP))


def test_without_a_rate_there_is_no_bill() -> None:
    yuan = Money(100, currency("CNY"))
    assert rates({}).bill(yuan, currency("RUB")) is None
    assert rates({}).bill(yuan, currency("CNY")) == 100


@pytest.mark.parametrize("rate", ["", "much", "0", "-1", "NaN", "Infinity", "1e12"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(ConfigurationError):
        rates({"CNY/RUB": rate})


def test_the_index_depends_on_the_key_and_never_holds_the_number(bank: Bank) -> None:
    pan = "5413330089600010"
    other = replace(bank, index_key=bytes(16))
    assert bank.pan_index(pan) != other.pan_index(pan)
    assert pan.encode() not in bank.pan_index(pan)
    assert "index key of tests" not in repr(bank)
    with pytest.raises(ConfigurationError):
        replace(bank, index_key=bytes(15))


def test_no_card_number_and_no_code_is_in_the_database(
    bank: Bank,
    purchase: Callable[..., Message],
    tokenisation: Callable[..., Message],
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path}/issuer.db")
    store = IssuerDatabase(database)
    enrol(bundled().cardholders, bank, store, NOW)
    group = [purchase(1), tokenisation("ACN", 2, code="48291357")]
    assert [m[39] for m in handle(group, bank, store, Outbox(), NOW)] == ["00", "00"]
    database.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    pan = "5413330089600010"
    assert b"Anna Sokolova" in kept and purchase(1).text(37).encode() in kept
    for secret in (pan.encode(), bytes.fromhex(pan), pan.encode("utf-16-le"), b"48291357"):
        assert secret not in kept


def test_accounts_are_opened_once(bank: Bank, store: IssuerDatabase) -> None:
    with store.transaction() as transaction:
        before = transaction.trial_balance()
        accounts = transaction.accounts()
    assert enrol(bundled().cardholders, bank, store, NOW) == []
    with store.transaction() as transaction:
        assert transaction.trial_balance() == before
        assert transaction.accounts() == accounts


def test_a_card_has_one_account(bank: Bank, store: IssuerDatabase) -> None:
    anna = bundled().cardholders[0]
    newcomers = [replace(anna, id="zoya", pan=bundled().cardholders[1].pan)]
    with pytest.raises(ConflictError) as caught:
        enrol(newcomers, bank, store, NOW)
    assert "541333" not in str(caught.value)
    with store.transaction() as transaction:
        assert len(transaction.accounts()) == len(bundled().cardholders)


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("+86 139 0000-1234", "+86 *** ****-1234"),
        ("+91 98100 00-2026", "+91 ***** **-2026"),
        ("+7 1234", "+7 1234"),
    ],
)
def test_a_telephone_number_is_masked(phone: str, shown: str) -> None:
    assert masked(phone) == shown


def test_the_outbox_is_bounded() -> None:
    outbox = Outbox(limit=2)
    for text in "abc":
        outbox.send("+7 1", text)
    assert [(letter.number, letter.text) for letter in outbox.letters()] == [(2, "b"), (3, "c")]
    assert [letter.number for letter in outbox.letters(after=2)] == [3]
