"""Advices: booked once, whatever the bank had known of the debit, and undone in any order."""

from collections.abc import Callable
from itertools import permutations

import pytest

from zheton.core.iso8583.message import Message

Ask = Callable[..., list[Message]]
Make = Callable[..., Message]
Funds = Callable[..., tuple[int, int]]
FULL, HELD = (25_000_000, 0), (24_965_000, 35_000)
MUCH = 30_000_000  # more than Anna has, and than a debit of hers may cost


@pytest.mark.parametrize("together", [True, False])
def test_an_advice_holds_the_money_once(
    together: bool, ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    original = purchase()
    group = [advice(original), advice(original), advice(original, "0121")]
    answers = ask(*group) if together else [ask(message)[0] for message in group]
    assert [(m.mti, m[39]) for m in answers] == [("0130", "00")] * 3
    assert set(answers[0].fields) == {2, 3, 4, 7, 11, 32, 37, 39, 41, 42, 49, 90}
    assert funds() == HELD


def test_an_advice_under_another_trace_number_is_the_same(
    ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    original = purchase()
    later = advice(original, "0121", de7="0831090000", de11="777777")
    assert [m[39] for m in ask(advice(original), later)] == ["00", "00"]
    assert funds() == HELD


def test_an_advice_of_what_the_bank_approved_moves_nothing(
    ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    original = purchase()
    assert [m[39] for m in ask(original, advice(original))] == ["00", "00"]
    assert funds() == HELD


def test_what_comes_after_its_advice_is_answered_by_it(
    ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    original = purchase()
    ask(advice(original))
    for late in (original, original.with_fields({}, mti="0101")):
        (answer,) = ask(late)
        assert (answer.mti, answer[39], answer[38]) == ("0110", "00", "S00001")
    assert funds() == HELD


def test_an_advice_stands_against_the_bank_s_own_decline_and_beyond_the_balance(
    ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    original = purchase(minor=MUCH)
    assert [m[39] for m in ask(original, advice(original))] == ["61", "00"]
    assert funds() == (25_000_000 - MUCH, MUCH)


@pytest.mark.parametrize("changes", [{"de14": "1901"}, {"de2": "5413330089001037", "de14": "2912"}])
def test_a_blocked_card_or_a_wrong_expiry_does_not_take_the_promise_back(
    changes: dict[str, str], ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    (answer,) = ask(advice(purchase(**changes)))
    assert answer[39] == "00"
    assert funds("vera" if "de2" in changes else "anna")[1] == 35_000


def test_an_advice_counts_towards_the_day(ask: Ask, purchase: Make, advice: Make) -> None:
    big = [purchase(n, 5_000_000) for n in (1, 2)]
    ask(*map(advice, big))
    assert [m[39] for m in ask(purchase(3, 5_000_000), purchase(4, 1))] == ["00", "61"]


SORTS = ("approved", "declined", "unseen")


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_any_order_of_debit_advices_and_reversal_leaves_no_hold(
    order: tuple[int, ...],
    sort: str,
    ask: Ask,
    purchase: Make,
    advice: Make,
    reversal: Make,
    funds: Funds,
) -> None:
    original = purchase(minor=MUCH if sort == "declined" else 35_000)
    told = [advice(original), advice(original, "0121"), reversal(original)]
    messages = [*told, original] if sort != "unseen" else told
    for place in order:
        for message in messages[place : place + 1]:
            (answer,) = ask(message)
            if message.mti != "0100":
                assert answer[39] in ("00", "25")
    assert funds() == FULL


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_order_of_debit_and_advices_holds_once(
    order: tuple[int, ...], sort: str, ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    minor = MUCH if sort == "declined" else 35_000
    original = purchase(minor=minor)
    told = [advice(original), advice(original, "0121")]
    messages = [*told, original] if sort != "unseen" else told
    for place in order:
        for message in messages[place : place + 1]:
            ask(message)
    assert funds() == (25_000_000 - minor, minor)


def test_a_reversal_of_a_refused_debit_leaves_another_of_its_reference_alone(
    ask: Ask, purchase: Make, reversal: Make, funds: Funds
) -> None:
    held, refused = purchase(), purchase(2, de37="924209000001")
    assert [m[39] for m in ask(held, refused, reversal(refused))] == ["00", "94", "00"]
    assert funds() == HELD


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"de2": "5413330089999993"}, "14"),
        ({"de49": "392"}, "05"),  # no rate from yen
        ({"de39": "51"}, "30"),
        ({"de3": "200000"}, "30"),
        ({"de90": "0" * 41}, "30"),
    ],
)
def test_an_advice_that_cannot_be_booked_is_told_so(
    changes: dict[str, str], code: str, ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    (answer,) = ask(advice(purchase(), **changes))
    assert (answer.mti, answer[39]) == ("0130", code)
    assert funds() == FULL


def test_an_advice_that_disagrees_with_what_is_held_moves_nothing(
    ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    original = purchase()
    assert [m[39] for m in ask(original, advice(original, de4="000000000001"))] == ["00", "30"]
    assert funds() == HELD


def test_a_changed_repeat_of_an_advice_is_refused(
    ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    original = purchase()
    changed = advice(original, "0121", de4="000000000001")
    assert [m[39] for m in ask(advice(original), changed)] == ["00", "94"]
    assert funds() == HELD


def test_a_reference_that_another_debit_has_is_not_held_again(
    ask: Ask, purchase: Make, advice: Make, funds: Funds
) -> None:
    other = purchase(2, de37="924209000001")
    assert [m[39] for m in ask(purchase(), advice(other))] == ["00", "94"]
    assert funds() == HELD
