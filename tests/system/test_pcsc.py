"""The band in a real PC/SC service: read by our terminal, and by programs that others wrote."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from threading import Thread

import pytest

from tests.system.conftest import WAIT_S, PcscService, eventually, require
from tests.unit.roles.element.conftest import MASTERCARD, NOW, UNIONPAY, Bench, make_number
from zheton.adapters.pcsc import PcscCard, Reader, readers
from zheton.adapters.terminal_file import load_terminal
from zheton.adapters.vpcd import ATR_CONTACT_T0, ATR_CONTACTLESS, Events, VirtualCard
from zheton.core.country import country
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import NotFoundError
from zheton.core.money import currency, money
from zheton.core.scheme import Scheme
from zheton.roles.element.element import Interface
from zheton.roles.element.transport import Link, Protocol
from zheton.roles.terminal.entry_point import PPSE, tap
from zheton.roles.terminal.outcome import EndApplication, OnlineRequest, Outcome, TryAgain
from zheton.roles.terminal.ports import CardGoneError
from zheton.roles.terminal.state import Transaction

pytestmark = pytest.mark.system
TILL = load_terminal(country("RU"), currency("RUB"))
PROTOCOLS = pytest.mark.parametrize("protocol", list(Protocol), ids=lambda p: p.name)
SELECT_PPSE = Command(0x00, 0xA4, 0x04, 0x00, PPSE, le=256).encode()


@contextmanager
def in_reader(
    service: PcscService, bench: Bench, protocol: Protocol = Protocol.T1
) -> Iterator[VirtualCard]:
    """The bench's element as a card in the virtual reader, and out again."""
    link = Link(protocol)

    def away() -> None:
        bench.element.reset(Interface.NFC)
        link.reset()

    def answer(command: bytes) -> bytes:
        return link.exchange(
            command, lambda each: bench.element.transmit(Interface.NFC, each, bench.now)
        )

    events = Events(power_on=away, power_off=away, reset=away)
    atr = ATR_CONTACT_T0 if protocol is Protocol.T0 else ATR_CONTACTLESS
    with VirtualCard(answer, events, atr=atr, port=service.port) as card:
        thread = Thread(target=card.serve)
        thread.start()
        try:
            yield card
        finally:
            card.remove()
            thread.join(WAIT_S)
    assert not thread.is_alive()
    # Looked at and not connected to: a connection to a card that leaves makes pcscd miss the next.
    with Reader() as reader:
        eventually(lambda: not reader.has_card(), "the removal of the card")


@contextmanager
def tapped() -> Iterator[PcscCard]:
    with Reader("Virtual PCD 00 00") as reader, reader.wait_for_card(WAIT_S) as card:
        yield card


def pay(card: PcscCard) -> Outcome:
    charge = Transaction(money("350", "RUB"), NOW.date(), time(12, 0), b"\x01\x02\x03\x04", 7)
    return tap(card, TILL, charge)


def loaded(scheme: Scheme) -> Bench:
    bench = Bench()
    bench.load(scheme)
    return bench


@pytest.mark.parametrize("scheme", [MASTERCARD, UNIONPAY], ids=lambda s: s.name)
def test_our_terminal_pays_with_our_band_alike_in_t0_and_t1(
    pcsc: PcscService, scheme: Scheme
) -> None:
    sales = []
    for protocol in Protocol:
        bench = loaded(scheme)
        with in_reader(pcsc, bench, protocol), tapped() as card:
            assert card.t0 is (protocol is Protocol.T0)
            bench.arm()
            request = pay(card)
        assert isinstance(request, OnlineRequest)
        assert request.sale.number == make_number(scheme, 64)
        sales.append(request.sale)
    assert sales[0] == sales[1]


def test_a_band_left_in_the_reader_pays_again_by_another_number(pcsc: PcscService) -> None:
    bench, numbers = loaded(MASTERCARD), []
    with in_reader(pcsc, bench):
        for _ in range(3):
            with tapped() as card:
                bench.arm()
                request = pay(card)
            assert isinstance(request, OnlineRequest)
            numbers.append(request.sale.number)
        with tapped() as card:
            assert isinstance(pay(card), EndApplication)  # not armed
    assert len(set(numbers)) == 3


def test_a_band_that_leaves_during_a_tap_is_asked_for_again(pcsc: PcscService) -> None:
    bench = loaded(MASTERCARD)
    bench.arm()
    with in_reader(pcsc, bench) as inserted, tapped() as card:
        assert Response.decode(card.transceive(SELECT_PPSE)).ok
        inserted.remove()
        assert isinstance(pay(card), TryAgain)
        with pytest.raises(CardGoneError):
            card.transceive(SELECT_PPSE)


