"""The terminal with any card, and the element with any reader, as targets of the same bytes.

An honest partner keeps the conversation going, and the bytes choose where it does something else:
so the deep states are reached, which noise alone never sees.
"""

from copy import copy
from datetime import timedelta
from functools import cache

from tests.fuzz.choices import Choices
from tests.unit.roles.element.conftest import (
    KEYS,
    MASTERCARD,
    PASSCODE,
    SERIAL,
    UNIONPAY,
    Bench,
)
from tests.unit.roles.terminal.test_terminal_authentication import ABLE, CDA_RELAY, SigningCard
from tests.unit.roles.terminal.test_terminal_tap import PlainCard, options, sale_of
from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import TransientMemory
from zheton.adapters.entropy import SeededEntropy
from zheton.core.emv import perso, tlv
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import DecodeError, EncodeError, VerificationError
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import HostSession, initialize_update, open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.token.pan import luhn_digit
from zheton.roles.element import image
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.manufacture import manufacture
from zheton.roles.element.transport import Link, Protocol
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import (
    Declined,
    EndApplication,
    OnlineRequest,
    TryAgain,
)
from zheton.roles.terminal.ports import CardGoneError

COMMANDS_MAX = (
    1 + 2 * 32 + 3 + 32 + 1
)  # SELECT and GPO of each entry, relay, records, the cryptogram
EXCHANGES_MAX = 24


@cache
def _honest(kind: int) -> PlainCard:
    if kind == 0:
        return PlainCard()
    aip = CDA_RELAY if kind == 1 else "0380"
    return SigningCard(options=options(aip, "08010101 10010200"))


