"""A manufactured and personalised element, and the party that owns its keys."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import TransientMemory
from zheton.adapters.entropy import SystemEntropy
from zheton.core.emv import keys, perso, tlv
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.issuance import profile_of
from zheton.core.emv.no_cvm import NoCvm, NoCvmLimit
from zheton.core.emv.perso import BatchHeader, Credential, Credentials, Dgi
from zheton.core.scheme import CryptogramVersion, Scheme
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import HostSession, initialize_update, open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import StaticKeys
from zheton.core.token.pan import luhn_digit
from zheton.roles.element.arming import Armed
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.manufacture import manufacture
from zheton.roles.element.ports import Memory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SERIAL = bytes.fromhex("00010203040506070809")
KEYS = StaticKeys(*(bytes([start]) * 16 for start in (0x40, 0x41, 0x42)))
ISSUER_MASTER_KEYS = {
    "3des": bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"),
    "aes": bytes(range(16)),
}
PASSCODE = "1379"
HOST_CHALLENGE = bytes.fromhex("1122334455667788")

# Nobody has to prove anything up to 1,000 roubles in Russia, three times in a row.
NO_CVM = NoCvm(3, (NoCvmLimit("643", "643", 100_000),))

MASTERCARD = Scheme(
    name="mastercard",
    title="Mastercard",
    aid=bytes.fromhex("A0000000041010"),
    kernel_id=2,
    label="MASTERCARD",
    token_bins=("520473",),
    pan_prefixes=(("51", "55"),),
    par_bin_controller="5001",
    token_requestor_id="50110030273",
    application_version=b"\x00\x02",
    cryptogram=CryptogramVersion(
        0x14,
        "mchip",
        "3des",
        ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36", "CVR"),
        1,
    ),
)
UNIONPAY = Scheme(
    name="unionpay",
    title="UnionPay",
    aid=bytes.fromhex("A000000333010101"),
    kernel_id=7,
    label="UNIONPAY",
    token_bins=("62355312",),
    pan_prefixes=(("62", "62"),),
    par_bin_controller="6001",
    token_requestor_id="62110030273",
    application_version=b"\x00\x20",
    cryptogram=CryptogramVersion(
        0xA6,
        "ccd",
        "aes",
        ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36", "9F10"),
        2,
    ),
)


def make_profile(scheme: Scheme, card: int = 1, priority: int = 1) -> CardProfile:
    return profile_of(
        scheme,
        card_ref=bytes([card]) * 16,
        par=f"{scheme.par_bin_controller}{card:025d}",
        priority=priority,
        language="ruen",
        issuer_country="643",
        currency="643",
        no_cvm=NO_CVM,
    )


def make_number(scheme: Scheme, index: int) -> str:
    body = scheme.token_bins[0]
    body += f"{index:0{15 - len(body)}d}"
    return body + luhn_digit(body)


def make_package(
    profile: CardProfile,
    scheme: Scheme,
    *,
    batch: int = 1,
    size: int = 4,
    expiry: str = "301231",
) -> list[Dgi]:
    """Profile, header and credentials as the provider sends them, with real session keys."""
    version = scheme.cryptogram
    batch_ref = batch.to_bytes(8)
    credentials = []
    for place in range(size):
        number, atc = make_number(scheme, batch * 64 + place), batch * 64 + place + 1
        card_key = keys.icc_master_key(
            version.cipher, ISSUER_MASTER_KEYS[version.cipher], number, 0
        )
        session_key = keys.session_key(version.cipher, card_key, atc)
        credentials.append(Credential(number, atc, session_key))
    header = BatchHeader(profile.card_ref, batch_ref, expiry, "260101", 1, 0)
    return [
        Dgi(perso.CARD_PROFILE, profile.encode()),
        Dgi(perso.BATCH_HEADER, header.encode()),
        Dgi(perso.CREDENTIALS, Credentials(batch_ref, tuple(credentials)).encode()),
    ]


@dataclass
class Bench:
    """An element on the bench, with short ways to talk to it."""

    device: str = "mi-band-3-nfc"
    memory: Memory = field(default_factory=TransientMemory)
    now: datetime = NOW

    def __post_init__(self) -> None:
        if self.memory.load() is None:
            manufacture(self.memory, serial=SERIAL, payment_keys=KEYS)
        self.element = Element(self.memory, device_named(self.device), SystemEntropy())
        self._batches: Iterator[int] = count(1)

    def restart(self) -> None:
        """Cut the power and start from the memory."""
        self.element = Element(self.memory, device_named(self.device), SystemEntropy())

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def nfc(self, apdu: str) -> Response:
        answer = self.element.transmit(Interface.NFC, bytes.fromhex(apdu), self.now)
        return Response.decode(answer)

    def host(self, command: Command) -> Response:
        answer = self.element.transmit(Interface.HOST, command.encode(), self.now)
        return Response.decode(answer)

    def select_domain(self) -> Response:
        return self.host(Command(0x00, 0xA4, 0x04, 0x00, perso.PAYMENT_DOMAIN_AID, le=256))

    def open_session(
        self, level: SecurityLevel = SecurityLevel.C_DECRYPTION_C_MAC, static: StaticKeys = KEYS
    ) -> HostSession:
        assert self.select_domain().ok
        answer = self.host(initialize_update(HOST_CHALLENGE))
        assert answer.ok
        session, authenticate = open_session(
            static, level, HOST_CHALLENGE, InitializeUpdateResponse.decode(answer.data)
        )
        assert self.host(authenticate).ok
        return session

    def store(self, dgis: list[Dgi]) -> list[int]:
        """Load a package in a session of its own; the status word of each block."""
        session = self.open_session()
        return [self.host(session.wrap(command)).sw for command in perso.store_data_commands(dgis)]

    def load(
        self, scheme: Scheme = MASTERCARD, *, card: int = 1, priority: int = 1, size: int = 4
    ) -> None:
        profile = make_profile(scheme, card, priority)
        package = make_package(profile, scheme, batch=next(self._batches), size=size)
        assert set(self.store(package)) == {0x9000}

    def wear(self) -> None:
        """Put it on and enter the passcode, which is set at the first time."""
        self.element.put_on()
        if self.element.status(self.now).tries_left is None:
            assert self.element.set_passcode(PASSCODE).right
        assert self.element.enter_passcode(PASSCODE, self.now).right

    def arm(self, card_ref: bytes | None = None) -> None:
        """Arm it on the wrist of its owner."""
        if not self.element.status(self.now).verified:
            self.wear()
        result = self.element.arm(self.now, card_ref)
        assert isinstance(result, Armed)

    def select(self, name: bytes) -> Response:
        return self.nfc(Command(0x00, 0xA4, 0x04, 0x00, name, le=256).encode().hex())

    def initiate(self, scheme: Scheme = MASTERCARD) -> Response:
        """SELECT the card, then GET PROCESSING OPTIONS."""
        assert self.select(scheme.aid).ok
        return self.nfc("80A80000 02 8300 00")

    def generate(self, data: bytes, p1: int = 0x80) -> Response:
        return self.nfc(Command(0x80, 0xAE, p1, 0, data, le=256).encode().hex())


@pytest.fixture
def bench() -> Bench:
    """An element with one Mastercard of four credentials."""
    made = Bench()
    made.load()
    return made


def tags_of(response: Response) -> dict[int, bytes]:
    """The primitive values of a response."""
    return tlv.flat(response.data)
