"""Checkpoints: where all chains end, signed (Ed25519, RFC 8032) and kept outside the database.

Each carries the hash of the one before, so that none can be taken out of their row. What is signed
is a canonical encoding and not the JSON in which it is written. One that is `restored` says that
the database was put back and that the log goes on from where it ended there: what earlier ones
signed beyond that is lost, and everybody can see how much.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from struct import Struct
from typing import Any

from zheton.core.crypto import ed25519
from zheton.core.errors import DecodeError, VerificationError
from zheton.core.token.audit.chain import Tip
from zheton.core.token.audit.entry import HASH_BYTES, NOTHING_BEFORE
from zheton.core.token.audit.epochs import Signer
from zheton.core.token.batch import BUCKETS

_CHECKPOINT = b"zheton audit checkpoint 1\0"
_HEADER, _STATE = Struct(">QQ32s32s?B"), Struct(">BQ32s32s")
_COUNT_MAX = 1 << 63


@dataclass(frozen=True, slots=True)
class BucketState:
    """Where one bucket's chain ends, and the root over where those of its cards end."""

    bucket: int
    tip: Tip
    cards: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where all chains end at a moment (UTC ms), by bucket; buckets without entries are left out.

    `number` counts from 1, `previous` is the hash of the checkpoint before, `key` the public key.
    """

    number: int
    at_ms: int
    previous: bytes
    states: tuple[BucketState, ...]
    key: bytes
    signature: bytes = field(default=b"", repr=False)
    restored: bool = False

    @property
    def entries(self) -> int:
        """How many entries it covers."""
        return sum(state.tip.count for state in self.states)

    @property
    def content(self) -> bytes:
        """What is signed."""
        header = _HEADER.pack(
            self.number, self.at_ms, self.previous, self.key, self.restored, len(self.states)
        )
        states = b"".join(
            _STATE.pack(each.bucket, each.tip.count, each.tip.head, each.cards)
            for each in self.states
        )
        return _CHECKPOINT + header + states

    @property
    def hash(self) -> bytes:
        """What the next one names as `previous`, and what can be published."""
        return hashlib.sha256(self.content + self.signature).digest()

    def state(self, bucket: int) -> BucketState | None:
        """One bucket's state; None where it had no entries."""
        return next((each for each in self.states if each.bucket == bucket), None)

    def verify(self, keys: Sequence[bytes]) -> None:
        """VerificationError unless it is whole and one of these public keys has signed it."""
        if self.key not in keys:
            raise VerificationError("The checkpoint was signed by another key.")
        ed25519.verify(self.key, self.content, self.signature)
        if any(a.bucket >= b.bucket for a, b in pairwise(self.states)):
            raise VerificationError("The checkpoint holds a bucket twice.")


def signed(
    after: Checkpoint | None,
    at_ms: int,
    states: tuple[BucketState, ...],
    signer: Signer,
    *,
    restored: bool = False,
) -> Checkpoint:
    """The checkpoint that follows `after`."""
    number, previous = (after.number + 1, after.hash) if after else (1, NOTHING_BEFORE)
    bare = Checkpoint(number, at_ms, previous, states, signer.public, restored=restored)
    return replace(bare, signature=signer.sign(bare.content))


def to_json(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint as its file and proofs have it."""
    return {
        "checkpoint": checkpoint.number,
        "at_ms": checkpoint.at_ms,
        "previous": checkpoint.previous.hex(),
        "buckets": [
            [each.bucket, each.tip.count, each.tip.head.hex(), each.cards.hex()]
            for each in checkpoint.states
        ],
        "key": checkpoint.key.hex(),
        "signature": checkpoint.signature.hex(),
        **({"restored": True} if checkpoint.restored else {}),
    }


def from_json(written: Any) -> Checkpoint:
    """The checkpoint in a JSON object; DecodeError if it is none."""
    try:
        states = tuple(
            BucketState(
                number(bucket, BUCKETS),
                Tip(number(count), sized(head, HASH_BYTES)),
                sized(cards, HASH_BYTES),
            )
            for bucket, count, head, cards in written["buckets"]
        )
        if len(states) > BUCKETS:
            raise ValueError("too many buckets")
        return Checkpoint(
            number(written["checkpoint"]),
            number(written["at_ms"]),
            sized(written["previous"], HASH_BYTES),
            states,
            sized(written["key"], ed25519.PUBLIC_KEY_BYTES),
            sized(written["signature"], ed25519.SIGNATURE_BYTES),
            bool(written.get("restored", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError("it is no checkpoint", field="checkpoint", offset=0) from error


def number(value: object, limit: int = _COUNT_MAX) -> int:
    """A whole number from 0 up to a limit; ValueError if it is none."""
    if type(value) is not int or not 0 <= value < limit:
        raise ValueError("no number, or out of range")
    return value


def sized(value: str, count: int) -> bytes:
    """So many bytes out of hex digits; ValueError if they are not."""
    found = bytes.fromhex(value)
    if len(found) != count:
        raise ValueError("another length")
    return found
