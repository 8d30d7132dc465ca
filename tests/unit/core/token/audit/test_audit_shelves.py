"""The commitment to the ends of all cards of a bucket."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.core.errors import VerificationError
from zheton.core.token.audit import shelves
from zheton.core.token.audit.chain import CardTip
from zheton.core.token.audit.inspect import cards_root

TIP = CardTip(3, 9, bytes(range(32)))
cards = st.binary(min_size=15, max_size=15).map(lambda rest: "2a" + rest.hex())


@given(cards)
def test_a_card_lies_between_the_bounds_of_its_shelf_alone(card: str) -> None:
    at = shelves.shelf_of(card)
    first, last = shelves.shelf_bounds(0x2A, at)
    assert first <= card <= last
    assert shelves.shelf_of(first) == shelves.shelf_of(last) == at
    if at + 1 < shelves.SHELVES:
        assert int(shelves.shelf_bounds(0x2A, at + 1)[0], 16) == int(last, 16) + 1
    assert shelves.shelf_bounds(0x2A, 0)[0] == "2a" + "00" * 15
    assert shelves.shelf_bounds(0x2A, shelves.SHELVES - 1)[1] == "2a" + "ff" * 15


@settings(max_examples=20, deadline=None)
@given(st.lists(cards, min_size=1, max_size=8, unique=True), st.integers(1, 2**40))
def test_every_shelf_leads_to_the_root_and_no_changed_one_does(ids: list[str], count: int) -> None:
    tips = {card: CardTip(count, 2 * count, TIP.head) for card in ids}
    root = cards_root(tips)
    hashes = [shelves.EMPTY_SHELF] * shelves.SHELVES
    for card in ids:
        at = shelves.shelf_of(card)
        same = {other: tip for other, tip in tips.items() if shelves.shelf_of(other) == at}
        hashes[at] = shelves.shelf_hash(shelves.shelf(same))
    at = shelves.shelf_of(ids[0])
    path = shelves.path(hashes, at)
    assert shelves.root_by(path, at, hashes[at]) == root
    assert shelves.root_by(path, at ^ 1, hashes[at]) != root
    assert shelves.root_by(path, at, shelves.EMPTY_SHELF) != root
    for changed in (
        tips | {ids[0]: CardTip(count + 1, 2 * count, TIP.head)},
        tips | {ids[0]: CardTip(count, 2 * count + 1, TIP.head)},
        tips | {ids[0]: CardTip(count, 2 * count, bytes(32))},
        {card: tip for card, tip in tips.items() if card != ids[0]},
    ):
        assert cards_root(changed) != root


def test_a_shelf_holds_no_card_twice() -> None:
    card = "2a" + "00" * 15
    one, other = shelves.place(card, TIP), shelves.place(card, CardTip(1, 1, bytes(32)))
    assert one[0] == other[0]
    shelves.check_order([one])
    for places in ([one, other], [other, one]):
        with pytest.raises(VerificationError):
            shelves.check_order(places)


def test_a_way_of_another_length_leads_nowhere() -> None:
    with pytest.raises(VerificationError):
        shelves.root_by([bytes(32)] * (shelves.DEPTH - 1), 0, bytes(32))
