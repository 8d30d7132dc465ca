"""Debit notices: each says something once, in whatever order and however often they come."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.roles.wallet.test_wallet_verbs import enrolled
from tests.wallet_lab import NOW, Lab, lab
from zheton.core.debit import DebitState
from zheton.core.errors import NotFoundError
from zheton.core.money import money
from zheton.roles.wallet.history import record, transactions
from zheton.roles.wallet.state import DebitNotice, User
from zheton.roles.wallet.users import sign_up

NOTICE = DebitNotice(
    debit="d1",
    token="",
    at=NOW,
    merchant_name="Кофе & Co",
    amount=money("350", "RUB"),
    held=money("350", "RUB"),
    refunded=money("0", "RUB"),
    state=DebitState.APPROVED,
    edition=0,
    response_code="00",
    reason="",
    number_last4="1234",
)


def test_a_notice_is_news_once(world: Lab, anna: User, boris: User) -> None:
    card = enrolled(world, anna)
    store = world.wallet_desk.store
    notice = replace(NOTICE, token=card.token.reference)
    assert [news.notice for news in record(store, [notice, notice])] == [notice]
    assert record(store, [notice]) == []
    reversed_ = replace(notice, state=DebitState.REVERSED, edition=1)
    assert [news.card.id for news in record(store, [reversed_])] == [card.id]
    assert record(store, [notice]) == []
    assert transactions(store, anna, card.id) == [reversed_]
    with pytest.raises(NotFoundError):
        transactions(store, boris, card.id)


def test_a_stranger_is_passed_over(world: Lab, anna: User) -> None:
    card = enrolled(world, anna)
    known = replace(NOTICE, debit="d2", token=card.token.reference)
    news = record(world.wallet_desk.store, [replace(NOTICE, token="0" * 32), known])
    assert [one.notice.debit for one in news] == ["d2"]


def test_debits_come_newest_first_and_bounded(world: Lab, anna: User) -> None:
    card = enrolled(world, anna)
    notices = [
        replace(NOTICE, token=card.token.reference, debit=f"d{n}", at=NOW + timedelta(minutes=n))
        for n in range(5)
    ]
    record(world.wallet_desk.store, notices)
    found = transactions(world.wallet_desk.store, anna, card.id, limit=3)
    assert [one.debit for one in found] == ["d4", "d3", "d2"]


def test_the_order_of_arrival_does_not_matter() -> None:
    with lab() as world:
        user, _ = sign_up(world.wallet_desk, "Anna", NOW)
        card = enrolled(world, user)
        store, serial = world.wallet_desk.store, iter(range(10_000))

        @settings(max_examples=25, deadline=None)
        @given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
        def check(arrivals: list[int]) -> None:
            debit = f"property {next(serial)}"
            whole = replace(NOTICE, debit=debit, token=card.token.reference)
            news = [n for e in arrivals for n in record(store, [replace(whole, edition=e)])]
            editions = [one.notice.edition for one in news]
            assert editions == sorted(set(editions))
            with store.transaction() as tx:
                kept = tx.notice(debit)
            assert kept is not None and kept.edition == max(arrivals)

        check()
