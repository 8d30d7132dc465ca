"""Our terminal reads our band: nothing passes between them but APDUs."""

from dataclasses import dataclass, replace
from datetime import time

import pytest

from tests.unit.roles.element.conftest import (
    ISSUER_MASTER_KEYS,
    MASTERCARD,
    NOW,
    UNIONPAY,
    Bench,
    make_number,
)
from zheton.adapters.terminal_file import load_terminal
from zheton.core.country import country
from zheton.core.emv import keys, tags, tlv
from zheton.core.emv.cryptogram import application_cryptogram, cryptogram_input
from zheton.core.money import currency, money
from zheton.core.scheme import Scheme
from zheton.roles.element.element import Interface
from zheton.roles.element.transport import Link, Protocol
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import (
    Declined,
    EndApplication,
    OnlineRequest,
    Outcome,
    TryAgain,
)
from zheton.roles.terminal.ports import CardGoneError
from zheton.roles.terminal.state import Transaction

TILL = load_terminal(country("RU"), currency("RUB"))
NETWORKS = pytest.mark.parametrize("scheme", [MASTERCARD, UNIONPAY], ids=lambda s: s.name)
COMMANDS_OF_A_TAP = 8  # SELECT twice, GPO, four records at most, GENERATE AC


@dataclass
class Field:
    """A bench's element in the terminal's field, until it leaves."""

    bench: Bench
    leaves_at: int = 1_000
    unheard: bool = False
    count: int = 0

    def __post_init__(self) -> None:
        self.bench.element.reset(Interface.NFC)
        self.link = Link(Protocol.T1)

    def transceive(self, command: bytes) -> bytes:
        self.count += 1
        leaving = self.count > self.leaves_at
        if leaving and not self.unheard:
            raise CardGoneError("gone")
        answer = self.link.exchange(
            command,
            lambda each: self.bench.element.transmit(Interface.NFC, each, self.bench.now),
        )
        if leaving:  # the card got the command, the terminal never got the answer
            raise CardGoneError("gone")
        return answer


def armed(scheme: Scheme) -> Bench:
    bench = Bench()
    bench.load(scheme)
    bench.arm()
    return bench


def pay(field: Field, amount: str = "350") -> Outcome:
    charge = Transaction(money(amount, "RUB"), NOW.date(), time(12, 0), b"\x01\x02\x03\x04", 7)
    return tap(field, TILL, charge)


def verify(scheme: Scheme, request: OnlineRequest) -> None:
    """What the network does with the chip data: derive the keys again, compute, compare."""
    chip = tlv.flat(request.sale.chip)
    cipher = scheme.cryptogram.cipher
    card_key = keys.icc_master_key(
        cipher, ISSUER_MASTER_KEYS[cipher], request.sale.number, request.sale.psn or 0
    )
    session_key = keys.session_key(cipher, card_key, int.from_bytes(chip[tags.ATC]))
    data = cryptogram_input(scheme.cryptogram, chip, chip[tags.ISSUER_APPLICATION_DATA])
    made = application_cryptogram(cipher, session_key, data)
    assert chip[tags.APPLICATION_CRYPTOGRAM] == made


@NETWORKS
@pytest.mark.parametrize("amount", ["0.01", "350", "1000.01", "150000"])
def test_an_armed_band_pays_at_any_amount(scheme: Scheme, amount: str) -> None:
    request = pay(Field(armed(scheme)), amount)
    assert isinstance(request, OnlineRequest)
    assert request.sale.number == make_number(scheme, 64)
    assert request.sale.label == scheme.label and request.sale.aid == scheme.aid
    expected = "010002" if float(amount) > 1000 else "3f0002"
    assert request.sale.cvm_results.hex() == expected
    chip = tlv.flat(request.sale.chip)
    assert chip[tags.TOKEN_REQUESTOR_ID].hex() == "0" + scheme.token_requestor_id
    assert len(chip[tags.PAYMENT_ACCOUNT_REFERENCE]) == 29
    verify(scheme, request)


@NETWORKS
def test_every_tap_has_a_number_of_its_own_and_then_there_are_none(scheme: Scheme) -> None:
    bench, numbers = armed(scheme), set()
    for left in (3, 2, 1, 0):
        request = pay(Field(bench))
        assert isinstance(request, OnlineRequest)
        numbers.add(request.sale.number)
        assert bench.element.credentials_left() == left
        if left:
            bench.arm()
    assert len(numbers) == 4
    assert isinstance(pay(Field(bench)), EndApplication)


def test_an_unarmed_band_does_not_pay() -> None:
    bench = Bench()
    bench.load(MASTERCARD)
    outcome = pay(Field(bench))
    assert isinstance(outcome, EndApplication)
    assert bench.element.credentials_left() == 4


@pytest.mark.parametrize("unheard", [False, True])
@pytest.mark.parametrize("step", range(COMMANDS_OF_A_TAP))
def test_a_torn_tap_is_no_debit_and_the_next_one_pays(step: int, unheard: bool) -> None:
    bench = armed(MASTERCARD)
    torn = Field(bench, leaves_at=step, unheard=unheard)
    first = pay(torn)
    if torn.count <= step:  # the tap was over before the card left
        assert isinstance(first, OnlineRequest)
        return
    assert isinstance(first, TryAgain)
    again = pay(Field(bench))
    if isinstance(again, EndApplication):  # its credential burnt: the wearer arms once more
        assert unheard
        bench.arm()
        again = pay(Field(bench))
    assert isinstance(again, OnlineRequest)
    verify(MASTERCARD, again)


def test_a_till_that_refuses_gets_an_aac_and_the_number_is_spent() -> None:
    bench = armed(MASTERCARD)
    strict = replace(
        TILL,
        combinations=tuple(
            replace(each, action_codes=replace(each.action_codes, denial=b"\x80\0\0\0\0"))
            for each in TILL.combinations
        ),
    )
    charge = Transaction(money("350", "RUB"), NOW.date(), time(12), b"\0" * 4, 7)
    assert isinstance(tap(Field(bench), strict, charge), Declined)
    assert bench.element.credentials_left() == 3


def test_of_two_cards_the_armed_one_pays() -> None:
    bench = Bench()
    bench.load(MASTERCARD, card=1, priority=1)
    bench.load(UNIONPAY, card=2, priority=2)
    bench.arm(bytes([2]) * 16)
    request = pay(Field(bench))
    assert isinstance(request, OnlineRequest) and request.sale.aid == UNIONPAY.aid
