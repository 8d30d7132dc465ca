"""What was changed in a bucket's chain, and where: the whole chain is walked and hashed again."""

import hmac
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zheton.core.errors import EncodeError, VerificationError
from zheton.core.token.audit import shelves
from zheton.core.token.audit.chain import NO_ENTRIES, CardTip, Tip
from zheton.core.token.audit.checkpoint import BucketState, Checkpoint
from zheton.core.token.audit.entry import (
    NOTHING_BEFORE,
    Entry,
    Purpose,
    Resolution,
    entry_hash,
)

LIVES_APART_MS = 30 * 86_400_000  # less than any dispute window, which lies between two lives


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


@dataclass(frozen=True, slots=True)
class Loss:
    """Entries of a bucket that a checkpoint had signed and that a restore has lost since."""

    checkpoint: int
    at_ms: int
    bucket: int
    kept: int
    signed: int

    def __str__(self) -> str:
        return (
            f"bucket {self.bucket}: entries {self.kept + 1} to {self.signed} were lost with the "
            f"database; checkpoint {self.checkpoint} says so"
        )


def losses(checkpoints: Sequence[Checkpoint]) -> Iterator[Loss]:
    """What restores have lost of the log, as far as it had been signed."""
    newest: dict[int, int] = {}
    for each in checkpoints:
        for bucket, count in sorted(newest.items()) if each.restored else ():
            kept = _count(each, bucket)
            if kept < count:
                yield Loss(each.number, each.at_ms, bucket, kept, count)
        newest = {state.bucket: state.tip.count for state in each.states}


def _count(checkpoint: Checkpoint, bucket: int) -> int:
    state = checkpoint.state(bucket)
    return state.tip.count if state else 0


def checkpoint_faults(checkpoints: Sequence[Checkpoint], keys: Sequence[bytes]) -> Iterator[Fault]:
    """Checkpoints that no key has signed, or that do not follow one another.

    `keys` are those of the epochs in their order: the key of an epoch that is over signs no more.
    """
    before: Checkpoint | None = None
    previous, expected, epoch = NOTHING_BEFORE, 1, 0
    for each in checkpoints:
        try:
            each.verify(keys)
            if keys.index(each.key) < epoch:
                yield Fault(f"number {each.number} is signed by a key whose epoch was over")
            epoch = max(epoch, keys.index(each.key))
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
        if new is None or new.tip.count < old.tip.count:
            takes_back = not after.restored
        else:
            takes_back = new.tip.count == old.tip.count and new != old
        if takes_back:
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
    wanted: dict[int, list[tuple[BucketState, int]]] = {}
    for state, number in signed:
        wanted.setdefault(state.tip.count, []).append((state, number))
    walk = _Walk(Tip.empty(bucket))
    for row in rows:
        yield from _step(walk, bucket, row)
        for state, number in wanted.get(row.seq, ()):
            if not hmac.compare_digest(row.hash, state.tip.head):
                text = f"it is not the entry that checkpoint {number} signed"
                yield Fault(f"{text}: the chain was rewritten", bucket, row.seq)
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


def second_lives(bucket: int, rows: Iterable[Stored]) -> Iterator[Fault]:
    """Numbers that were opened for two debits, though no lease begins anew that soon.

    Nothing of the log was changed then: a bit of a burn map was cleared, or an old copy of the
    database was put back and not recovered.
    """
    paid: dict[tuple[str, int], int] = {}
    recent: deque[tuple[int, tuple[str, int]]] = deque()
    for row in rows:
        what = row.what
        if what.purpose != Purpose.AUTHORISATION or not what.bin:
            continue
        number = what.bin, what.index
        while recent and recent[0][0] < what.at_ms - LIVES_APART_MS:
            at_ms, old = recent.popleft()
            if paid.get(old) == at_ms:
                del paid[old]
        if number in paid:
            text = f"number {what.index} of BIN {what.bin} paid before: it has lived twice"
            yield Fault(text, bucket, row.seq)
        paid[number] = what.at_ms
        recent.append((what.at_ms, number))


def _signed(bucket: int, checkpoints: Sequence[Checkpoint]) -> list[tuple[BucketState, int]]:
    """What was signed of a bucket, each state with the number of its first checkpoint.

    What a restore has lost, and the checkpoint of that restore says so, is left out.
    """
    found: list[tuple[BucketState, int]] = []
    for each in checkpoints:
        state = each.state(bucket)
        if each.restored:
            kept = _count(each, bucket)
            found = [(old, number) for old, number in found if old.tip.count <= kept]
        if state is not None and (not found or found[-1][0] != state):
            found.append((state, each.number))
    return found
