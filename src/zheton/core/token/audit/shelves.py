"""One hash that commits to where the chain of every card of a bucket ends.

The cards stand on 1,024 shelves, each where its id says; a shelf is hashed as the list of its
cards, and the shelves as a binary tree. So the way from a card to the root is given by its id
alone: nobody can keep a second, shorter chain of the same card somewhere else in the tree, and
a proof shows the whole shelf. Others' cards stand there as hashes of their ids.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from zheton.core.errors import VerificationError
from zheton.core.token.audit.chain import CardTip

DEPTH = 10
SHELVES = 1 << DEPTH
_CARD, _STATE = b"zheton audit card 1\0", b"zheton audit card end 1\0"
_SHELF, _NODE = b"zheton audit shelf 1\0", b"zheton audit node 1\0"

Place = tuple[bytes, bytes]  # pseudonym of a card, hash of where its chain ends


def shelf_of(card: str) -> int:
    """The shelf of a card: the ten bits that follow its bucket in its id (0 to 1023)."""
    return int(card[2:6], 16) >> (16 - DEPTH)


def shelf_bounds(bucket: int, shelf: int) -> tuple[str, str]:
    """The lowest and the highest card id of a shelf."""
    first = (bucket << 16 | shelf << (16 - DEPTH)) << 104
    return f"{first:032x}", f"{first + (1 << (120 - DEPTH)) - 1:032x}"


def place(card: str, tip: CardTip) -> Place:
    """How a card stands on its shelf."""
    pseudonym = hashlib.sha256(_CARD + bytes.fromhex(card)).digest()
    state = tip.count.to_bytes(8, "big") + tip.last.to_bytes(8, "big") + tip.head
    return pseudonym, hashlib.sha256(_STATE + pseudonym + state).digest()


def shelf(cards: Mapping[str, CardTip]) -> list[Place]:
    """A shelf in its order, which is that of the pseudonyms."""
    return sorted(place(card, tip) for card, tip in cards.items())


def shelf_hash(places: Iterable[Place]) -> bytes:
    """The hash of a shelf in its order."""
    content = hashlib.sha256(_SHELF)
    for pseudonym, state in places:
        content.update(pseudonym + state)
    return content.digest()


EMPTY_SHELF = shelf_hash(())


def check_order(places: Sequence[Place]) -> None:
    """VerificationError unless a shelf is in its order and holds no card twice."""
    if any(first[0] >= second[0] for first, second in pairwise(places)):
        raise VerificationError("The shelf of the card is out of order, or holds a card twice.")


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of all shelves."""
    return _levels(hashes)[-1][0]


def path(hashes: Sequence[bytes], at: int) -> list[bytes]:
    """The hashes beside the way from a shelf up to the root."""
    return [level[(at >> height) ^ 1] for height, level in enumerate(_levels(hashes)[:-1])]


def root_by(path_up: Sequence[bytes], at: int, hash_of_shelf: bytes) -> bytes:
    """The root that a shelf and the hashes beside its way lead to."""
    if len(path_up) != DEPTH:
        raise VerificationError(f"The way from a shelf to the root has {DEPTH} hashes.")
    here = hash_of_shelf
    for height, beside in enumerate(path_up):
        here = _node(beside, here) if at >> height & 1 else _node(here, beside)
    return here


def _levels(hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    if len(hashes) != SHELVES:
        raise ValueError(f"a bucket has {SHELVES} shelves")
    levels = [hashes]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([_node(below[i], below[i + 1]) for i in range(0, len(below), 2)])
    return levels


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
