"""A cardholder's own entries with a proof that they are in the log and that none is missing.

The proof needs nothing but the public key: the checkpoint is signed, it commits to the root of the
card's bucket, the way from the card to that root is given by the card's id, and what stands there
says how many entries the card has and what the last one is. Each entry names the one before.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from zheton.core.errors import DecodeError, EncodeError, VerificationError
from zheton.core.token.audit import checkpoint as checkpoints
from zheton.core.token.audit import shelves
from zheton.core.token.audit.chain import NO_ENTRIES, CardTip
from zheton.core.token.audit.checkpoint import Checkpoint, number, sized
from zheton.core.token.audit.entry import (
    HASH_BYTES,
    ID_CHARACTERS,
    NO_NUMBER,
    Entry,
    Purpose,
    Resolution,
    entry_hash,
)

FORMAT = 1
ENTRIES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Proof:
    """All entries of one card up to a checkpoint, its shelf, and the way from there to the root."""

    card: str
    entries: tuple[Entry, ...]
    shelf: tuple[shelves.Place, ...]
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def check(self, keys: Sequence[bytes]) -> None:
        """VerificationError unless the entries are the card's, all of them and unchanged."""
        self.checkpoint.verify(keys)
        end = card_end(self.card, self.entries)
        state = self.checkpoint.state(int(self.card[:2], 16))
        if state is None:
            raise VerificationError("The checkpoint knows no entries in the card's bucket.")
        shelves.check_order(self.shelf)
        if shelves.place(self.card, end) not in self.shelf:
            raise VerificationError("The entries do not end where the checkpoint says: some miss.")
        here = shelves.shelf_hash(self.shelf)
        reached = shelves.root_by(self.path, shelves.shelf_of(self.card), here)
        if not hmac.compare_digest(reached, state.cards):
            raise VerificationError("The shelf of the card is not the one in the checkpoint.")
        if end.last > state.tip.count:
            raise VerificationError("An entry lies behind the end of the log.")


def card_end(card: str, entries: Sequence[Entry]) -> CardTip:
    """Where a card's entries end; VerificationError unless each follows the one before."""
    end = NO_ENTRIES
    for entry in entries:
        follows = (entry.card_seq, entry.card_before, entry.card_previous)
        if entry.what.card != card or follows != (end.count + 1, end.last, end.head):
            raise VerificationError(f"Entry {end.count + 1} of the card is missing or changed.")
        try:
            end = CardTip(entry.card_seq, entry.seq, entry_hash(entry))
        except EncodeError:
            raise VerificationError(f"Entry {end.count + 1} of the card is none.") from None
    if any(before.seq >= after.seq for before, after in pairwise(entries)):
        raise VerificationError("The entries of the card are out of order.")
    return end


def to_json(proof: Proof) -> dict[str, Any]:
    """A proof as its file has it."""
    return {
        "proof": FORMAT,
        "card": proof.card,
        "entries": [_entry_to_json(entry) for entry in proof.entries],
        "shelf": [[pseudonym.hex(), state.hex()] for pseudonym, state in proof.shelf],
        "path": [each.hex() for each in proof.path],
        "checkpoint": checkpoints.to_json(proof.checkpoint),
    }


def from_json(written: Any) -> Proof:
    """The proof in a JSON object; DecodeError if it is none."""
    try:
        if written["proof"] != FORMAT or len(written["entries"]) > ENTRIES_MAX:
            raise ValueError("another format")
        return Proof(
            sized(written["card"], ID_CHARACTERS // 2).hex(),
            tuple(_entry_from_json(each, written["card"]) for each in written["entries"]),
            tuple((sized(p, HASH_BYTES), sized(s, HASH_BYTES)) for p, s in written["shelf"]),
            tuple(sized(each, HASH_BYTES) for each in written["path"]),
            checkpoints.from_json(written["checkpoint"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DecodeError("it is no proof of this version", field="proof", offset=0) from error


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    what = entry.what
    return {
        "card_seq": entry.card_seq,
        "at_ms": what.at_ms,
        "who": what.who,
        "purpose": str(what.purpose),
        "reference": what.reference,
        "bin": what.bin,
        "index": what.index,
        "seq": entry.seq,
        "previous": entry.previous.hex(),
        "card_before": entry.card_before,
        "card_previous": entry.card_previous.hex(),
    }


def _entry_from_json(written: Any, card: str) -> Entry:
    what = Resolution(
        number(written["at_ms"]),
        str(written["who"]),
        Purpose(written["purpose"]),
        sized(written["reference"], ID_CHARACTERS // 2).hex(),
        card,
        str(written["bin"]),
        number(written["index"] + 1) + NO_NUMBER,
    )
    return Entry(
        number(written["seq"]),
        sized(written["previous"], HASH_BYTES),
        number(written["card_seq"]),
        number(written["card_before"]),
        sized(written["card_previous"], HASH_BYTES),
        what,
    )
