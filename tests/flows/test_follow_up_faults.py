"""What follows a debit, over wires that fail: caps hold, money is conserved, three journals agree.

Every test ends by holding acquirer's, network's and issuer's journals against each other.
"""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.journals import unsettled
from tests.three_roles import FATES, ThreeRoles
from zheton.core.errors import ConflictError
from zheton.core.follow_up import FollowUpKind
from zheton.core.money import Money, currency
from zheton.roles.acquirer.follow_up import FollowUp, Wish
from zheton.roles.acquirer.reverse import cancel
from zheton.roles.acquirer.state import Record, Status

INC, CPL, RFD, PART = (
    FollowUpKind.INCREMENT,
    FollowUpKind.COMPLETION,
    FollowUpKind.REFUND,
    FollowUpKind.PARTIAL_REVERSAL,
)
ROUBLE = currency("RUB")
AMOUNT = {INC: 2_500, CPL: 6_000, RFD: 4_000, PART: 7_000}
AFTER = {INC: (12_500, 0), CPL: (6_000, 0), RFD: (10_000, 4_000), PART: (7_000, 0)}
KINDS = list(FollowUpKind)


def begun(roles: ThreeRoles, kind: FollowUpKind) -> Record:
    """A debit of 100.00 that a kind may follow."""
    record = roles.sell(0, 10_000, held=kind is not RFD)
    assert record.status is Status.APPROVED
    if kind is RFD:
        roles.clear()
    return record


def asked(roles: ThreeRoles, record: Record, kind: FollowUpKind, fate: str = "") -> FollowUp:
    return roles.ask(record.rrn, Wish(kind, "wish", Money(AMOUNT[kind], ROUBLE)), fate)


def standing(roles: ThreeRoles, rrn: str) -> tuple[int, int]:
    with roles.acquirer.transaction() as transaction:
        (record,) = transaction.find({rrn})
    return record.held.minor, record.refunded_minor


def settled(roles: ThreeRoles) -> None:
    roles.settle()
    assert unsettled(roles.databases) == 0
    roles.check()


@pytest.mark.parametrize("kind", KINDS)
def test_a_follow_up_reaches_all_three_and_clears(kind: FollowUpKind) -> None:
    with ThreeRoles() as roles:
        record = begun(roles, kind)
        burnt = roles.bench.burnt(roles.batch)
        assert asked(roles, record, kind).status is Status.APPROVED
        settled(roles)
        assert standing(roles, record.rrn) == AFTER[kind]
        assert roles.bench.burnt(roles.batch) == burnt
        if kind in (INC, PART):
            completion = Wish(CPL, "bill", Money(standing(roles, record.rrn)[0], ROUBLE))
            roles.ask(record.rrn, completion)
        roles.clear()
        settled(roles)


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_failing_wire_ends_in_one_outcome_for_all(kind: FollowUpKind, fate: str) -> None:
    with ThreeRoles() as roles:
        record = begun(roles, kind)
        asked(roles, record, kind, fate)
        for _ in range(2):
            roles.deliver(fate)
        settled(roles)
        with roles.acquirer.transaction() as transaction:
            line = transaction.follow_up(record.rrn, "wish")
        assert line is not None
        took = kind in (CPL, PART)  # told until heard; what was asked is taken back
        assert (line.status is Status.APPROVED) == took
        assert standing(roles, record.rrn) == (AFTER[kind] if took else (10_000, 0))
        roles.clear()
        settled(roles)


@pytest.mark.parametrize("kind", [INC, RFD])
def test_what_was_taken_back_may_be_asked_anew(kind: FollowUpKind) -> None:
    with ThreeRoles() as roles:
        record = begun(roles, kind)
        asked(roles, record, kind, "answer lost")
        roles.settle()
        again = Wish(kind, "anew", Money(AMOUNT[kind], ROUBLE))
        assert roles.ask(record.rrn, again).status is Status.APPROVED
        settled(roles)
        assert standing(roles, record.rrn) == AFTER[kind]


@pytest.mark.parametrize("fate", ["", *FATES])
@pytest.mark.parametrize("kind", [INC, CPL, PART])
def test_a_cancelled_sale_ends_with_all_that_followed_it(kind: FollowUpKind, fate: str) -> None:
    with ThreeRoles() as roles:
        record = begun(roles, kind)
        asked(roles, record, kind, fate)
        cancel(record.rrn, roles.acquirer)
        settled(roles)
        journals = roles.check()
        assert {sale["status"] for sale in journals.sales.values()} == {"reversed"}
        assert {hold["status"] for hold in journals.holds.values()} == {"released"}


@pytest.mark.parametrize("kind", [INC, RFD])
def test_a_crash_between_question_and_answer_is_reversed(kind: FollowUpKind) -> None:
    with ThreeRoles() as roles:
        record = begun(roles, kind)
        asked(roles, record, kind, "answer lost")
        roles.crash()
        settled(roles)
        assert standing(roles, record.rrn) == (10_000, 0)


STEP = st.tuples(
    st.sampled_from([*KINDS, "deliver", "crash", "cancel", "clear"]),
    st.integers(1, 12_000),
    st.sampled_from(["", "", *FATES]),
)


@given(st.booleans(), st.lists(STEP, max_size=12))
@settings(max_examples=15, deadline=None)
def test_whatever_follows_a_debit_the_three_agree(
    held: bool, steps: list[tuple[FollowUpKind | str, int, str]]
) -> None:
    with ThreeRoles() as roles:
        record = roles.sell(0, 10_000, held=held)
        burnt = roles.bench.burnt(roles.batch)
        for number, (what, minor, fate) in enumerate(steps):
            with suppress(ConflictError):
                if isinstance(what, FollowUpKind):
                    wish = Wish(what, f"wish-{number}", Money(minor, ROUBLE))
                    roles.ask(record.rrn, wish, fate)
                elif what == "deliver":
                    roles.deliver(fate)
                elif what == "cancel":
                    cancel(record.rrn, roles.acquirer)
                elif what == "crash":
                    roles.crash()
                else:
                    roles.clear()
        settled(roles)
        roles.clear()
        settled(roles)
        assert roles.bench.burnt(roles.batch) == burnt
