"""A debit with real bytes: the band on the bench, our terminal, the messages of the dialect."""

import json
from datetime import time

import pytest

from tests.unit.roles.element.conftest import MASTERCARD, NOW, Bench
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.trace import Crossing, Protocol, Trace
from zheton.core.country import country
from zheton.core.emv import perso
from zheton.core.emv.apdu import Command
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.match import original_of
from zheton.core.iso8583.message import Message, encode
from zheton.core.iso8583.subelements import encode as subelements
from zheton.core.money import currency, money
from zheton.core.scheme import Scheme
from zheton.core.token.pan import Pan
from zheton.roles.element.element import Interface
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import OnlineRequest
from zheton.roles.terminal.state import Transaction

PAN = Pan("5413330089600010")
AMOUNT = money("350", "RUB")
PAR = f"{MASTERCARD.par_bin_controller}{1:025d}"
PHONE = "+7 916 555-12-34"
JWE = "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0.a2V5.aXY.Y2lwaGVydGV4dA.dGFn"


def crossing(source: str, target: str, protocol: Protocol, data: bytes, note: str = "") -> Crossing:
    """A crossing at moment 0."""
    return Crossing(0.0, source, target, protocol, data, note)


class Recorded:
    """The card side of a tap, which tells a trace of what passes."""

    def __init__(self, bench: Bench, trace: Trace) -> None:
        self.bench, self.trace = bench, trace
        bench.element.reset(Interface.NFC)

    def transceive(self, command: bytes) -> bytes:
        self.trace.record("terminal", "element", "apdu", command)
        answer = self.bench.element.transmit(Interface.NFC, command, self.bench.now)
        self.trace.record("element", "terminal", "apdu", answer, took_ms=0.25)
        return answer


def tapped(scheme: Scheme = MASTERCARD) -> tuple[list[Crossing], OnlineRequest]:
    """The APDUs of a real tap over 350 roubles, and what the terminal wants of its acquirer."""
    bench = Bench()
    bench.load(scheme)
    bench.arm()
    moments = iter(range(1_000))
    trace = Trace(lambda: float(next(moments)))
    trace.start()
    till = load_terminal(country("RU"), currency("RUB"))
    charge = Transaction(AMOUNT, NOW.date(), time(12, 0), b"\x01\x02\x03\x04", 7)
    outcome = tap(Recorded(bench, trace), till, charge)
    assert isinstance(outcome, OnlineRequest)
    return trace.stop(), outcome


def request(outcome: OnlineRequest) -> Message:
    """The acquirer's 0100 of a tap."""
    return Message(
        "0100",
        {
            2: outcome.sale.number,
            3: "000000",
            4: f"{AMOUNT.minor:012d}",
            7: "1122093000",
            11: "000123",
            14: outcome.sale.expiry,
            22: "072",
            32: "400001",
            37: "632609000123",
            41: "LABTILL1",
            43: f"{'ZHETON LAB SHOP':22} {'Moscow':13} RUS",
            49: AMOUNT.currency.numeric,
            55: outcome.sale.chip,
        },
    )


def forwarded(message: Message) -> Message:
    """The same right of the network: the card's number, the token data and PAR, no chip data."""
    token_data = f"{message.text(2)}{message.text(14)}50110030273"
    changes = {2: PAN.reveal(), 14: "2912", 33: "900001", 48: subelements({"33": token_data})}
    return message.with_fields({**changes, 56: PAR}, drop=[55])


def debit() -> list[Crossing]:
    """Enrolment and one approved debit, as bytes between all parties."""
    apdus, outcome = tapped()
    asked = request(outcome)
    card = {"cardNumber": PAN.reveal(), "cvc": "739", "phone": PHONE}
    at_issuer = forwarded(asked)
    answer = at_issuer.with_fields({38: "A1B2C3", 39: "00"}, drop=[48], mti="0110")
    returned = answer.with_fields({2: asked.text(2), 56: PAR})
    reversal = asked.with_fields({90: original_of(asked).encode()}, drop=[55], mti="0400")
    wrapped = Bench().open_session().wrap(Command(0x80, 0xE2, 0x88, 0, b"secret of the chip"))
    package = {"commands": [wrapped.encode().hex()], "numbers": 64}
    select = Command(0x00, 0xA4, 0x04, 0x00, perso.PAYMENT_DOMAIN_AID, le=256)
    sealed = json.dumps({"encryptedPayload": JWE}).encode()
    return [
        crossing("cardholder", "entry form", "typed", json.dumps(card).encode(), "Card typed"),
        crossing("entry form", "wallet", "http", sealed, "POST /v1/cards"),
        crossing("wallet", "vault", "http", sealed, "POST /tsp/tokenize"),
        crossing("vault", "wallet", "http", json.dumps(package).encode(), "200 /tsp/provision"),
        crossing("companion", "element", "apdu", select.encode()),
        crossing("companion", "element", "apdu", wrapped.encode()),
        *apdus,
        *(
            crossing(source, target, "iso8583", encode(DIALECT, message))
            for source, target, message in (
                ("acquirer", "vault", asked),
                ("vault", "issuer", at_issuer),
                ("issuer", "vault", answer),
                ("vault", "acquirer", returned),
                ("acquirer", "vault", reversal),
            )
        ),
    ]


@pytest.fixture(scope="session")
def trace() -> list[Crossing]:
    """Enrolment and one approved debit."""
    return debit()
