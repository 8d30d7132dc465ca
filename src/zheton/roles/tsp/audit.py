"""Checkpoints of the detokenisation log, proofs for cardholders, and the search for changes.

A checkpoint reads one bucket after the other, each at one moment of its own: every chain lies in
one bucket. Nothing is signed that does not follow what was signed before.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from zheton.core.errors import ConflictError, NotFoundError, VerificationError
from zheton.core.token.audit import inspect, shelves
from zheton.core.token.audit.chain import CardTip, Tip
from zheton.core.token.audit.checkpoint import BucketState, Checkpoint, signed
from zheton.core.token.audit.entry import ID_CHARACTERS, Entry, unix_ms
from zheton.core.token.audit.epochs import Signer
from zheton.core.token.audit.inspect import Fault, Stored, bucket_faults, checkpoint_faults
from zheton.core.token.audit.proof import Proof
from zheton.core.token.batch import BUCKETS

SHELVES_A_READ = 64


class BucketView(Protocol):
    """One bucket of the log, at one moment."""

    def tip(self) -> Tip:
        """Where its chain ends, as its head says."""

    def hash_at(self, seq: int) -> bytes:
        """The stored hash of an entry; what the first follows for 0, zeros for none."""

    def cards(self, first: str, last: str) -> Mapping[str, CardTip]:
        """Where the chains of the cards end whose ids lie between two, both included."""

    def changed(self, after: int) -> set[str]:
        """The cards that have entries behind a place of the chain."""

    def rows(self) -> Iterator[Stored]:
        """Every entry in its order; VerificationError at one that holds no entry at all."""

    def of_card(self, card: str) -> list[Entry]:
        """A card's entries, the oldest first."""


class AuditLog(Protocol):
    """The log, as it is read."""

    def tips(self) -> Mapping[int, Tip]:
        """Where the chain of each bucket ends that has entries."""

    def reading(self, bucket: int) -> AbstractContextManager[BucketView]:
        """One bucket as it is at this moment."""


class Row(Protocol):
    """The row of checkpoints while nobody else adds to it."""

    @property
    def last(self) -> Checkpoint | None:
        """The newest."""

    def append(self, checkpoint: Checkpoint) -> None:
        """Add one, durably."""


class Signing(Protocol):
    """The keys of the audit."""

    def audit_signer(self) -> Signer:
        """The key of the newest epoch."""


class Checkpoints(Protocol):
    """Where checkpoints are kept, outside the database."""

    def extending(self) -> AbstractContextManager[Row]:
        """Be the only one to add to them, of all processes."""


@dataclass(slots=True)
class _Known:
    """What an earlier checkpoint of this process has computed of a bucket."""

    count: int
    hashes: list[bytes]


@dataclass(frozen=True, slots=True)
class Auditor:
    """What checkpoints need of the world."""

    log: AuditLog
    checkpoints: Checkpoints
    keys: Signing = field(repr=False)
    _known: dict[int, _Known] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a proof needs of its card's bucket, at the moment of the checkpoint."""

    entries: list[Entry]
    shelf: list[shelves.Place]
    path: list[bytes]


def checkpoint(on: Auditor, now: datetime) -> Checkpoint | None:
    """Sign where all chains end; the newest checkpoint stands if nothing is new, None if none is.

    ConflictError if the log does not follow what was signed before.
    """
    with on.checkpoints.extending() as row:
        states, _ = _read(on, row.last, None)
        return _extended(on, row, states, now)


def prove(on: Auditor, card: str, now: datetime) -> Proof:
    """All entries of a card with their proof, under a checkpoint of now.

    NotFoundError if it has none, ConflictError if the log does not follow what was signed before.
    """
    if len(card) != ID_CHARACTERS or not set(card) <= set("0123456789abcdef"):
        raise NotFoundError("That is no id of a card: 32 hex digits, as `card` in the vault.")
    with on.checkpoints.extending() as row:
        states, held = _read(on, row.last, card)
        newest = _extended(on, row, states, now)
    if held is None or newest is None or not held.entries:
        raise NotFoundError("The log has no entry of this card.")
    return Proof(card, tuple(held.entries), tuple(held.shelf), tuple(held.path), newest)


def accept_restored(on: Auditor, now: datetime) -> Checkpoint:
    """Sign that the log goes on from where a restored database has it; the newest says so then.

    Entries that earlier checkpoints signed beyond that end stay known as lost. Once the newest one
    says it, a second call signs nothing.
    """
    with on.checkpoints.extending() as row:
        states, _ = _read(on, None, None)
        if row.last is not None and row.last.restored and row.last.states == states:
            return row.last
        new = signed(row.last, unix_ms(now), states, on.keys.audit_signer(), restored=True)
        row.append(new)
        return new


