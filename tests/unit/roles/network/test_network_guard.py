"""The throttle before real debits: what is counted, what a closed source still gets, what stays."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event

from tests.unit.roles.network.follow_ups import debited, follow_up, reversal_of
from tests.unit.roles.network.test_network_throttle import LINE, SMALL
from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, reversal
from zheton.core.debit import DebitState
from zheton.core.decline import Reason
from zheton.core.emv import tags
from zheton.core.follow_up import FollowUpKind
from zheton.core.iso8583.message import Message
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.follow_up.take import FollowUpStep
from zheton.roles.network.guard import (
    Heard,
    authorise_guarded,
    reverse_follow_up_guarded,
    reverse_guarded,
    take_follow_ups_guarded,
)
from zheton.roles.network.state import Answer, Forward, Step
from zheton.roles.network.throttle import Throttle


@pytest.fixture
def throttle() -> Throttle:
    return Throttle(SMALL)


def steps(
    bench: VaultBench, throttle: Throttle, *messages: Message, now: datetime = NOW
) -> list[Step]:
    return authorise_guarded(bench.switch, throttle, [Heard(m, LINE) for m in messages], now)


def reasons(found: Sequence[Step]) -> list[Reason | None]:
    return [
        step.decline.reason if isinstance(step, Answer) and step.decline else None for step in found
    ]


def close(bench: VaultBench, throttle: Throttle) -> None:
    """Guess until the till MSK1 is closed."""
    wrong = bench.at_till(bench.leased(serial=9), changed={tags.APPLICATION_CRYPTOGRAM: bytes(8)})
    for _ in range(SMALL.terminal.burst):
        assert reasons(steps(bench, throttle, wrong)) == [Reason.WRONG_CRYPTOGRAM]


def test_every_way_to_be_wrong_is_counted(bench: VaultBench, throttle: Throttle) -> None:
    batch, credential = bench.leased(), bench.online(serial=2)
    spent = bench.at_till(batch, 1)
    assert isinstance(steps(bench, throttle, spent)[0], Forward)
    code = f"{(int(credential.code) + 1) % 10**6:06d}"
    wrong = {
        Reason.WRONG_CRYPTOGRAM: bench.at_till(
            batch, changed={tags.APPLICATION_CRYPTOGRAM: bytes(8)}
        ),
        Reason.WRONG_CODE: bench.at_shop(credential, code=code),
        Reason.CHIP_DATA_MISMATCH: bench.at_till(batch, fields={4: "000000000001"}),
        Reason.UNKNOWN_NUMBER: bench.at_till(replace(batch, expiry="2912")),
        Reason.REPLAY: spent.with_fields({11: "777777"}),
    }
    for reason, message in wrong.items():
        fresh = Throttle(SMALL)
        for _ in range(2):
            group = [message] * 2  # in one group and in several
            assert reasons(steps(bench, fresh, *group)) == [reason] * 2
        assert reasons(steps(bench, fresh, message)) == [Reason.THROTTLED]


def test_what_proves_itself_or_says_nothing_of_a_number_is_not_counted(
    bench: VaultBench, throttle: Throttle
) -> None:
    batch = bench.leased()
    malformed = bench.at_till(batch, 8).with_fields({}, drop=(37,))
    old = bench.at_till(batch, 9, fields={7: "0908093015"})
    for place in range(6):
        above = bench.at_till(batch, place, amount_minor=500_001)
        found = steps(bench, throttle, above, malformed, old)
        assert reasons(found) == [Reason.AMOUNT_LIMIT, Reason.FORMAT, Reason.STALE]
    assert len(throttle) == 0


def test_a_closed_till_costs_no_look_at_a_lease_and_burns_nothing(
    bench: VaultBench, throttle: Throttle
) -> None:
    close(bench, throttle)
    batch = bench.leased()
    good = bench.at_till(batch)
    asked: list[str] = []
    engine = bench.database.engine

    def keep(_c: object, _k: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", keep)
    (step,) = steps(bench, throttle, good)
    event.remove(engine, "before_cursor_execute", keep)
    assert not any("batch" in each or "UPDATE" in each for each in asked), asked
    assert isinstance(step, Answer)
    assert (step.message.text(39), reasons([step])) == ("58", [Reason.THROTTLED])
    assert bench.burnt(batch) == 0
    assert isinstance(steps(bench, throttle, good.with_fields({41: "MSK2    "}))[0], Forward)


def test_a_closed_till_is_tried_again_and_nothing_was_burnt(
    bench: VaultBench, throttle: Throttle
) -> None:
    close(bench, throttle)
    good = bench.at_till(bench.leased())
    assert reasons(steps(bench, throttle, good)) == [Reason.THROTTLED]
    later = NOW + timedelta(seconds=SMALL.terminal.seconds)
    assert isinstance(steps(bench, throttle, good, now=later)[0], Forward)


def test_a_closed_till_hears_what_became_of_its_debits(
    bench: VaultBench, throttle: Throttle
) -> None:
    """The answer was lost and the till was closed since: 58 would lose an approved debit."""
    request = bench.at_till(bench.leased())
    (step,) = steps(bench, throttle, request)
    assert isinstance(step, Forward)
    complete(bench.switch, [Answered(step, approval(step.message))], NOW)
    close(bench, throttle)
    (again,) = steps(bench, throttle, request)
    assert isinstance(again, Answer)
    assert again.message.text(39) == "00"


def test_a_closed_till_reverses_what_is_there_and_keeps_no_places(
    bench: VaultBench, throttle: Throttle
) -> None:
    batch = bench.leased()
    known, unknown = bench.at_till(batch, 0), bench.at_till(batch, 1)
    assert isinstance(steps(bench, throttle, known)[0], Forward)
    close(bench, throttle)

    def undo(request: Message) -> str:
        heard = Heard(reversal(request), LINE)
        return reverse_guarded(bench.switch, throttle, heard, NOW).text(39)

    assert (undo(known), undo(unknown)) == ("00", "58")
    (line,) = bench.vault.of_number(bench.read(known).at)
    assert line.state is DebitState.REVERSED
    assert bench.vault.of_number(bench.read(unknown).at) == []


def test_reversals_of_numbers_that_nobody_has_are_guesses(
    bench: VaultBench, throttle: Throttle
) -> None:
    """14 or 00 tells whether a number is leased, as a debit's 14 or 63 does."""
    batch = bench.leased()
    elsewhere = replace(batch, batch=batch.batch + 64)
    guesses = [reversal(bench.at_till(elsewhere, place)) for place in range(5)]
    codes = [
        reverse_guarded(bench.switch, throttle, Heard(each, LINE), NOW).text(39) for each in guesses
    ]
    assert codes == ["14"] * 3 + ["58"] * 2


