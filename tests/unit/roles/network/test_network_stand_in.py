"""Stand-in: what is approved without the issuer, how much of it, and the advice that follows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, card_number, reversal
from zheton.core.debit import Advice, DebitState, Journalled
from zheton.core.decline import Reason
from zheton.core.emv import tags, tlv
from zheton.core.emv.cryptogram import verify_arpc_1
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.match import decode_original
from zheton.core.iso8583.message import Message, encode
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Channel
from zheton.roles.network.allowance import Allowance, StandIn, StandIns
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete, reversals_due
from zheton.roles.network.reverse import reverse
from zheton.roles.network.stand_in import advice_heard, advice_message, advices_due
from zheton.roles.network.state import Answer, Forward

RUB = Allowance(debit_max_minor=50_000, day_max_minor=100_000, debits_per_day=3)
ALLOWED = StandIn(frozenset({Channel.TILL}), frozenset({"7995"}), {"643": RUB})


@pytest.fixture
def away(bench: VaultBench) -> VaultBench:
    """A network whose issuer allows a little."""
    bench.switch = replace(bench.switch, stand_ins=StandIns({"541333": ALLOWED}))
    return bench


def forward(bench: VaultBench, *requests: Message) -> list[Forward]:
    steps = authorise(bench.switch, requests, NOW)
    found = [step for step in steps if isinstance(step, Forward)]
    assert len(found) == len(requests)
    return found


def unanswered(bench: VaultBench, *requests: Message, asked: bool = False) -> list[str]:
    """What tills hear of debits whose issuer said nothing."""
    group = [Answered(step, None, asked) for step in forward(bench, *requests)]
    return [message.text(39) for message in complete(bench.switch, group, NOW)]


def one(bench: VaultBench, request: Message, *, asked: bool = False) -> Journalled:
    """The line of a debit whose issuer said nothing."""
    unanswered(bench, request, asked=asked)
    at = bench.tokens.locate(request.text(2))
    assert at is not None
    (line,) = bench.vault.of_number(at)
    return line


def due(bench: VaultBench) -> Sequence[Journalled]:
    return advices_due(bench.switch, 99)


@pytest.mark.parametrize("asked", [False, True])
def test_a_debit_within_the_allowance_is_approved_for_its_issuer(
    away: VaultBench, asked: bool
) -> None:
    batch = away.leased()
    request = away.at_till(batch, 7)
    (step,) = forward(away, request)
    (sent,) = complete(away.switch, [Answered(step, None, asked)], NOW)
    assert (sent.mti, sent.text(39), sent.text(56)) == ("0110", "00", step.admitted.card.par)
    assert len(sent.text(38)) == 6 and sent.text(38).startswith("S")
    data = tlv.flat(sent.binary(55))[tags.ISSUER_AUTHENTICATION_DATA]
    arqc = tlv.flat(request.binary(55))[tags.APPLICATION_CRYPTOGRAM]
    verify_arpc_1("3des", away.key(batch, 7), arqc, b"00", data[:8])
    (line,) = due(away)
    assert (line.state, line.advice) == (DebitState.APPROVED, Advice.DUE)
    assert not reversals_due(away.switch, 9)
    (again,) = authorise(away.switch, [request], NOW)
    assert isinstance(again, Answer)
    assert encode(DIALECT, again.message) == encode(DIALECT, sent)


def test_nothing_is_allowed_that_no_issuer_has_named(bench: VaultBench) -> None:
    batch = bench.leased()
    assert unanswered(bench, bench.at_till(batch)) == ["91"]
    other = StandIns({"541334": ALLOWED, "62": ALLOWED})
    bench.switch = replace(bench.switch, stand_ins=other)
    assert unanswered(bench, bench.at_till(batch, 1)) == ["91"]
    assert not due(bench)


@pytest.mark.parametrize(
    "less",
    [
        replace(ALLOWED, channels=frozenset({Channel.ONLINE})),
        replace(ALLOWED, categories_refused=frozenset({"5814"})),
        replace(ALLOWED, by_currency={"156": RUB}),
        replace(ALLOWED, by_currency={"643": replace(RUB, debit_max_minor=34_999)}),
        replace(ALLOWED, by_currency={"643": replace(RUB, day_max_minor=34_999)}),
        replace(ALLOWED, by_currency={"643": replace(RUB, debits_per_day=0)}),
    ],
)
def test_what_an_issuer_does_not_allow_is_declined(bench: VaultBench, less: StandIn) -> None:
    bench.switch = replace(bench.switch, stand_ins=StandIns({"541333": less}))
    line = one(bench, bench.at_till(bench.leased(), amount_minor=35_000))
    assert (line.state, line.reason) == (DebitState.TIMED_OUT, Reason.ISSUER_UNAVAILABLE)
    assert not due(bench)


def test_the_longest_bin_of_an_issuer_decides(bench: VaultBench) -> None:
    nothing = replace(ALLOWED, by_currency={})
    bench.switch = replace(
        bench.switch, stand_ins=StandIns({"541333": ALLOWED, "54133300": nothing, "5": nothing})
    )
    assert card_number().reveal().startswith("54133300")
    assert unanswered(bench, bench.at_till(bench.leased())) == ["91"]


def test_an_issuer_that_may_hold_a_declined_debit_hears_of_a_reversal(away: VaultBench) -> None:
    batch = away.leased()
    never = one(away, away.at_till(batch, 0, amount_minor=50_001), asked=False)
    maybe = one(away, away.at_till(batch, 1, amount_minor=50_001), asked=True)
    assert {never.state, maybe.state} == {DebitState.TIMED_OUT}
    assert reversals_due(away.switch, 9) == [maybe]


def test_exactly_what_is_allowed_is_approved_of_a_group(away: VaultBench) -> None:
    batch, other = away.leased(), away.leased(serial=2)
    amounts = [40_000, 40_000, 40_000, 20_000, 1]
    group = [away.at_till(batch, n, amount_minor=minor) for n, minor in enumerate(amounts)]
    codes = unanswered(away, *group, away.at_till(other, 0, amount_minor=50_000))
    assert codes == ["00", "00", "91", "00", "91", "00"]
    assert unanswered(away, away.at_till(other, 1, amount_minor=50_000)) == ["00"]
    assert unanswered(away, away.at_till(other, 2, amount_minor=1)) == ["91"]


def test_the_next_day_begins_anew_and_a_late_one_counts_for_its_own(away: VaultBench) -> None:
    batch, late = away.leased(), away.at_till(away.leased(), 9, amount_minor=50_000)
    assert unanswered(away, *(away.at_till(batch, n, amount_minor=50_000) for n in (0, 1))) == [
        "00",
        "00",
    ]
    (step,) = forward(away, late)
    tomorrow = replace(step.line, received_at=NOW + timedelta(days=1))
    with away.vault.transaction() as tx:
        assert tx.count_stood_in([(tomorrow, RUB)]) == {step.line.debit}
    (sent,) = complete(away.switch, [Answered(step, None)], NOW + timedelta(days=1))
    assert sent.text(39) == "91"


def test_an_issuer_that_says_that_nobody_can_decide_is_stood_in_for(away: VaultBench) -> None:
    batch = away.leased()
    small, big = forward(away, away.at_till(batch, 0), away.at_till(batch, 1, amount_minor=50_001))
    group = [Answered(step, approval(step.message, "91")) for step in (small, big)]
    assert [sent.text(39) for sent in complete(away.switch, group, NOW)] == ["00", "91"]
    assert [line.debit for line in due(away)] == [small.line.debit]
    assert not reversals_due(away.switch, 9)  # whoever says so holds nothing


@pytest.mark.parametrize("code", ["05", "51", "14"])
def test_an_issuer_that_declines_is_believed(away: VaultBench, code: str) -> None:
    (step,) = forward(away, away.at_till(away.leased()))
    (sent,) = complete(away.switch, [Answered(step, approval(step.message, code))], NOW)
    assert sent.text(39) == code


def test_an_answer_to_another_question_is_not_silence(away: VaultBench) -> None:
    (step,) = forward(away, away.at_till(away.leased()))
    odd = approval(step.message).with_fields({4: "000000000001"})
    (sent,) = complete(away.switch, [Answered(step, odd)], NOW)
    assert sent.text(39) == "91"
    assert len(reversals_due(away.switch, 9)) == 1


@pytest.mark.parametrize("code", ["00", "51"])
def test_a_late_answer_changes_nothing(away: VaultBench, code: str) -> None:
    (step,) = forward(away, away.at_till(away.leased()))
    (first,) = complete(away.switch, [Answered(step, None)], NOW)
    late = Answered(step, approval(step.message, code))
    (again,) = complete(away.switch, [late], NOW)
    assert encode(DIALECT, again) == encode(DIALECT, first)
    assert len(due(away)) == 1


def test_an_advice_names_its_original_and_is_repeated_as_0121(away: VaultBench) -> None:
    batch = away.leased()
    (step,) = forward(away, away.at_till(batch))
    complete(away.switch, [Answered(step, None)], NOW)
    (line,) = due(away)
    message = advice_message(away.switch, line, NOW)
    assert message is not None
    assert message.mti == "0120"
    same = (2, 3, 4, 7, 11, 14, 18, 19, 32, 33, 37, 41, 42, 49, 56)
    assert all(message[n] == step.message[n] for n in same)
    assert set(message.fields) == {*same, 38, 39, 90}
    assert (message.text(38), message.text(39)) == (line.auth_code, "00")
    original = decode_original(message.text(90))
    assert (original.mti, original.stan) == ("0100", step.message.text(11))
    encode(DIALECT, message)
    (sent,) = due(away)
    assert sent.advice is Advice.SENT
    again = advice_message(away.switch, sent, NOW)
    assert again is not None
    assert again == message.with_fields({}, mti="0121")
    advice_heard(away.switch, sent)
    assert not due(away)
    assert advice_message(away.switch, sent, NOW) is None


def test_advices_of_a_card_come_in_the_order_of_their_debits(away: VaultBench) -> None:
    batch = away.leased()
    for place in (5, 3, 4):
        request = away.at_till(batch, place, amount_minor=100)
        steps = authorise(away.switch, [request], NOW + timedelta(seconds=9 - place))
        group = [Answered(step, None) for step in steps if isinstance(step, Forward)]
        complete(away.switch, group, NOW)
    assert [line.at.slot.place for line in due(away)] == [5, 4, 3]
    assert [line.at.slot.place for line in advices_due(away.switch, 2)] == [5, 4]


@pytest.mark.parametrize("told", ["never", "sent", "heard"])
def test_a_reversal_drops_the_advice_and_gives_the_allowance_back(
    away: VaultBench, told: str
) -> None:
    batch = away.leased()
    requests = [away.at_till(batch, place, amount_minor=50_000) for place in range(2)]
    first = one(away, requests[0])
    one(away, requests[1])
    if told != "never":
        advice_message(away.switch, first, NOW)
    if told == "heard":
        advice_heard(away.switch, first)
    assert reverse(away.switch, reversal(requests[0]), NOW).text(39) == "00"
    (after,) = away.vault.of_number(first.at)
    assert after.state is DebitState.REVERSED
    assert after.advice is (Advice.HEARD if told == "heard" else Advice.DROPPED)
    assert [line.debit for line in reversals_due(away.switch, 9)] == [first.debit]
    assert len(due(away)) == 1
    assert advice_message(away.switch, first, NOW) is None
    assert one(away, away.at_till(batch, 2, amount_minor=50_000)).advice is Advice.DUE
    assert unanswered(away, away.at_till(batch, 3, amount_minor=1)) == ["91"]
    assert reverse(away.switch, reversal(requests[0]), NOW).text(39) == "00"  # again: no more back
    assert unanswered(away, away.at_till(batch, 4, amount_minor=1)) == ["91"]


def test_a_debit_that_was_reversed_meanwhile_is_not_stood_in_for(away: VaultBench) -> None:
    batch = away.leased()
    request = away.at_till(batch, amount_minor=50_000)
    (step,) = forward(away, request)
    assert reverse(away.switch, reversal(request), NOW).text(39) == "00"
    (sent,) = complete(away.switch, [Answered(step, None)], NOW)
    assert sent.text(39) == "12"
    assert not due(away)
    left = [away.at_till(batch, n, amount_minor=50_000) for n in (1, 2)]
    assert unanswered(away, *left) == ["00", "00"]


def day_debits(bench: VaultBench, batch: Batch) -> int:
    with bench.database.reading() as connection:
        found = connection.exec_driver_sql(
            "SELECT day_debits FROM card WHERE card = ?", (batch.card,)
        )
        return int(found.scalar_one())


def test_the_card_s_own_limits_count_what_was_approved_alone(away: VaultBench) -> None:
    batch = away.leased()
    unanswered(away, away.at_till(batch, 0), away.at_till(batch, 1, amount_minor=50_001))
    assert day_debits(away, batch) == 1


def test_a_debit_under_the_references_of_another_is_declined_and_reverses_nothing(
    away: VaultBench,
) -> None:
    (step,) = forward(away, away.at_till(away.leased()))
    unaskable = Answered(step, None, asked=False, can_be_asked=False)
    (sent,) = complete(away.switch, [unaskable], NOW)
    assert sent.text(39) == "91"
    assert not due(away) and not reversals_due(away.switch, 9)
