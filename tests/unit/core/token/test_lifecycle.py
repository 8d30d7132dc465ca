"""The tables of transitions, whole: a row that is added or lost has to be added or lost here."""

from itertools import product

import pytest

from zheton.core.errors import ConflictError
from zheton.core.money import money
from zheton.core.token.domain import Channel, Limits, refuse_amount, refuse_channel
from zheton.core.token.lifecycle import PAYING, BatchStatus, CardStatus, batch_may, card_may

BATCH = """
offered: provisioned active suspended spent expired deleted
provisioned: active suspended spent expired deleted
active: suspended spent expired deleted
suspended: active expired deleted
spent: resting
expired: resting
deleted: resting
resting: free
free: offered
"""
CARD = """
identifying: active deleted
active: suspended deleted
suspended: active deleted
deleted:
"""


def pairs(table: str) -> set[tuple[str, str]]:
    lines = (line.partition(":") for line in table.strip().splitlines())
    return {(before, after) for before, _, rest in lines for after in rest.split()}


@pytest.mark.parametrize(("before", "after"), list(product(BatchStatus, BatchStatus)))
def test_a_batch_goes_where_the_table_says(before: BatchStatus, after: BatchStatus) -> None:
    if (before.value, after.value) in pairs(BATCH):
        batch_may(before, after)
    else:
        with pytest.raises(ConflictError, match=f"is {before} can't become {after}"):
            batch_may(before, after)


@pytest.mark.parametrize(("before", "after"), list(product(CardStatus, CardStatus)))
def test_a_card_goes_where_the_table_says(before: CardStatus, after: CardStatus) -> None:
    if (before.value, after.value) in pairs(CARD):
        card_may(before, after)
    else:
        with pytest.raises(ConflictError):
            card_may(before, after)


def test_whatever_pays_can_be_stopped() -> None:
    for before in PAYING:
        for after in (BatchStatus.SUSPENDED, BatchStatus.DELETED, BatchStatus.EXPIRED):
            batch_may(before, after)


LIMITS = Limits("643", debit_max_minor=1000, day_max_minor=5000, debits_per_day=3)


@pytest.mark.parametrize(("amount", "refused"), [("0.01", 0), ("10", 0), ("10.01", 1)])
def test_the_limit_of_a_debit_is_inclusive(amount: str, refused: int) -> None:
    assert (refuse_amount(LIMITS, money(amount, "RUB")) is not None) == refused


def test_another_currency_has_no_amount_here() -> None:
    assert LIMITS.minor(money("100", "USD")) == 0
    assert refuse_amount(LIMITS, money("100", "USD")) is None


@pytest.mark.parametrize(("bound", "presented"), list(product(Channel, Channel)))
def test_a_channel_is_a_channel(bound: Channel, presented: Channel) -> None:
    refusal = refuse_channel(bound, presented)
    assert (refusal is None) == (bound is presented)
    assert refusal is None or refusal.rule == "domain-channel"
