"""Reversals: once, in any order with their original, and only of what agrees with it."""

from collections.abc import Callable
from itertools import permutations

import pytest

from zheton.core.iso8583.message import Message

Ask = Callable[..., list[Message]]
Make = Callable[..., Message]
Funds = Callable[..., tuple[int, int]]
FULL = (25_000_000, 0)


@pytest.mark.parametrize("together", [True, False])
def test_a_reversal_releases_the_hold_once(
    together: bool, ask: Ask, purchase: Make, reversal: Make, funds: Funds
) -> None:
    original = purchase()
    undo, again, another = reversal(original), reversal(original), reversal(original, 900002)
    if together:
        answers = ask(original, undo, again, another)[1:]
    else:
        ask(original)
        answers = [ask(message)[0] for message in (undo, again, another)]
    assert [m[39] for m in answers] == ["00", "00", "00"]
    assert answers[0].mti == "0410" and answers[0][90] == undo[90]
    assert set(answers[0].fields) == {2, 3, 4, 7, 11, 32, 37, 39, 41, 42, 49, 90}
    assert funds() == FULL


@pytest.mark.parametrize("together", [True, False])
def test_a_reversal_that_overtakes_its_original_blocks_it(
    together: bool, ask: Ask, purchase: Make, reversal: Make, funds: Funds
) -> None:
    original = purchase()
    messages = [reversal(original), original, original, reversal(original, 900002)]
    answers = ask(*messages) if together else [ask(message)[0] for message in messages]
    assert [m[39] for m in answers] == ["25", "12", "12", "25"]
    assert funds() == FULL


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_order_of_debit_repeat_and_reversal_leaves_no_hold(
    order: tuple[int, ...], ask: Ask, purchase: Make, reversal: Make, funds: Funds
) -> None:
    messages = [purchase(), purchase(), reversal(purchase())]
    for place in order:
        ask(messages[place])
    assert funds() == FULL


def test_an_original_that_was_refused_has_nothing_to_release(
    ask: Ask, purchase: Make, reversal: Make, funds: Funds
) -> None:
    refused = purchase(minor=5_000_001)
    assert [m[39] for m in ask(refused, reversal(refused))] == ["61", "00"]
    assert funds() == FULL


@pytest.mark.parametrize(
    "changes", [{"de4": "000000034999"}, {"de49": "156"}, {"de2": "5413330089020110"}]
)
def test_a_reversal_that_does_not_agree_releases_nothing(
    changes: dict[str, str], ask: Ask, purchase: Make, reversal: Make, funds: Funds
) -> None:
    answers = ask(purchase(), reversal(purchase(), **changes))
    assert answers[1][39] == "30"
    assert funds()[1] == 35_000


def test_a_reversed_debit_gives_the_day_its_limit_back(
    ask: Ask, purchase: Make, reversal: Make
) -> None:
    for stan in range(1, 5):
        original = purchase(stan, 5_000_000)
        answers = ask(original, reversal(original, 900000 + stan))
        assert [m[39] for m in answers] == ["00", "00"]


def test_de90_has_to_be_there(ask: Ask, purchase: Make, reversal: Make) -> None:
    (answer,) = ask(reversal(purchase()).with_fields({}, drop=[90]))
    assert answer[39] == "30"
