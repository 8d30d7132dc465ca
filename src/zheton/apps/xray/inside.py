"""What a secure channel carries, for whoever holds the chip's keys: a laboratory, looking on.

The session is opened a second time from what crossed, and each wrapped command unwrapped as the
chip does it. Shown are commands, data groupings and what they do; of credentials their count and
counters alone, and of a grouping that is not known here its length. No key and no number leaves.
"""

from collections.abc import Callable, Mapping

from zheton.apps.xray.apdu_commands import (
    EXTERNAL_AUTHENTICATE,
    INITIALIZE_UPDATE,
    STORE_DATA,
    describe,
)
from zheton.apps.xray.step import Field
from zheton.apps.xray.words import count
from zheton.core.emv import perso
from zheton.core.emv.apdu import Command
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.perso import Dgi
from zheton.core.errors import DecodeError, VerificationError
from zheton.core.scp03.card import CardSession, open_session
from zheton.core.scp03.channel import SECURE_MESSAGING
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import StaticKeys

PLAIN, GROUPING = "Plain", "DGI"  # tags of the fields that are made here
_HEADER_BYTES = 3


class Inside:
    """One chip's sessions, followed from what it and its host say; `keys` are its domain's."""

    def __init__(self, keys: StaticKeys) -> None:
        self._keys = keys
        self._challenge = b""
        self._card_challenge = b""
        self._session: CardSession | None = None
        self._stream = b""

    def answered(self, data: bytes) -> None:
        """The chip has answered INITIALIZE UPDATE."""
        try:
            self._card_challenge = InitializeUpdateResponse.decode(data).challenge
        except DecodeError:
            self._card_challenge = b""

    def command(self, command: Command) -> tuple[Field, ...]:
        """What a command says inside; nothing if it is outside of a session that was seen."""
        if command.ins == INITIALIZE_UPDATE:
            self._challenge, self._session, self._stream = command.data, None, b""
            return ()
        if command.ins == EXTERNAL_AUTHENTICATE:
            return self._open(command)
        if self._session is None or not command.cla & SECURE_MESSAGING:
            return ()
        try:
            plain = self._session.unwrap(command)
        except VerificationError as error:
            self._session = None
            return (Field("Inside", "", str(error), PLAIN),)
        return self._plain(plain)

    def _open(self, command: Command) -> tuple[Field, ...]:
        if not (self._challenge and self._card_challenge):
            return ()
        try:
            self._session = open_session(self._keys, self._challenge, self._card_challenge, command)
        except VerificationError as error:
            return (Field("Inside", "", str(error), PLAIN),)
        return (Field("Inside", "", "the host's cryptogram and C-MAC verify", PLAIN),)

    def _plain(self, command: Command) -> tuple[Field, ...]:
        name, purpose = describe(command)
        head = f"{command.cla:02X} {command.ins:02X} {command.p1:02X} {command.p2:02X}"
        size = count(len(command.data), "byte")
        whole = Field("Inside", head, f"{name}, {purpose}, {size}", PLAIN)
        if command.ins != STORE_DATA:
            return (whole,)
        self._stream = (self._stream if command.p2 else b"") + command.data
        done, self._stream = _cut(self._stream)
        return (whole, *(_grouping(dgi) for dgi in done), *_begun(self._stream))


def _cut(stream: bytes) -> tuple[list[Dgi], bytes]:
    """The data groupings that are whole at the head of a stream, and what follows them."""
    done: list[Dgi] = []
    while len(stream) >= _HEADER_BYTES:
        start, size = _HEADER_BYTES, stream[2]
        if size == 0xFF:
            start, size = start + 2, int.from_bytes(stream[3:5])
        if len(stream) < start + size:
            break
        done.append(Dgi(int.from_bytes(stream[:2]), stream[start : start + size]))
        stream = stream[start + size :]
    return done, stream


def _begun(stream: bytes) -> tuple[Field, ...]:
    """The data grouping that goes on in the next block."""
    if not stream:
        return ()
    name = _GROUPINGS.get(int.from_bytes(stream[:2]), _UNKNOWN)[0]
    told = f"{count(len(stream), 'byte')} of it so far"
    return (Field(f"  {name}", stream[:2].hex().upper(), told, GROUPING),)


def _grouping(dgi: Dgi) -> Field:
    name, telling = _GROUPINGS.get(dgi.identifier, _UNKNOWN)
    try:
        told = telling(dgi.value)
    except DecodeError as error:
        told = f"{_size(dgi.value)}, not understood: {error.problem}"
    return Field(f"  {name}", f"{dgi.identifier:04X}", told, GROUPING)


def _size(value: bytes) -> str:
    return count(len(value), "byte")


def _profile(value: bytes) -> str:
    profile = CardProfile.decode(value)
    return f"{profile.label}, {profile.aid.hex().upper()}, priority {profile.priority}"


def _header(value: bytes) -> str:
    header = perso.BatchHeader.decode(value)
    days = f"from {_day(header.effective)} to {_day(header.expiry)}"
    return f"batch {header.batch_ref.hex()}, {days}, key {header.derivation_key_index}"


def _credentials(value: bytes) -> str:
    credentials = perso.Credentials.decode(value).credentials
    first, last = credentials[0].atc, credentials[-1].atc
    held = count(len(credentials), "one-time number")
    return f"{held} with session keys, counters {first} to {last}; masked"


def _standing(value: bytes) -> str:
    standing = perso.Standing.decode(value)
    return f"batches of the card that stand: {len(standing.batch_refs)}"


def _certificates(value: bytes) -> str:
    certificates = perso.CardCertificates.decode(value)
    return f"of the chip's key, for {count(len(certificates.by_place), 'number')}"


def _day(text: str) -> str:
    return f"20{text[:2]}-{text[2:4]}-{text[4:]}"


_UNKNOWN = ("Unknown grouping", _size)
# Those alone whose meaning holds no secret; of others the length is told.
_GROUPINGS: Mapping[int, tuple[str, Callable[[bytes], str]]] = {
    perso.CARD_PROFILE: ("Card profile", _profile),
    perso.BATCH_HEADER: ("Batch header", _header),
    perso.CREDENTIALS: ("Credentials", _credentials),
    perso.STANDING: ("Standing batches", _standing),
    perso.ISSUER_KEY: ("Issuer's key, certified", _size),
    perso.CARD_CERTIFICATES: ("Certificates", _certificates),
    perso.CARD_ORDER: ("Order of cards", _size),
    perso.CARD_SUSPENSION: ("Suspension of a card", _size),
}