class Stranger:
    """An honest card in the hands of somebody who changes what it says."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.at_ms = 0.0
        self.last = b""
        self.card = copy(_honest(choices.below(3)))
        self.card.seen = []
        if isinstance(self.card, SigningCard):
            self.card.relay_answers = iter([bytes.fromhex("A1A2A3A4 0014 01F4 0018")] * 3)

    def elapsed_ms(self) -> float:
        self.at_ms += 1
        return self.at_ms

    def transceive(self, command: bytes) -> bytes:
        self.last = self._changed(self.card.transceive(command))
        return self.last

    def _changed(self, answer: bytes) -> bytes:
        choices = self.choices
        match choices.below(12):
            case 6:
                return choices.some()
            case 7:
                return answer[:-2] + choices.take(2)
            case 8:
                at = choices.below(256) % (len(answer) or 1)
                damage = choices.take(1 + choices.below(4))
                return answer[:at] + damage + answer[at + len(damage) :]
            case 9:
                self.at_ms += 40 * choices.below(256)
                return answer
            case 10:
                return _edited(answer[:-2], choices) + answer[-2:]
            case 11:
                if choices.below(8) == 0:
                    raise CardGoneError("gone")
                return _edited(_edited(answer[:-2], choices), choices) + answer[-2:]
            case _:
                return answer


def _edited(data: bytes, choices: Choices) -> bytes:
    """A template with one data object left out, twice there, changed or new; else as it was."""
    try:
        (template,) = tlv.decode(data)
    except (DecodeError, ValueError):
        return data
    objects = [(each.tag, each.value) for each in template.children]
    if not objects:
        return data
    at = choices.below(len(objects))
    tag, value = objects[at]
    match choices.below(5):
        case 0:
            del objects[at]
        case 1:
            objects.append(objects[at])
        case 2:
            objects[at] = (tag, choices.some())
        case 3:
            objects[at] = (tag, _edited(value, choices))
        case _:
            objects.insert(at, (choices.below(255) + 1, choices.some()))
    try:
        return tlv.encode(template.tag, tlv.encode_all(objects))
    except EncodeError:
        return data


def kernel_target(data: bytes) -> None:
    """Whatever a card says is one of four outcomes, and an online request only with its ARQC."""
    stranger = Stranger(Choices(data))
    outcome = tap(stranger, ABLE, sale_of(), stranger)
    assert isinstance(outcome, OnlineRequest | Declined | EndApplication | TryAgain)
    assert len(stranger.card.seen) <= COMMANDS_MAX
    if not isinstance(outcome, OnlineRequest):
        return
    asked, answer = stranger.card.seen[-1], tlv.flat(stranger.last[:-2])
    assert asked.ins == 0xAE and asked.p1 & 0xC0 == 0x80 and stranger.last[-2:] == b"\x90\0"
    sale, chip = outcome.sale, tlv.flat(outcome.sale.chip)
    assert luhn_digit(sale.number[:-1]) == sale.number[-1]
    assert sale.track2 is None or sale.track2.startswith(f"{sale.number}={sale.expiry}")
    assert chip[0x9F02].hex() == "000000035000" and chip[0x9F37] == b"\x01\x02\x03\x04"
    assert chip[0x9F27][0] & 0xC0 == 0x80
    if 0x9F27 in answer:  # format 2, where the tags can be compared
        assert all(chip[tag] == answer[tag] for tag in (0x9F27, 0x9F36))


@cache
def personalised() -> bytes:
    """The memory of an element with two cards and a passcode."""
    memory = TransientMemory()
    manufacture(memory, serial=SERIAL, payment_keys=KEYS, issuer_keys=KEYS)
    bench = Bench(memory=memory)
    bench.load(MASTERCARD, card=1, priority=1)
    bench.load(UNIONPAY, card=2, priority=2)
    bench.wear()
    return bench.memory.load() or b""


READER = tuple(
    bytes.fromhex(each)
    for each in (
        "00A404000E325041592E5359532E444446303100",
        "00A4040007A000000004101000",
        "00A4040008A00000033301010100",
        "80A8000002830000",
        "00B2010C00",
        "00B2021400",
        "80EA00000401020304",
        "80AE800021" + "01" * 33,
        "80AE400015" + "00" * 21,
        "80CA9F3600",
    )
)
HOST = tuple(
    bytes.fromhex(each)
    for each in (
        "00A4040008F05A4845544F4E0100",
        "00A4040008A00000015100000000",
        "00A4040008F05A4845544F4E0200",
        "8050000008112233445566778800",
        "8482030010" + "00" * 16,
        "84E2880018" + "00" * 24,
        "80F24002024F0000",
        "80CA006600",
        "80CA9F7F00",
    )
)
# STORE DATA, INSTALL, DELETE, GET STATUS, SET STATUS, PUT KEY, GET DATA (GPC 2.3.1, chapter 11)
MANAGEMENT = bytes.fromhex("E2E6E4F2F0D8CA")


class Conversation:
    """Somebody at both interfaces of a personalised element, who may hold the domain's keys."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.bench = Bench(memory=TransientMemory(personalised()))
        self.session: HostSession | None = None
        self.link = Link(Protocol(choices.below(2)))
        self._power_on()

    def _power_on(self) -> None:
        profile = device_named(self.bench.device)
        self.bench.element = Element(self.bench.memory, profile, SeededEntropy(1))
        self.session = None

    def step(self) -> None:
        """One event or one command."""
        choices, bench = self.choices, self.bench
        match choices.below(10):
            case 0:
                self._event()
            case 1 | 2:
                self.send(Interface.NFC, READER[choices.below(len(READER))])
            case 3:
                self.send(Interface.NFC, self._altered(READER))
            case 4:
                self.send(Interface.HOST, HOST[choices.below(len(HOST))])
            case 5:
                self.send(Interface.HOST, self._altered(HOST))
            case 6:
                self.send((Interface.NFC, Interface.HOST)[choices.below(2)], choices.some())
            case 7:
                self._open()
            case 8:
                self._wrapped()
            case _:
                answer = self.link.exchange(
                    self._altered(READER),
                    lambda each: bench.element.transmit(Interface.NFC, each, bench.now),
                )
                assert Response.decode(answer)

    def send(self, interface: Interface, command: bytes) -> Response:
        """The element's answer, and what may be said of every answer."""
        answer = self.bench.element.transmit(interface, command, self.bench.now)
        response = Response.decode(answer)
        assert response.sw >> 12 in (0x6, 0x9)
        assert image.decode(self.bench.memory.load() or b"") == self.bench.element._chip.state
        return response

    def _event(self) -> None:
        choices, bench = self.choices, self.bench
        match choices.below(7):
            case 0:
                bench.element.put_on()
                bench.element.enter_passcode(PASSCODE, bench.now)
                bench.element.arm(bench.now)
            case 1:
                bench.element.disarm()
            case 2:
                bench.element.put_on()
            case 3:
                bench.element.reset(Interface.NFC)
                self.link.reset()
            case 4:
                self._power_on()
            case 5:
                bench.now += timedelta(seconds=choices.below(64))
            case _:
                bench.element.enter_passcode(f"{choices.below(256):04d}", bench.now)

    def _altered(self, commands: tuple[bytes, ...]) -> bytes:
        choices = self.choices
        command = bytearray(commands[choices.below(len(commands))])
        for _ in range(1 + choices.below(3)):
            command[choices.below(len(command))] = choices.below(256)
        return bytes(command) + choices.take(choices.below(2))

    def _open(self) -> None:
        choices = self.choices
        level = list(SecurityLevel)[choices.below(len(SecurityLevel))]
        challenge = bytes(8)
        self.send(Interface.HOST, HOST[choices.below(2)])
        answer = self.send(Interface.HOST, initialize_update(challenge).encode())
        if not answer.ok:
            return
        try:
            read = InitializeUpdateResponse.decode(answer.data)
            self.session, authenticate = open_session(KEYS, level, challenge, read)
        except (DecodeError, VerificationError):  # of a chip whose keys were changed
            return
        self.send(Interface.HOST, authenticate.encode())

    def _wrapped(self) -> None:
        """A command of our own in a session that is authentic: data groupings, or anything."""
        if self.session is None:
            return
        choices = self.choices
        if choices.below(2):
            identifier = 0xD001 + choices.below(8)
            dgi = perso.encode_dgis([perso.Dgi(identifier, choices.some()[:200])])
            command = Command(0x80, 0xE2, 0x88, 0, dgi)
        else:
            ins, p1, p2 = (
                MANAGEMENT[choices.below(len(MANAGEMENT))],
                *choices.take(2).ljust(2, b"\0"),
            )
            command = Command(0x80, ins, p1, p2, choices.some()[:200])
        try:
            wrapped = self.session.wrap(command)
        except EncodeError:
            return
        self.send(Interface.HOST, wrapped.encode())


def element_target(data: bytes) -> None:
    """No sequence of events and commands upsets the element, or what it keeps."""
    choices = Choices(data)
    conversation = Conversation(choices)
    for _ in range(EXCHANGES_MAX):
        if choices.over:
            return
        conversation.step()


CONVERSATIONS = {"kernel": kernel_target, "element": element_target}
