"""A chip and the two parties that hold the keys of its domains."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from tests.unit.roles.element.conftest import HOST_CHALLENGE, KEYS, SERIAL, Bench
from zheton.adapters.element_memory import TransientMemory
from zheton.core.crypto import aes
from zheton.core.crypto.kcv import kcv_aes
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.emv.tlv import decode
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import HostSession, initialize_update, open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import StaticKeys
from zheton.roles.element import image
from zheton.roles.element.element import Interface
from zheton.roles.element.manufacture import manufacture
from zheton.roles.element.registry import ISSUER_DOMAIN_AID, LOAD_FILE_AID, MODULE_AID
from zheton.roles.element.state import ElementState

ISSUER_KEYS = StaticKeys(*(bytes([start]) * 16 for start in (0x70, 0x71, 0x72)))
NEW_KEYS = StaticKeys(*(bytes([start]) * 16 for start in (0x80, 0x81, 0x82)))
C_MAC = SecurityLevel.C_MAC
OWNER = {ISSUER_DOMAIN_AID: ISSUER_KEYS, PAYMENT_DOMAIN_AID: KEYS}


@dataclass
class Managed(Bench):
    """A chip with an issuer domain; `through` is the link that management takes."""

    laboratory: bool = False
    through: Interface = Interface.HOST

    def __post_init__(self) -> None:
        if self.memory.load() is None:
            manufacture(
                self.memory,
                serial=SERIAL,
                payment_keys=KEYS,
                issuer_keys=ISSUER_KEYS,
                laboratory=self.laboratory,
            )
        super().__post_init__()

    @property
    def state(self) -> ElementState:
        """What is durable."""
        return image.decode(self.memory.load() or b"")

    def set_state(self, state: ElementState) -> None:
        """Start a chip from this state."""
        self.memory = TransientMemory(image.encode(state))
        self.restart()

    def send(self, command: Command) -> Response:
        answer = self.element.transmit(self.through, command.encode(), self.now)
        return Response.decode(answer)

    def select_aid(self, aid: bytes = b"", p2: int = 0) -> Response:
        return self.send(Command(0x00, 0xA4, 0x04, p2, aid, le=256))

    def session(
        self,
        aid: bytes = ISSUER_DOMAIN_AID,
        level: SecurityLevel = C_MAC,
        keys: StaticKeys | None = None,
        version: int = 0,
    ) -> "Talk":
        """A session with a domain by its keys, or by others."""
        self.select_aid(aid)
        answer = self.send(initialize_update(HOST_CHALLENGE, version))
        assert answer.ok, hex(answer.sw)
        opened = InitializeUpdateResponse.decode(answer.data)
        session, authenticate = open_session(keys or OWNER[aid], level, HOST_CHALLENGE, opened)
        assert self.send(authenticate).ok
        return Talk(self, session)

    def fail(self, aid: bytes = ISSUER_DOMAIN_AID) -> int:
        """One EXTERNAL AUTHENTICATE by somebody without keys: its status word."""
        self.select_aid(aid)
        started = self.send(initialize_update(HOST_CHALLENGE))
        return started.sw if not started.ok else self.send(FORGED).sw


FORGED = Command(0x84, 0x82, C_MAC, 0, bytes(16))


@dataclass
class Talk:
    """One session: commands go out wrapped and come back unwrapped."""

    chip: Managed
    session: HostSession

    def send(self, ins: int, p1: int, p2: int, data: bytes = b"") -> Response:
        sent = self.session.wrap(Command(0x80, ins, p1, p2, data, le=256))
        return self.session.unwrap(self.chip.send(sent))

    def install(self, aid: bytes, p1: int = 0x0C) -> Response:
        parts = (LOAD_FILE_AID, MODULE_AID, aid, b"\0", b"\xc9\0", b"")
        return self.send(0xE6, p1, 0, lv(*parts))

    def put_keys(self, keys: StaticKeys, version: int, replaced: int, dek: bytes) -> Response:
        return self.send(0xD8, replaced, 0x81, key_data(keys, version, dek))

    def listed(self, p1: int = 0x40) -> dict[bytes, int]:
        """Life cycles by name, over as many answers as it takes."""
        answer = self.send(0xF2, p1, 0x02, b"\x4f\0")
        data = answer.data
        while answer.sw == 0x6310:
            answer = self.send(0xF2, p1, 0x03, b"\x4f\0")
            data += answer.data
        assert answer.ok
        entries = [{each.tag: each.value for each in entry.children} for entry in decode(data)]
        return {entry[0x4F]: entry[0x9F70][0] for entry in entries}


def lv(*parts: bytes) -> bytes:
    return b"".join(bytes((len(part),)) + part for part in parts)


def key_data(keys: StaticKeys, version: int, dek: bytes) -> bytes:
    """The data of PUT KEY: three AES keys under the DEK, each with its check value."""
    parts = bytes((version,))
    for key in (keys.enc, keys.mac, keys.dek):
        padded = key.ljust(-(-len(key) // 16) * 16, b"\0")
        sealed = aes.encrypt_cbc(dek, bytes(16), padded)
        parts += bytes((0x88, 1 + len(sealed), len(key))) + sealed + b"\x03" + kcv_aes(key)
    return parts


def statuses(answers: Sequence[Response]) -> list[int]:
    return [answer.sw for answer in answers]


def changed(command: Command, at: int = 0) -> Command:
    """The command with one bit of its data turned."""
    data = bytearray(command.data)
    data[at] ^= 1
    return replace(command, data=bytes(data))


@pytest.fixture
def chip() -> Managed:
    """A chip for production, with one Mastercard of four credentials."""
    made = Managed()
    made.load()
    return made
