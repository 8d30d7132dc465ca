"""What the token service provider personalises and the element reads: DGIs and their payloads.

A package is a run of data groupings (DGI, EMV Card Personalization Specification, 2.2) cut into
STORE DATA commands: the profile of a card, which of its batches stand, and of each new batch the
header and the credentials.
The identifiers and payloads are Zheton's own, for a batch of one-time numbers is in no standard.
`store_data_commands` are still plain; the payment domain's secure channel wraps them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from zheton.core.emv.apdu import Command
from zheton.core.errors import DecodeError, EncodeError

# ISO/IEC 7816-4, 8.2.1.2: category F is proprietary and needs no registration; "ZHETON" follows.
PAYMENT_DOMAIN_AID = bytes.fromhex("F05A4845544F4E01")
WEARER_AID = bytes.fromhex("F05A4845544F4E02")

CARD_PROFILE = 0xD001
BATCH_HEADER = 0xD002
CREDENTIALS = 0xD003
STANDING = 0xD004
ISSUER_KEY = 0xD005
CARD_CERTIFICATES = 0xD006
CARD_ORDER = 0xD007
CARD_SUSPENSION = 0xD008

CARD_REF_BYTES = 16
BATCH_REF_BYTES = 8
CREDENTIALS_MAX = 64
STANDING_MAX = 255
CREDENTIAL_BYTES = 8 + 2 + 16
NUMBER_DIGITS = 16
_CERTIFICATE_BYTES = range(64, 249)  # as long as an issuer's key may be

# With the padding to 240 and 8 bytes of C-MAC this still fits a short APDU (GPC SCP03, 6.2.6).
BLOCK_BYTES_MAX = 239
BLOCKS_MAX = 256
PACKAGE_BYTES_MAX = BLOCK_BYTES_MAX * BLOCKS_MAX

_INS_STORE_DATA = 0xE2
_LAST_BLOCK, _DGI_FORMAT = 0x80, 0x08  # GPC 2.3.1, table 11-89


class Dgi(NamedTuple):
    """One data grouping: its identifier (2 bytes) and its value."""

    identifier: int
    value: bytes


def encode_dgis(dgis: Iterable[Dgi]) -> bytes:
    """Data groupings one after the other: identifier, length (1 byte, or FF and 2), value.

    >>> encode_dgis([Dgi(0xD002, b"abc")]).hex()
    'd00203616263'
    """
    parts: list[bytes] = []
    for identifier, value in dgis:
        size = len(value)
        if not 0 <= identifier <= 0xFFFF or size > 0xFFFF:
            raise EncodeError("identifier and length are two bytes at most", field="DGI")
        length = bytes((size,)) if size < 0xFF else b"\xff" + size.to_bytes(2)
        parts += (identifier.to_bytes(2), length, value)
    return b"".join(parts)


def decode_dgis(data: bytes) -> tuple[Dgi, ...]:
    """The data groupings in `data`, in order; DecodeError if one is cut short."""
    found, position = [], 0
    while position < len(data):
        start = position + 3
        if start > len(data):
            raise DecodeError("the header is cut short", field="DGI", offset=position)
        size = data[start - 1]
        if size == 0xFF:
            start += 2
            if start > len(data):
                raise DecodeError("the length is cut short", field="DGI", offset=position)
            size = int.from_bytes(data[start - 2 : start])
        if start + size > len(data):
            raise DecodeError("the value is cut short", field="DGI", offset=start)
        identifier = int.from_bytes(data[position : position + 2])
        found.append(Dgi(identifier, data[start : start + size]))
        position = start + size
    return tuple(found)


def store_data_commands(dgis: Sequence[Dgi]) -> list[Command]:
    """The chained STORE DATA commands that carry these data groupings (GPC 2.3.1, 11.11).

    P1 marks the last block and the DGI format, P2 counts blocks from 0. The element applies all
    of it at the last block or none. EncodeError if it needs more than 256 blocks.
    """
    stream = encode_dgis(dgis)
    if not 0 < len(stream) <= PACKAGE_BYTES_MAX:
        problem = f"a package has 1 to {PACKAGE_BYTES_MAX} bytes"
        raise EncodeError(problem, field="STORE DATA")
    starts = range(0, len(stream), BLOCK_BYTES_MAX)
    return [
        Command(
            0x80,
            _INS_STORE_DATA,
            _DGI_FORMAT | (_LAST_BLOCK if number == len(starts) - 1 else 0),
            number,
            stream[start : start + BLOCK_BYTES_MAX],
        )
        for number, start in enumerate(starts)
    ]


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """What all credentials of one batch share. Dates are YYMMDD, as EMV writes them."""

    card_ref: bytes
    batch_ref: bytes
    expiry: str
    effective: str
    derivation_key_index: int
    pan_sequence_number: int

    def __post_init__(self) -> None:
        _check(len(self.card_ref) == CARD_REF_BYTES, "card reference", "is 16 bytes")
        _check(len(self.batch_ref) == BATCH_REF_BYTES, "batch reference", "is 8 bytes")
        for date in (self.expiry, self.effective):
            _check(re.fullmatch(r"[0-9]{6}", date) is not None, "date", "is YYMMDD")
        _check(0 <= self.derivation_key_index <= 0xFF, "derivation key index", "is one byte")
        _check(0 <= self.pan_sequence_number <= 99, "PAN sequence number", "is 0 to 99 (n 2)")

    def encode(self) -> bytes:
        """32 bytes: card, batch, expiry, effective (3 BCD each), key index, sequence number."""
        dates = bytes.fromhex(self.expiry + self.effective)
        sequence = bytes.fromhex(f"{self.pan_sequence_number:02d}")
        return (
            self.card_ref + self.batch_ref + dates + bytes((self.derivation_key_index,)) + sequence
        )

    @classmethod
    def decode(cls, data: bytes) -> "BatchHeader":
        """The header in 32 bytes; DecodeError otherwise."""
        if len(data) != CARD_REF_BYTES + BATCH_REF_BYTES + 8:
            raise DecodeError("it is 32 bytes long", field="batch header", offset=len(data))
        dates, sequence = data[24:30].hex(), data[31:].hex()
        if not (dates + sequence).isdecimal():
            raise DecodeError("a digit is none", field="batch header", offset=24)
        return cls(data[:16], data[16:24], dates[:6], dates[6:], data[30], int(sequence))


@dataclass(frozen=True, slots=True)
class Credential:
    """One debit's worth: the one-time number (16 digits), its ATC and its session key."""

    number: str
    atc: int
    session_key: bytes

    def __post_init__(self) -> None:
        _check(re.fullmatch(r"[0-9]{16}", self.number) is not None, "number", "is 16 digits")
        _check(1 <= self.atc <= 0xFFFF, "ATC", "is 1 to 65535")
        _check(len(self.session_key) == 16, "session key", "is 16 bytes")

    def __repr__(self) -> str:
        """The last four digits and the ATC; neither the number nor the key."""
        return f"Credential(<number ending {self.number[-4:]}>, atc={self.atc}, <session key>)"

    def encode(self) -> bytes:
        """26 bytes: number (8, BCD), ATC (2), session key (16)."""
        return bytes.fromhex(self.number) + self.atc.to_bytes(2) + self.session_key

    @classmethod
    def decode(cls, data: bytes) -> "Credential":
        """The credential in 26 bytes; DecodeError otherwise."""
        if len(data) != CREDENTIAL_BYTES:
            raise DecodeError("it is 26 bytes long", field="credential", offset=len(data))
        number, atc = data[:8].hex(), int.from_bytes(data[8:10])
        if not number.isdecimal():
            raise DecodeError("a digit is none", field="credential number", offset=0)
        if atc == 0:
            raise DecodeError("it counts from 1", field="credential ATC", offset=8)
        return cls(number, atc, data[10:])


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials of one batch, in the order in which they are spent; at most 64."""

    batch_ref: bytes
    credentials: tuple[Credential, ...]

    def __post_init__(self) -> None:
        _check(len(self.batch_ref) == BATCH_REF_BYTES, "batch reference", "is 8 bytes")
        _check(1 <= len(self.credentials) <= CREDENTIALS_MAX, "credentials", "are 1 to 64")

    def encode(self) -> bytes:
        """8 bytes of batch reference, then 26 a credential."""
        return self.batch_ref + b"".join([credential.encode() for credential in self.credentials])

    @classmethod
    def decode(cls, data: bytes) -> "Credentials":
        """The credentials in these bytes; DecodeError on a wrong length, count or digit."""
        body = data[BATCH_REF_BYTES:]
        count, rest = divmod(len(body), CREDENTIAL_BYTES)
        if rest or not 1 <= count <= CREDENTIALS_MAX:
            problem = "1 to 64 credentials of 26 bytes follow the reference"
            raise DecodeError(problem, field="credentials", offset=len(data))
        pieces = [
            body[start : start + CREDENTIAL_BYTES]
            for start in range(0, len(body), CREDENTIAL_BYTES)
        ]
        return cls(data[:BATCH_REF_BYTES], tuple([Credential.decode(piece) for piece in pieces]))


@dataclass(frozen=True, slots=True)
class Standing:
    """The batches of a card that still pay; any other that the chip holds of it is void."""

    card_ref: bytes
    batch_refs: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _check(len(self.card_ref) == CARD_REF_BYTES, "card reference", "is 16 bytes")
        sizes = {len(each) for each in self.batch_refs}
        _check(sizes <= {BATCH_REF_BYTES}, "batch reference", "is 8 bytes")
        _check(len(self.batch_refs) <= STANDING_MAX, "standing batches", "are at most 255")

    def encode(self) -> bytes:
        """16 bytes of card reference, then 8 a batch."""
        return self.card_ref + b"".join(self.batch_refs)

    @classmethod
    def decode(cls, data: bytes) -> "Standing":
        """The references in these bytes; DecodeError on a wrong length."""
        body = data[CARD_REF_BYTES:]
        count, rest = divmod(len(body), BATCH_REF_BYTES)
        if len(data) < CARD_REF_BYTES or rest or count > STANDING_MAX:
            problem = "references of 8 bytes follow the one of 16"
            raise DecodeError(problem, field="standing batches", offset=len(data))
        starts = range(0, len(body), BATCH_REF_BYTES)
        refs = tuple(body[start : start + BATCH_REF_BYTES] for start in starts)
        return cls(data[:CARD_REF_BYTES], refs)


@dataclass(frozen=True, slots=True)
class CardCertificates:
    """Certificates (9F46) of the chip's key for places of one batch: the issuer signed them."""

    batch_ref: bytes
    by_place: Mapping[int, bytes]

    def __post_init__(self) -> None:
        _check(len(self.batch_ref) == BATCH_REF_BYTES, "batch reference", "is 8 bytes")
        for place, signature in self.by_place.items():
            fits = 0 <= place < CREDENTIALS_MAX and len(signature) in _CERTIFICATE_BYTES
            _check(fits, "card certificate", "is for a place 0 to 63, of 64 to 248 bytes")

    def encode(self) -> bytes:
        """8 bytes of batch reference; then, for each, place (1), length (1), signature."""
        entries = (
            bytes((place, len(signature))) + signature
            for place, signature in sorted(self.by_place.items())
        )
        return self.batch_ref + b"".join(entries)

    @classmethod
    def decode(cls, data: bytes) -> "CardCertificates":
        """The certificates in these bytes; DecodeError if one is cut short or comes twice."""
        found: dict[int, bytes] = {}
        at = BATCH_REF_BYTES
        while at + 2 <= len(data):
            place, size = data[at : at + 2]
            if place in found:
                raise DecodeError("a place comes twice", field="card certificate", offset=at)
            found[place] = data[at + 2 : at + 2 + size]
            at += 2 + size
        if at != len(data):
            raise DecodeError("it is cut short", field="card certificate", offset=len(data))
        try:
            return cls(data[:BATCH_REF_BYTES], found)
        except EncodeError as error:
            raise DecodeError(error.problem, field=error.field, offset=0) from None


def _check(holds: bool, field: str, problem: str) -> None:
    if not holds:
        raise EncodeError(problem, field=field)