def test_an_empty_reader_and_an_unknown_one_are_told(pcsc: PcscService) -> None:
    assert any("Virtual PCD" in name for name in readers())
    with Reader() as reader, pytest.raises(NotFoundError, match="No card came"):
        reader.wait_for_card(0)
    with pytest.raises(NotFoundError, match="'Nonesuch'; there are Virtual PCD"):
        Reader("Nonesuch")


def foreign(service: PcscService, *command: str, script: str | None = None) -> str:
    """What a program of somebody else's prints when it uses the service."""
    done = subprocess.run(
        command,
        env=service.environment,
        input=script,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    return done.stdout + done.stderr


@PROTOCOLS
def test_opensc_reads_the_band(pcsc: PcscService, protocol: Protocol) -> None:
    require("opensc-tool", "opensc")
    bench = loaded(MASTERCARD)
    with in_reader(pcsc, bench, protocol):
        with tapped():  # pcscd has seen the card once somebody could connect to it
            pass
        told = foreign(
            pcsc,
            *("opensc-tool", "--reader", "0", "--card-driver", "default"),
            *("--atr", "--send-apdu", SELECT_PPSE.hex()),
            *("--send-apdu", "00FE000000", "--send-apdu", "00A4040006A00000099901"),
        )
    atr = ATR_CONTACT_T0 if protocol is Protocol.T0 else ATR_CONTACTLESS
    assert atr.hex(":") in told.lower()
    statuses = re.findall(r"Received \(SW1=0x(\w\w), SW2=0x(\w\w)\)", told)
    assert statuses == [("90", "00"), ("6D", "00"), ("6A", "82")]
    assert PPSE[:12].hex(" ").upper() in told.split("Received")[1]  # a line of its dump


SCRIPT_T1 = [
    (SELECT_PPSE.hex(), "90 00"),
    ("00FE000000", "6D 00"),
    ("84A4040000", "6E 00"),
    ("00A4040107A000000004101000", "6A 86"),
    ("00A4040006A0000009990100", "6A 82"),
    ("00A404000E315041592E5359532E444446303100", "6A 82"),
    ("00A4040005A00000000400", "90 00"),
    ("00B2010C00", "69 85"),
    ("80A8000002830000", "69 85"),
    ("80CA9F1700", "6A 88"),
    ("0084000008", "6D 00"),
]


def test_scriptor_gets_the_standards_answers_in_t1(pcsc: PcscService) -> None:
    assert scripted(pcsc, Protocol.T1, [sent for sent, _ in SCRIPT_T1]) == [
        status for _, status in SCRIPT_T1
    ]


def test_scriptor_fetches_answers_in_t0(pcsc: PcscService) -> None:
    select = SELECT_PPSE[:-1].hex()
    statuses = scripted(pcsc, Protocol.T0, [select, "00C00000FF", "00FE000000", select])
    announced = re.fullmatch(r"61 (\w\w)", statuses[0])
    assert announced
    assert statuses == [statuses[0], f"6C {announced[1]}", "6D 00", statuses[0]]


def test_a_foreign_reader_takes_a_whole_debit(pcsc: PcscService) -> None:
    """SELECT, GPO with an empty PDOL, records, past their end, first and second GENERATE AC."""
    bench = loaded(MASTERCARD)
    bench.arm()
    cdol1, cdol2 = "00" * 33, "00" * 21
    commands = [
        ("00A4040007A000000004101000", "90 00"),
        ("80A8000002830000", "90 00"),
        ("00B2010C00", "90 00"),
        ("00B20A0C00", "6A 83"),
        ("00B201FC00", "6A 82"),
        ("80CA9F3600", "90 00"),
        (f"80AE800021{cdol1}00", "90 00"),
        (f"80AE000015{cdol2}00", "90 00"),
        (f"80AE000015{cdol2}00", "69 85"),
    ]
    statuses = scripted(pcsc, Protocol.T1, [sent for sent, _ in commands], bench)
    assert statuses == [status for _, status in commands]
    assert bench.element.credentials_left() == 3


def scripted(
    service: PcscService, protocol: Protocol, commands: list[str], bench: Bench | None = None
) -> list[str]:
    """The status words that scriptor shows for commands in hexadecimal digits."""
    require("scriptor", "pcsc-tools")
    with in_reader(service, bench or loaded(MASTERCARD), protocol):
        with tapped():  # pcscd has seen the card once somebody could connect to it
            pass
        told = foreign(
            service,
            *("scriptor", "-r", "Virtual PCD 00 00", "-p", f"T={int(protocol)}"),
            script="".join(f"{command}\n" for command in commands),
        )
    statuses = [" ".join(found) for found in re.findall(r"(\w\w) (\w\w) : ", told)]
    assert len(statuses) == len(commands), told
    return statuses
