"""Places in the chains: every entry follows one of its bucket and one of its card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zheton.core.token.audit.entry import (
    NOTHING_BEFORE,
    Entry,
    Resolution,
    entry_hash,
    first_hash,
)


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a bucket's chain ends: how many entries it has, and the hash of the last."""

    count: int
    head: bytes

    @classmethod
    def empty(cls, bucket: int) -> "Tip":
        """A chain without entries."""
        return cls(0, first_hash(bucket))


@dataclass(frozen=True, slots=True)
class CardTip:
    """Where a card's chain ends: how many entries, the `seq` of the last and its hash."""

    count: int
    last: int
    head: bytes


NO_ENTRIES = CardTip(0, 0, NOTHING_BEFORE)


@dataclass(frozen=True, slots=True)
class Link:
    """A new entry and its hash."""

    entry: Entry
    hash: bytes


def chain(
    resolutions: Sequence[Resolution], tips: Mapping[int, Tip], cards: Mapping[str, CardTip]
) -> tuple[list[Link], dict[int, Tip], dict[str, CardTip]]:
    """Resolutions as entries, in order, after the ends of their buckets' and cards' chains.

    `tips` has the end of every bucket concerned; a card without one has no entries. The new ends
    come with the entries, so that a group moves each end once.
    """
    links: list[Link] = []
    ends: dict[int, Tip] = {}
    card_ends: dict[str, CardTip] = {}
    for what in resolutions:
        tip = ends.get(what.bucket) or tips[what.bucket]
        card = card_ends.get(what.card) or cards.get(what.card, NO_ENTRIES)
        entry = Entry(tip.count + 1, tip.head, card.count + 1, card.last, card.head, what)
        made = entry_hash(entry)
        links.append(Link(entry, made))
        ends[what.bucket] = Tip(entry.seq, made)
        card_ends[what.card] = CardTip(entry.card_seq, entry.seq, made)
    return links, ends, card_ends