def test_no_more_codes_are_tried_than_a_till_may_be_wrong(
    bench: VaultBench, throttle: Throttle
) -> None:
    """A guesser who knows many online numbers has three tries each, and his bucket's in all."""
    known = [bench.online(serial=serial) for serial in range(1, 9)]
    for credential in known * 3:
        code = f"{(int(credential.code) + 1) % 10**6:06d}"
        steps(bench, throttle, bench.at_shop(credential, code=code))
    with bench.database.reading() as connection:
        tried = connection.exec_driver_sql("SELECT sum(codes_tried) FROM online_number").scalar()
    assert tried == SMALL.terminal.burst


def test_a_closed_till_follows_its_debits_and_learns_nothing_of_others(
    bench: VaultBench, throttle: Throttle
) -> None:
    batch = bench.leased()
    request = debited(bench, batch, kind="hold")
    completion = follow_up(request, FollowUpKind.COMPLETION, 10_000)
    guesses: list[Message] = [
        completion.with_fields({11: "600001", 38: "ZZZZZZ"}),  # another approval
        completion.with_fields({11: "600002", 14: "2912"}),  # another lease
        completion.with_fields({11: "600003", 42: "SOMEBODY       "}),  # another shop
    ]

    def ask(*messages: Message) -> list[FollowUpStep]:
        group = [Heard(each, LINE) for each in messages]
        return take_follow_ups_guarded(bench.switch, throttle, group, NOW)

    def codes(found: Sequence[FollowUpStep]) -> list[str]:
        return [each.message.text(39) for each in found if isinstance(each, Answer)]

    for _ in range(SMALL.terminal.burst // len(guesses)):
        assert codes(ask(*guesses)) == ["25", "54", "25"]
    assert codes(ask(*guesses)) == ["58"] * 3
    assert codes(ask(completion)) == ["00"]


def test_a_closed_till_takes_its_follow_ups_back_and_keeps_no_places(
    bench: VaultBench, throttle: Throttle
) -> None:
    batch = bench.leased()
    request = debited(bench, batch)
    refund = follow_up(request, FollowUpKind.REFUND, 100)
    never = follow_up(request, FollowUpKind.REFUND, 200)
    group = [Heard(refund, LINE)]
    assert len(take_follow_ups_guarded(bench.switch, throttle, group, NOW)) == 1
    close(bench, throttle)

    def undo(message: Message) -> str:
        heard = Heard(reversal_of(message), LINE)
        return reverse_follow_up_guarded(bench.switch, throttle, heard, NOW).text(39)

    assert undo(never) == "58"
    assert undo(refund) == "00"