def faults(
    log: AuditLog, checkpoints: Sequence[Checkpoint], keys: Sequence[bytes]
) -> Iterator[Fault]:
    """Everything that was changed after it was written; the whole log is hashed again.

    `keys` are the public keys of the epochs, the oldest first.
    """
    yield from checkpoint_faults(checkpoints, keys)
    for bucket in range(BUCKETS):
        with log.reading(bucket) as view:
            tip = view.tip()
            if not checkpoints and tip.count:
                yield Fault("no checkpoint shows where the log ended", bucket)
            cards = view.cards(*_bounds(bucket, 0, shelves.SHELVES))
            try:
                yield from bucket_faults(bucket, view.rows(), tip, cards, checkpoints)
            except VerificationError as error:
                yield Fault(str(error), bucket)


def second_lives(log: AuditLog) -> Iterator[Fault]:
    """Numbers that paid twice, as far as the log shows it: it is whole, and the vault was not."""
    for bucket in range(BUCKETS):
        # A row that holds no entry is a fault of its own.
        with log.reading(bucket) as view, suppress(VerificationError):
            yield from inspect.second_lives(bucket, view.rows())


def _read(
    on: Auditor, last: Checkpoint | None, card: str | None
) -> tuple[tuple[BucketState, ...], _Held | None]:
    """The state of every bucket with entries, and what a proof for `card` needs besides."""
    states: list[BucketState] = []
    held: _Held | None = None
    before = {state.bucket: state for state in last.states} if last else {}
    for bucket in sorted(before.keys() | on.log.tips().keys()):
        with on.log.reading(bucket) as view:
            tip = view.tip()
            _check_follows(view, tip, before.get(bucket))
            hashes = _hashes(on, view, bucket, tip)
            states.append(BucketState(bucket, tip, shelves.root(hashes)))
            if card is not None and int(card[:2], 16) == bucket:
                at = shelves.shelf_of(card)
                standing = view.cards(*shelves.shelf_bounds(bucket, at))
                held = _Held(view.of_card(card), shelves.shelf(standing), shelves.path(hashes, at))
    return tuple(states), held


def _check_follows(view: BucketView, tip: Tip, before: BucketState | None) -> None:
    if before is not None and not (
        tip.count >= before.tip.count
        and hmac.compare_digest(view.hash_at(before.tip.count), before.tip.head)
    ):
        raise ConflictError(
            f"Bucket {before.bucket} of the detokenisation log does not hold what was signed: "
            "it was cut or rewritten. Nothing was signed; run: zheton audit verify"
        )


def _hashes(on: Auditor, view: BucketView, bucket: int, tip: Tip) -> list[bytes]:
    """The hashes of a bucket's shelves; those of the last time, where no card has changed."""
    known = on._known.get(bucket)
    hashes = [shelves.EMPTY_SHELF] * shelves.SHELVES if known is None else list(known.hashes)
    if known is None:
        for start in range(0, shelves.SHELVES, SHELVES_A_READ):
            by_shelf: dict[int, dict[str, CardTip]] = {}
            for card, end in view.cards(*_bounds(bucket, start, SHELVES_A_READ)).items():
                by_shelf.setdefault(shelves.shelf_of(card), {})[card] = end
            for at, cards in by_shelf.items():
                hashes[at] = shelves.shelf_hash(shelves.shelf(cards))
    elif known.count != tip.count:
        for at in {shelves.shelf_of(card) for card in view.changed(known.count)}:
            cards = dict(view.cards(*shelves.shelf_bounds(bucket, at)))
            hashes[at] = shelves.shelf_hash(shelves.shelf(cards))
    on._known[bucket] = _Known(tip.count, hashes)
    return hashes


def _bounds(bucket: int, start: int, count: int) -> tuple[str, str]:
    """The lowest and the highest card id of consecutive shelves."""
    first, _ = shelves.shelf_bounds(bucket, start)
    _, last = shelves.shelf_bounds(bucket, start + count - 1)
    return first, last


def _extended(
    on: Auditor, row: Row, states: tuple[BucketState, ...], now: datetime
) -> Checkpoint | None:
    last = row.last
    if states == (last.states if last else ()):
        return last
    new = signed(last, unix_ms(now), states, on.keys.audit_signer())
    row.append(new)
    return new
