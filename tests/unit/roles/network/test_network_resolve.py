"""At clearing a number leads to its card for what was captured of its debit, and nothing else."""

from dataclasses import replace
from datetime import datetime

import pytest

from tests.unit.roles.network.follow_ups import (
    AUTH_CODE,
    CPL,
    INC,
    PART,
    RFD,
    Shop,
    debited,
    follow_up,
    reversal_of,
)
from tests.unit.roles.tsp.debits import NOW, VaultBench, reversal
from zheton.core.clearing import PURCHASE, REFUND, CardAcceptor, Presentment
from zheton.core.decline import Decline, Reason
from zheton.core.iso8583.message import Message
from zheton.core.money import Money, currency
from zheton.roles.network.resolve import resolve
from zheton.roles.network.reverse import reverse

SHOP = CardAcceptor("MSKCOFFEE", "Kofeynya", "Moscow", "RUS", "5814", "MSK1")


@pytest.fixture
def shop(bench: VaultBench) -> Shop:
    return Shop(bench)


def presented(message: Message, minor: int) -> Presentment:
    """What an acquirer presents of a debit or a refund."""
    return Presentment(
        number=message.text(2),
        expiry=message.text(14),
        processing_code=REFUND if message.text(3) == REFUND else PURCHASE,
        amount=Money(minor, currency("RUB")),
        acquirer_id="400001",
        acceptor=SHOP,
        auth_code=AUTH_CODE,
        retrieval_reference=message.text(37),
        stan=message.text(11),
        local_time=datetime.fromisoformat("2019-09-10T12:30:15"),
    )


def why(shop: Shop, presentment: Presentment) -> Reason | None:
    """Why a presentment leads to no card; None where it does."""
    found = resolve(shop.bench.switch, presentment, "220001", NOW)
    if isinstance(found, Decline):
        return found.reason
    assert found.pan.startswith("541333")
    return None


def test_a_sale_is_presented_for_what_is_left_of_it(shop: Shop) -> None:
    original = debited(shop.bench, shop.bench.leased())
    shop.ask(follow_up(original, PART, 10_000, left=7_000))
    assert why(shop, presented(original, 7_001)) is Reason.AMOUNT_LIMIT
    assert why(shop, presented(original, 7_000)) is None


def test_a_preauthorisation_is_presented_when_it_is_completed(shop: Shop) -> None:
    original = debited(shop.bench, shop.bench.leased(), kind="hold")
    shop.ask(follow_up(original, INC, 500))
    assert why(shop, presented(original, 1)) is Reason.SCOPE
    shop.ask(follow_up(original, CPL, 10_400))
    assert why(shop, presented(original, 10_401)) is Reason.AMOUNT_LIMIT
    assert why(shop, presented(original, 10_400)) is None
    reverse(shop.bench.switch, reversal(original), NOW)
    assert why(shop, presented(original, 10_400)) is Reason.NO_ORIGINAL


def test_a_refund_is_presented_as_it_was_allowed(shop: Shop) -> None:
    original = debited(shop.bench, shop.bench.leased())
    back = follow_up(original, RFD, 4_000)
    assert why(shop, presented(back, 4_000)) is Reason.NO_ORIGINAL
    shop.ask(back)
    assert why(shop, presented(back, 4_000)) is None
    for minor in (3_999, 4_001):
        assert why(shop, presented(back, minor)) is Reason.AMOUNT_LIMIT
    right = presented(back, 4_000)
    for wrong in (
        replace(right, acquirer_id="400002"),
        replace(right, acceptor=replace(SHOP, id="MSKTEA")),
        replace(right, retrieval_reference=original.text(37)),
    ):
        assert why(shop, wrong) is Reason.NO_ORIGINAL
    shop.reverse(reversal_of(back))
    assert why(shop, right) is Reason.NO_ORIGINAL


@pytest.mark.parametrize("code", ["51", None])
def test_a_refund_that_its_bank_did_not_allow_is_not_presented(
    shop: Shop, code: str | None
) -> None:
    original = debited(shop.bench, shop.bench.leased())
    back = follow_up(original, RFD, 4_000)
    shop.ask(back, code)
    assert why(shop, presented(back, 4_000)) is Reason.NO_ORIGINAL
