"""What follows a debit at its bank: holds rise and fall, and no kopeck appears or gets lost."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from tests.unit.roles.issuer.conftest import NOW
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.core.follow_up import FollowUpKind
from zheton.core.iso8583.message import Message

Ask = Callable[..., list[Message]]
Make = Callable[..., Message]
Funds = Callable[..., tuple[int, int]]
INC, CPL, RFD, PART = (
    FollowUpKind.INCREMENT,
    FollowUpKind.COMPLETION,
    FollowUpKind.REFUND,
    FollowUpKind.PARTIAL_REVERSAL,
)


def codes(answers: list[Message]) -> list[str]:
    return [answer.text(39) for answer in answers]


def test_an_increment_adds_to_the_hold_and_its_repeat_adds_nothing(
    ask: Ask, purchase: Make, follow_up: Make, funds: Funds
) -> None:
    original = purchase(minor=10_000)
    before = sum(funds())
    more = follow_up(original, INC, 2_500)
    first, again = ask(original, more)[1], ask(more.with_fields({}, mti="0101"))[0]
    assert (first.mti, first.text(39), len(first.text(38))) == ("0110", "00", 6)
    assert again.fields == first.fields
    assert codes(ask(more.with_fields({4: "000000002600"}))) == ["94"]
    assert funds()[1] == 12_500
    assert sum(funds()) == before


@pytest.mark.parametrize(
    ("changes", "code"), [({"de37": "999999999999"}, "25"), ({"de49": "156"}, "25")]
)
def test_an_increment_needs_its_hold(
    ask: Ask, purchase: Make, follow_up: Make, funds: Funds, changes: dict[str, str], code: str
) -> None:
    original = purchase(minor=10_000)
    assert codes(ask(original, follow_up(original, INC, 2_500, **changes))) == ["00", code]
    assert funds()[1] == 10_000


def test_what_a_debit_may_cost_bounds_it_with_its_increments(
    ask: Ask, purchase: Make, follow_up: Make, funds: Funds
) -> None:
    original = purchase(minor=10_000)
    assert codes(ask(original, follow_up(original, INC, 999_999_999))) == ["00", "61"]
    assert funds()[1] == 10_000


def test_a_reversed_increment_gives_back_what_it_added(
    ask: Ask, purchase: Make, follow_up: Make, reversal: Make, funds: Funds
) -> None:
    original = purchase(minor=10_000)
    more, most = follow_up(original, INC, 2_500), follow_up(original, INC, 700, 800_002)
    undone = reversal(more)
    assert codes(ask(original, more, most, undone, undone)) == ["00"] * 5
    assert funds()[1] == 10_700
    assert codes(ask(reversal(most, 900_002, de4="000000000701"))) == ["30"]


def test_a_reversal_that_overtakes_an_increment_blocks_it(
    ask: Ask, purchase: Make, follow_up: Make, reversal: Make, funds: Funds
) -> None:
    original = purchase(minor=10_000)
    more = follow_up(original, INC, 2_500)
    assert codes(ask(original, reversal(more), more)) == ["00", "25", "12"]
    assert funds()[1] == 10_000


@pytest.mark.parametrize("kept", [1, 9_999, 10_000])
def test_a_completion_releases_the_rest_once(
    ask: Ask, purchase: Make, follow_up: Make, funds: Funds, kept: int
) -> None:
    original = purchase(minor=10_000)
    before, done = sum(funds()), follow_up(original, CPL, kept)
    first, again = ask(original, done)[1], ask(done.with_fields({}, mti="0221"))[0]
    assert (first.mti, first.text(39)) == ("0230", "00")
    assert again.fields == first.fields
    assert codes(ask(follow_up(original, CPL, 1, 800_002))) == ["25"]
    assert codes(ask(follow_up(original, INC, 1, 800_003))) == ["12"]
    assert funds() == (before - kept, kept)


def test_a_completion_is_of_no_more_than_is_held(
    ask: Ask, purchase: Make, follow_up: Make, funds: Funds
) -> None:
    original = purchase(minor=10_000)
    assert codes(ask(original, follow_up(original, CPL, 10_001))) == ["00", "61"]
    assert funds()[1] == 10_000


def test_a_partial_reversal_gives_back_the_difference(
    ask: Ask, purchase: Make, follow_up: Make, funds: Funds
) -> None:
    original = purchase(minor=10_000)
    part = follow_up(original, PART, 10_000, left=4_000)
    more = follow_up(original, INC, 500, 800_002)
    assert codes(ask(original, more, part, part.with_fields({}, mti="0401"))) == ["00"] * 4
    assert funds()[1] == 4_500
    too_much = follow_up(original, PART, 10_000, 800_003, left=5_400)
    assert codes(ask(too_much)) == ["61"]


@pytest.mark.parametrize("left", [0, 10_000, 10_001])
def test_replacement_amounts_are_a_part(
    ask: Ask, purchase: Make, follow_up: Make, funds: Funds, left: int
) -> None:
    original = purchase(minor=10_000)
    assert codes(ask(original, follow_up(original, PART, 10_000, left=left))) == ["00", "30"]
    assert funds()[1] == 10_000


def test_the_days_limit_gets_back_no_more_than_the_day_took(
    ask: Ask, purchase: Make, follow_up: Make, reversal: Make, store: IssuerDatabase
) -> None:
    original = purchase(minor=10_000)
    tomorrow = NOW + timedelta(days=1)
    ask(original)
    ask(follow_up(original, INC, 700), now=tomorrow)
    ask(purchase(2, minor=300), now=tomorrow)
    ask(reversal(original), now=tomorrow)
    assert spent(store) == 300


def spent(store: IssuerDatabase) -> int:
    with store.transaction() as transaction:
        return next(a for a in transaction.accounts() if a.id == "anna").spent_minor


def test_another_currency_is_kept_at_the_rate_that_was_promised(
    ask: Ask, purchase: Make, follow_up: Make, reversal: Make, funds: Funds
) -> None:
    original = purchase(minor=1_000, de49="156")
    before = sum(funds())
    ask(original)
    held = funds()[1]
    ask(follow_up(original, CPL, 333))
    assert funds()[1] == -(-held * 333 // 1_000)
    assert codes(ask(reversal(original))) == ["00"]
    assert funds() == (before, 0)


@pytest.mark.parametrize("seed", range(8))
def test_what_the_network_tells_late_may_come_in_any_order(
    ask: Ask, purchase: Make, follow_up: Make, reversal: Make, funds: Funds, seed: int
) -> None:
    """Reversed increment, partial reversal and completion commute: the completion says all."""
    original = purchase(minor=10_000)
    before = sum(funds())
    gone, kept = follow_up(original, INC, 2_000), follow_up(original, INC, 500, 800_002)
    ask(original, gone, kept)
    late = [
        reversal(gone),
        follow_up(original, PART, 10_500, 800_003, left=9_000),
        follow_up(original, CPL, 8_000, 800_004),
    ]
    Random(seed).shuffle(late)
    assert set(codes(ask(*late))) <= {"00", "25"}
    assert funds() == (before - 8_000, 8_000)


def test_a_whole_reversal_ends_a_hold_with_all_that_was_added(
    ask: Ask, purchase: Make, follow_up: Make, reversal: Make, funds: Funds
) -> None:
    original = purchase(minor=10_000)
    before = sum(funds())
    more, done = follow_up(original, INC, 2_000), follow_up(original, CPL, 11_000, 800_002)
    assert codes(ask(original, more, done, reversal(original))) == ["00"] * 4
    assert funds() == (before, 0)


def test_a_refund_that_names_its_original_moves_nothing_before_it_clears(
    ask: Ask, purchase: Make, follow_up: Make, reversal: Make, funds: Funds
) -> None:
    original = purchase(minor=10_000)
    ask(original)
    before = funds()
    back = follow_up(original, RFD, 2_000, de37="924209999999")
    answers = ask(back, reversal(back))
    assert codes(answers) == ["00", "00"]
    assert answers[0].text(38)
    assert funds() == before


@pytest.mark.parametrize(
    "changes", [{"de3": "200000"}, {"de48": "2803ABC"}, {"de48": ""}, {"de48": "2803RFD"}]
)
def test_a_message_that_contradicts_itself_is_refused(
    ask: Ask, purchase: Make, follow_up: Make, changes: dict[str, str]
) -> None:
    original = purchase(minor=10_000)
    assert codes(ask(original, follow_up(original, INC, 1, **changes))) == ["00", "30"]
