"""What is known outside of a vault's database of how far it had come: whether a copy is put back.

The database says which life of itself it lives (`Incarnation`): a number that each recovery raises,
and a mark that rises while it is at work. The witness is the same, signed, in a file that a restore
of the database does not touch, and beside it how many batches of each BIN and bucket were handed
out. A database that is behind its witness is an old copy: in it, numbers would live twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from zheton.core.crypto import ed25519
from zheton.core.errors import ConflictError, DecodeError, VerificationError
from zheton.core.token.audit.epochs import Signer
from zheton.core.token.batch import BUCKETS

FORMAT = 1
_COUNT_MAX = 1 << 63
_WITNESS = b"zheton witness 1\0"

# (BIN, bucket) -> how many batches of the range were ever handed out there
HandedOut = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Incarnation:
    """Which life a database lives: of which installation, the how many-th, and how far it is.

    `marked_ms` is when its mark last rose (UTC). While it is `recovering` it takes no debits, and
    `buckets_done` tells how far the recovery has come.
    """

    installation: str
    number: int
    mark: int
    marked_ms: int
    recovering: bool = False
    buckets_done: int = 0


@dataclass(frozen=True, slots=True)
class Witness:
    """A signed statement of how far a database had come."""

    installation: str
    number: int
    mark: int
    at_ms: int
    handed_out: HandedOut
    key: bytes
    signature: bytes = field(default=b"", repr=False)

    @property
    def content(self) -> bytes:
        """What is signed."""
        return _WITNESS + json.dumps(_statement(self), sort_keys=True).encode("ascii")

    def verify(self, keys: Sequence[bytes]) -> None:
        """VerificationError unless one of the audit's keys has signed it."""
        if self.key not in keys:
            raise VerificationError("The witness was signed by another key.")
        ed25519.verify(self.key, self.content, self.signature)


def stated(
    before: Witness | None, life: Incarnation, handed_out: HandedOut, signer: Signer
) -> Witness:
    """The witness of a database as it is now; it never falls behind what it said before.

    What another life of the database handed out counts as well: those indexes are gone.
    """
    mark, at_ms = life.mark, life.marked_ms
    if before is not None:
        handed_out = {
            place: max(handed_out.get(place, 0), before.handed_out.get(place, 0))
            for place in handed_out.keys() | before.handed_out.keys()
        }
        if (before.number, before.mark) > (life.number, life.mark):
            life = replace(life, number=before.number)
            mark, at_ms = before.mark, before.at_ms
    bare = Witness(life.installation, life.number, mark, at_ms, handed_out, signer.public)
    return replace(bare, signature=signer.sign(bare.content))


def together(witnesses: Sequence[Witness]) -> Witness | None:
    """What several witnesses of one database know: the furthest, with all that was handed out.

    ConflictError if they are of different installations.
    """
    if not witnesses:
        return None
    if len({each.installation for each in witnesses}) > 1:
        raise ConflictError("The witnesses are of different installations; name the right ones.")
    furthest = max(witnesses, key=lambda each: (each.number, each.mark))
    handed_out: dict[tuple[str, int], int] = {}
    for each in witnesses:
        for place, count in each.handed_out.items():
            handed_out[place] = max(count, handed_out.get(place, 0))
    return replace(furthest, handed_out=handed_out)


def doubt(life: Incarnation, handed_out: HandedOut, witness: Witness | None) -> str:
    """Why a database is not to be trusted as it is, as a sentence; "" if it is the newest.

    The witness has to be read before the database, for others go on meanwhile.
    """
    if life.recovering:
        return "A recovery of this database was begun and is not finished."
    if witness is None:
        untouched = life.number == 1 and life.mark == 0 and not handed_out
        return "" if untouched else "The witness of this database is gone."
    if witness.installation != life.installation:
        return "This database belongs to another installation than its witness."
    behind = (life.number, life.mark) < (witness.number, witness.mark) or any(
        handed_out.get(place, 0) < count for place, count in witness.handed_out.items()
    )
    return "This database is older than its witness: a copy was put back." if behind else ""


def to_json(witness: Witness) -> dict[str, Any]:
    """A witness as its file has it."""
    return {**_statement(witness), "signature": witness.signature.hex()}


def from_json(written: Any) -> Witness:
    """The witness in a JSON object; DecodeError if it is none."""
    try:
        if written["witness"] != FORMAT:
            raise ValueError("another format")
        handed_out = {
            (str(token_bin), _number(bucket, BUCKETS)): _number(count)
            for token_bin, bucket, count in written["handed_out"]
        }
        return Witness(
            bytes.fromhex(written["installation"]).hex(),
            _number(written["incarnation"]),
            _number(written["mark"]),
            _number(written["at_ms"]),
            handed_out,
            bytes.fromhex(written["key"]),
            bytes.fromhex(written["signature"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError("it is no witness", field="witness", offset=0) from error


def _statement(witness: Witness) -> dict[str, Any]:
    handed_out = sorted(witness.handed_out.items())
    return {
        "witness": FORMAT,
        "installation": witness.installation,
        "incarnation": witness.number,
        "mark": witness.mark,
        "at_ms": witness.at_ms,
        "handed_out": [[token_bin, bucket, count] for (token_bin, bucket), count in handed_out],
        "key": witness.key.hex(),
    }


def _number(value: object, limit: int = _COUNT_MAX) -> int:
    if type(value) is not int or not 0 <= value < limit:
        raise ValueError("no number, or out of range")
    return value
