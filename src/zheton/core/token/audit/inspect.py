"""What was changed in a bucket's chain, and where: the whole chain is walked and hashed again."""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zheton.core.errors import EncodeError, VerificationError
from zheton.core.token.audit import shelves
from zheton.core.token.audit.chain import NO_ENTRIES, CardTip, Tip
from zheton.core.token.audit.checkpoint import BucketState, Checkpoint
from zheton.core.token.audit.entry import NOTHING_BEFORE, Entry, Resolution, entry_hash


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as it is found: its place, the card's own, what it says, and the hash beside it."""

    seq: int
    card_seq: int
    card_before: int
    what: Resolution
    hash: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong, and where: a bucket and the entry's place in it, if it has one."""

    text: str
    bucket: int | None = None
    seq: int | None = None

    def __str__(self) -> str:
        at = "checkpoints" if self.bucket is None else f"bucket {self.bucket}"
        return f"{at}{'' if self.seq is None else f', entry {self.seq}'}: {self.text}"


@dataclass
class _Walk:
    """How far a walk along a chain has come."""

    tip: Tip
    cards: dict[str, CardTip] = field(default_factory=dict)
    at_last: dict[str, CardTip] | None = None


def checkpoint_faults(checkpoints: Sequence[Checkpoint], public: bytes) -> Iterator[Fault]:
    """Checkpoints that the key has not signed, or that do not follow one another."""
    before: Checkpoint | None = None
    previous, expected = NOTHING_BEFORE, 1
    for each in checkpoints:
        try:
            each.verify(public)
        except VerificationError as error:
            yield Fault(f"number {each.number}: {error}")
        if each.number != expected or not hmac.compare_digest(each.previous, previous):
            yield Fault(f"number {each.number} does not follow what stands before it")
        yield from _fallen(before, each)
        before, previous, expected = each, each.hash, each.number + 1


def _fallen(before: Checkpoint | None, after: Checkpoint) -> Iterator[Fault]:
    """Buckets that lost entries between two checkpoints, or changed without a new one."""
    for old in before.states if before else ():
        new = after.state(old.bucket)
        if (
            new is None
            or new.tip.count < old.tip.count
            or (new.tip.count == old.tip.count and new != old)
        ):
            yield Fault(f"number {after.number} takes back entries of the one before", old.bucket)


def bucket_faults(
    bucket: int,
    rows: Iterable[Stored],
    tip: Tip,
    cards: Mapping[str, CardTip],
    checkpoints: Sequence[Checkpoint],
) -> Iterator[Fault]:
    """What is wrong with one bucket.

    `rows` come in the order of `seq`; `tip` and `cards` are the ends as they are stored.
    """
    signed = _signed(bucket, checkpoints)
    last = max((state.tip.count for state, _ in signed), default=-1)
    wanted = {state.tip.count: (state, number) for state, number in signed}
    walk = _Walk(Tip.empty(bucket))
    for row in rows:
        yield from _step(walk, bucket, row)
        found = wanted.get(row.seq)
        if found and not hmac.compare_digest(row.hash, found[0].tip.head):
            text = f"it is not the entry that checkpoint {found[1]} signed: the chain was rewritten"
            yield Fault(text, bucket, row.seq)
        if row.seq == last:
            walk.at_last = dict(walk.cards)
    yield from _end_faults(bucket, walk, tip, cards)
    yield from _signed_faults(bucket, walk, signed)


def _step(walk: _Walk, bucket: int, row: Stored) -> Iterator[Fault]:
    end = walk.cards.get(row.what.card, NO_ENTRIES)
    # Hashed as what has to stand here: after the entry before, in its bucket and in its card.
    placed = Entry(row.seq, walk.tip.head, row.card_seq, end.last, end.head, row.what)
    if row.seq != walk.tip.count + 1:
        # What follows a gap has lost what it was hashed with; the gap says it all.
        text = f"entries are missing before entry {row.seq}"
        yield Fault(text, bucket, walk.tip.count + 1)
    elif row.what.bucket != bucket or not _is(row.hash, placed):
        yield Fault("it was edited, moved or put in: its hash is wrong", bucket, row.seq)
    elif (row.card_seq, row.card_before) != (end.count + 1, end.last):
        yield Fault("it does not follow the card's entry before", bucket, row.seq)
    walk.tip = Tip(row.seq, row.hash)
    walk.cards[row.what.card] = CardTip(row.card_seq, row.seq, row.hash)


def _is(stored: bytes, placed: Entry) -> bool:
    try:
        return hmac.compare_digest(stored, entry_hash(placed))
    except EncodeError:
        return False


def _end_faults(
    bucket: int, walk: _Walk, tip: Tip, cards: Mapping[str, CardTip]
) -> Iterator[Fault]:
    if walk.tip != tip:
        text = f"the chain ends at entry {walk.tip.count}, its head says {tip.count}"
        yield Fault(f"{text}: the end was cut or the head changed", bucket, walk.tip.count + 1)
    for card in sorted(walk.cards.keys() | cards.keys()):
        found, stored = walk.cards.get(card, NO_ENTRIES), cards.get(card, NO_ENTRIES)
        if found != stored:
            text = f"card {card} has {found.count} entries, its head says {stored.count}"
            yield Fault(f"{text}: entries were cut or the head changed", bucket)


def _signed_faults(
    bucket: int, walk: _Walk, signed: Sequence[tuple[BucketState, int]]
) -> Iterator[Fault]:
    for state, number in signed:
        if state.tip.count > walk.tip.count:
            text = f"checkpoint {number} signed {state.tip.count} entries: the end was cut"
            yield Fault(text, bucket, walk.tip.count + 1)
    if signed and walk.at_last is not None:
        state, number = signed[-1]
        if not hmac.compare_digest(cards_root(walk.at_last), state.cards):
            yield Fault(f"the cards' entries are not those that checkpoint {number} signed", bucket)


def cards_root(cards: Mapping[str, CardTip]) -> bytes:
    """The root over where the chains of a bucket's cards end."""
    standing: dict[int, dict[str, CardTip]] = {}
    for card, tip in cards.items():
        standing.setdefault(shelves.shelf_of(card), {})[card] = tip
    return shelves.root(
        [
            shelves.shelf_hash(shelves.shelf(standing[at]))
            if at in standing
            else shelves.EMPTY_SHELF
            for at in range(shelves.SHELVES)
        ]
    )


def _signed(bucket: int, checkpoints: Sequence[Checkpoint]) -> list[tuple[BucketState, int]]:
    """What was signed of a bucket, each state with the number of its first checkpoint."""
    found: list[tuple[BucketState, int]] = []
    for each in checkpoints:
        state = each.state(bucket)
        if state is not None and (not found or found[-1][0] != state):
            found.append((state, each.number))
    return found
