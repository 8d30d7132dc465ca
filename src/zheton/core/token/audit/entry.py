"""One opening of a card, and its hash over a canonical encoding.

The encoding gives every field a fixed width or a length before it, so that no two entries share
one, and begins with a name of its own, so that no hash of an entry is a hash of anything else.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from struct import Struct
from struct import error as _StructError

from zheton.core.errors import EncodeError

HASH_BYTES = 32
ID_CHARACTERS = 32
WHO_CHARACTERS_MAX = 40
NO_NUMBER = -1
NOTHING_BEFORE = bytes(HASH_BYTES)
_ENTRY, _FIRST = b"zheton audit entry 1\0", b"zheton audit bucket 1\0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIXED = Struct(">BQ32s16sQQ32sQ16sq")
_LENGTH = Struct(">B")


class Purpose(StrEnum):
    """Why a card was opened."""

    AUTHORISATION = "authorisation"
    REVERSAL = "reversal"
    ADVICE = "advice"
    INCREMENT = "increment"
    COMPLETION = "completion"
    REFUND = "refund"
    CLEARING = "clearing"
    ENROLMENT = "enrolment"  # the card came in, or its issuer is told that it pays now (ID&V)
    ROTATION = "rotation"  # sealed or indexed anew under another key; the reference is its version
    XRAY = "xray"  # a laboratory hunts the number through everything it recorded


@dataclass(frozen=True, slots=True)
class Resolution:
    """One opening of a card: who, when, why, for which debit, by which number.

    `at_ms` is UTC since 1970; `reference` names the debit, or the enrolment where there is no
    number; both ids are 32 hex digits, and `card` begins with its bucket. `purpose` is one of
    `Purpose` in what we write; in a row that was tampered with it may be anything.
    """

    at_ms: int
    who: str
    purpose: str
    reference: str
    card: str
    bin: str = ""
    index: int = NO_NUMBER

    @property
    def bucket(self) -> int:
        """The bucket whose chain it belongs to: the card's."""
        return int(self.card[:2], 16)


@dataclass(frozen=True, slots=True)
class Entry:
    """A resolution in its place: after `previous` in its bucket, `card_previous` of its card.

    `seq` and `card_seq` count from 1; `card_before` is the `seq` of the card's entry before, 0
    where this is the first.
    """

    seq: int
    previous: bytes
    card_seq: int
    card_before: int
    card_previous: bytes
    what: Resolution

    @property
    def bucket(self) -> int:
        """The bucket whose chain it is in."""
        return self.what.bucket


def unix_ms(moment: datetime) -> int:
    """A moment as entries say it."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def first_hash(bucket: int) -> bytes:
    """What the first entry of a bucket follows; no two buckets begin alike."""
    return hashlib.sha256(_FIRST + bytes((bucket,))).digest()


def entry_hash(entry: Entry) -> bytes:
    """SHA-256 of an entry's canonical encoding; EncodeError for what no entry can hold."""
    what = entry.what
    try:
        fixed = _FIXED.pack(
            entry.bucket, entry.seq, entry.previous, bytes.fromhex(what.card), entry.card_seq,
            entry.card_before, entry.card_previous, what.at_ms, bytes.fromhex(what.reference),
            what.index,
        )  # fmt: skip
        texts = [text.encode("ascii") for text in (what.who, what.purpose, what.bin)]
        sized = b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    except (ValueError, OverflowError, _StructError) as error:
        raise EncodeError("a field does not fit", field="audit entry") from error
    if not (len(what.card) == len(what.reference) == ID_CHARACTERS):
        raise EncodeError("an id has 32 hex digits", field="audit entry")
    if len(what.who) > WHO_CHARACTERS_MAX:
        raise EncodeError(f"it has at most {WHO_CHARACTERS_MAX} characters", field="who")
    return hashlib.sha256(_ENTRY + fixed + sized).digest()
