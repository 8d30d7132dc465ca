"""Cardholder verification: on the device, by the card's list, or none."""

from datetime import date, time

import pytest

from zheton.adapters.terminal_file import load_terminal
from zheton.core.country import country
from zheton.core.errors import DecodeError
from zheton.core.money import currency, money
from zheton.roles.terminal.application import Profile
from zheton.roles.terminal.cvm import verify
from zheton.roles.terminal.state import Setup, Transaction
from zheton.roles.terminal.terminal_data import terminal_data
from zheton.roles.terminal.tvr import Tvr

TILL = load_terminal(country("RU"), currency("RUB"))
ON_DEVICE, BY_LIST, NEVER = (Profile(bytes.fromhex(aip)) for aip in ("1280", "1080", "0080"))


def setup(amount: str) -> Setup:
    debit = Transaction(money(amount, "RUB"), date(2019, 9, 1), time(12), b"abcd", 1)
    return Setup(TILL, TILL.combinations[0], debit)


def methods(rules: str, x: int = 0, y: int = 0) -> dict[int, bytes]:
    return {0x8E: x.to_bytes(4) + y.to_bytes(4) + bytes.fromhex(rules), 0x9F42: b"\x06\x43"}


@pytest.mark.parametrize(
    ("amount", "results"), [("1000", "3f0002"), ("1000.01", "010002"), ("50000", "010002")]
)
def test_on_device_verification_counts_above_the_limit_only(amount: str, results: str) -> None:
    done = verify({}, ON_DEVICE, setup(amount))
    assert (done.results.hex(), done.tvr, done.signature) == (results, Tvr.NONE, False)


def test_a_card_that_has_no_verification_is_not_verified() -> None:
    assert verify(methods("1F00"), NEVER, setup("5000")).results.hex() == "3f0000"


@pytest.mark.parametrize("card", [{}, {0x8E: b""}, {0x8E: bytes(8)}])
def test_a_missing_list_is_missing_data(card: dict[int, bytes]) -> None:
    done = verify(card, BY_LIST, setup("100"))
    assert (done.results.hex(), done.tvr) == ("3f0000", Tvr.ICC_DATA_MISSING)


def test_an_odd_list_is_malformed() -> None:
    with pytest.raises(DecodeError, match="odd"):
        verify({0x8E: bytes(11)}, BY_LIST, setup("100"))


@pytest.mark.parametrize(
    ("rules", "amount", "results", "tvr"),
    [
        ("1F00", "100", "1f0002", Tvr.NONE),
        ("1F03", "100", "1f0302", Tvr.NONE),
        ("1F03", "5000", "1f0302", Tvr.NONE),  # the till has "no CVM" in its 9F33 at any amount
        ("1E03", "100", "3f0001", Tvr.CVM_FAILED),  # up to the limit only "no CVM" is offered
        ("1E03", "5000", "1e0300", Tvr.NONE),
        ("4203 1E03 1F03", "5000", "1e0300", Tvr.NONE),
        ("4200 1E00", "5000", "1e0000", Tvr.NONE),
        ("0200 1E00", "5000", "020001", Tvr.CVM_FAILED),
        ("0000 1F00", "100", "000001", Tvr.CVM_FAILED),
        ("4000 1F00", "100", "400001", Tvr.CVM_FAILED),
        ("6000 1F00", "100", "1f0002", Tvr.UNRECOGNISED_CVM),
        ("2000 1F00", "100", "200001", Tvr.UNRECOGNISED_CVM | Tvr.CVM_FAILED),
        ("1F01 1F04 1F05 1F0A", "100", "3f0001", Tvr.CVM_FAILED),
        ("1F02", "100", "1f0202", Tvr.NONE),
    ],
)
def test_rules_of_the_list(rules: str, amount: str, results: str, tvr: Tvr) -> None:
    done = verify(methods(rules), BY_LIST, setup(amount))
    assert (done.results.hex(), done.tvr, done.signature) == (
        results,
        tvr,
        results.startswith("1e"),
    )


@pytest.mark.parametrize(
    ("rule", "amount", "holds"),
    [
        ("1F06", "9.99", True),
        ("1F06", "10", False),
        ("1F07", "10", False),
        ("1F07", "10.01", True),
        ("1F08", "19.99", True),
        ("1F08", "20", False),
        ("1F09", "20", False),
        ("1F09", "20.01", True),
    ],
)
def test_amounts_x_and_y(rule: str, amount: str, holds: bool) -> None:
    card = methods(rule, 1000, 2000)
    assert (verify(card, BY_LIST, setup(amount)).tvr == Tvr.NONE) is holds
    card[0x9F42] = b"\x01\x56"
    assert verify(card, BY_LIST, setup(amount)).tvr == Tvr.CVM_FAILED


def test_the_capabilities_told_to_the_card_follow_the_amount() -> None:
    assert terminal_data(setup("1000"))[0x9F33].hex() == "000808"
    assert terminal_data(setup("1000.01"))[0x9F33].hex() == "002808"
