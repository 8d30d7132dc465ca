"""A group of requests up to the issuer: who wins, who waits, who gets the stored answer."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, card_number, reversal
from zheton.adapters.storage.database import Database
from zheton.core.debit import DebitState, Journalled
from zheton.core.decline import Reason
from zheton.core.emv import tags
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, encode
from zheton.core.token.batch import Batch
from zheton.core.token.lifecycle import Verb
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Answer, Forward, Step, Wait


def steps(bench: VaultBench, *requests: Message, now: datetime = NOW) -> list[Step]:
    return authorise(bench.switch, requests, now)


def forwarded(bench: VaultBench, request: Message) -> Forward:
    (step,) = steps(bench, request)
    assert isinstance(step, Forward), step
    return step


def answered(bench: VaultBench, request: Message) -> tuple[str, Reason | None]:
    """Response code and reason of a request that goes no further."""
    (step,) = steps(bench, request)
    assert isinstance(step, Answer), step
    return step.message.text(39), step.decline.reason if step.decline else None


def journal(bench: VaultBench, batch: Batch, place: int = 0) -> list[Journalled]:
    at = bench.tokens.locate(bench.number(batch, place))
    assert at is not None
    return bench.vault.of_number(at)


def kinds(found: Sequence[Step]) -> list[type[Step]]:
    return [type(step) for step in found]


@pytest.mark.parametrize("scheme", ["mastercard", "unionpay"])
def test_the_issuer_gets_the_card_and_nothing_of_the_proof(bench: VaultBench, scheme: str) -> None:
    batch = bench.leased(scheme)
    request = bench.at_till(batch).with_fields({45: "TRACK1", 47: "ANYTHING", 62: "MORE"})
    step = forwarded(bench, request)
    message, pan = step.message, card_number(scheme).reveal()
    assert (message.mti, message.text(2), message.text(14)) == ("0100", pan, "2812")
    assert message.text(56) == step.admitted.card.par
    parts = subelements.decode(message.text(48))
    requestor = bench.scheme(batch).token_requestor_id
    assert parts == {"33": bench.number(batch) + batch.expiry + requestor}
    unchanged = (3, 4, 7, 11, 12, 13, 18, 19, 22, 23, 25, 32, 37, 41, 42, 43, 49)
    assert set(message.fields) == {2, 14, 33, 48, 56, *unchanged}
    assert all(message[n] == request[n] for n in unchanged)
    encode(DIALECT, message)


def test_the_issuer_of_an_online_debit_does_not_get_the_code(bench: VaultBench) -> None:
    credential = bench.online()
    message = forwarded(bench, bench.at_shop(credential)).message
    assert set(subelements.decode(message.text(48))) == {"33"}
    assert 55 not in message
    assert 35 not in message


def test_a_repeated_0101_is_forwarded_as_a_request(bench: VaultBench) -> None:
    """The original was lost on its way here: for the issuer this is the first."""
    request = bench.at_till(bench.leased()).with_fields({}, mti="0101")
    assert forwarded(bench, request).message.mti == "0100"


def test_the_burn_is_committed_before_anything_goes_to_the_issuer(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    bench = VaultBench(Database(f"sqlite:///{path}"))
    batch = bench.leased()
    step = forwarded(bench, bench.at_till(batch, 3))
    other = sqlite3.connect(path)
    assert other.execute("SELECT burnt FROM batch").fetchall() == [(1 << 3,)]
    rows = other.execute("SELECT debit, state FROM debit").fetchall()
    assert rows == [(step.line.debit, "pending")]
    other.close()
    bench.database.close()


def test_a_decline_after_the_proof_stays_burnt(bench: VaultBench) -> None:
    batch = bench.leased()
    assert answered(bench, bench.at_till(batch, amount_minor=500_001)) == (
        "61",
        Reason.AMOUNT_LIMIT,
    )
    assert bench.burnt(batch) == 1
    (line,) = journal(bench, batch)
    assert (line.state, line.reason) == (DebitState.DECLINED, Reason.AMOUNT_LIMIT)
    assert answered(bench, bench.at_till(batch)) == ("63", Reason.REPLAY)


def test_a_wrong_proof_burns_and_journals_nothing(bench: VaultBench) -> None:
    batch = bench.leased()
    wrong = bench.at_till(batch, changed={tags.APPLICATION_CRYPTOGRAM: bytes(8)})
    assert answered(bench, wrong) == ("63", Reason.WRONG_CRYPTOGRAM)
    assert (bench.burnt(batch), journal(bench, batch)) == (0, [])
    forwarded(bench, bench.at_till(batch))


def test_debits_of_one_card_take_turns_and_all_go_through(bench: VaultBench) -> None:
    first, second, other = bench.leased(), bench.leased(), bench.leased(serial=2)
    group = [
        bench.at_till(first, 0),
        bench.at_till(first, 1),
        bench.at_till(other, 0),
        bench.at_till(second, 0),
    ]
    found = steps(bench, *group)
    assert kinds(found) == [Forward] * 4
    assert [s.request for s in found if isinstance(s, Forward)] == group
    assert [bench.burnt(batch) for batch in (first, second, other)] == [3, 1, 1]


def test_of_one_number_in_a_group_the_first_wins(bench: VaultBench) -> None:
    batch = bench.leased()
    found = steps(bench, *(bench.at_till(batch) for _ in range(3)))
    assert kinds(found) == [Forward, Answer, Answer]
    for lost in found[1:]:
        assert isinstance(lost, Answer)
        assert lost.decline is not None
        assert lost.decline.reason is Reason.REPLAY
    assert len(journal(bench, batch)) == 1


def test_a_repeat_in_the_same_group_waits(bench: VaultBench) -> None:
    request = bench.at_till(bench.leased())
    first, again = steps(bench, request, request)
    assert isinstance(first, Forward)
    assert again == Wait(request, first.line.debit)


def test_a_repeat_of_what_is_pending_waits(bench: VaultBench) -> None:
    request = bench.at_till(bench.leased())
    step = forwarded(bench, request)
    assert steps(bench, request) == [Wait(request, step.line.debit)]


@pytest.mark.parametrize("code", ["00", "51", None])
def test_a_repeat_of_what_is_answered_gets_the_same_bytes(
    bench: VaultBench, code: str | None
) -> None:
    request = bench.at_till(bench.leased())
    step = forwarded(bench, request)
    response = None if code is None else approval(step.message, code)
    (sent,) = complete(bench.switch, [Answered(step, response)], NOW)
    for repeat in (request, request.with_fields({}, mti="0101")):
        (again,) = steps(bench, repeat)
        assert isinstance(again, Answer)
        assert encode(DIALECT, again.message) == encode(DIALECT, sent)


def test_a_repeat_of_a_refusal_after_the_proof_gets_the_same_bytes(bench: VaultBench) -> None:
    request = bench.at_till(bench.leased(), amount_minor=500_001)
    (first,), (again,) = steps(bench, request), steps(bench, request)
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert encode(DIALECT, first.message) == encode(DIALECT, again.message)


@pytest.mark.parametrize("done", [False, True])
def test_a_repeat_that_asks_for_something_else_is_refused(bench: VaultBench, done: bool) -> None:
    batch = bench.leased()
    request = bench.at_till(batch)
    step = forwarded(bench, request)
    if done:
        complete(bench.switch, [Answered(step, approval(step.message))], NOW)
    for other in (bench.at_till(batch), bench.at_till(batch, amount_minor=1)):
        changed = other.with_fields({11: request.text(11)})
        assert answered(bench, changed) == ("94", Reason.CHANGED_REPEAT)


def test_a_day_ends_the_spending_and_the_number_burns(bench: VaultBench) -> None:
    batch = bench.leased()
    for place in range(2):
        forwarded(bench, bench.at_till(batch, place, amount_minor=500_000))
    above = bench.at_till(batch, 2, amount_minor=200_001)
    assert answered(bench, above) == ("61", Reason.DAY_AMOUNT)
    forwarded(bench, bench.at_till(batch, 3, amount_minor=200_000))
    assert bench.burnt(batch) == 0b1111


def test_a_group_does_not_slip_through_the_limit_of_a_day(bench: VaultBench) -> None:
    batch = bench.leased()
    found = steps(bench, *(bench.at_till(batch, n, amount_minor=500_000) for n in range(4)))
    assert kinds(found) == [Forward, Forward, Answer, Answer]


def test_the_first_shop_that_presents_a_number_keeps_it(bench: VaultBench) -> None:
    credential = bench.online()
    forwarded(bench, bench.at_shop(credential, merchant="MSKBOOKS"))
    with bench.database.reading() as connection:
        bound = connection.exec_driver_sql("SELECT merchant FROM online_number").scalars().all()
    assert bound == ["MSKBOOKS"]
    assert answered(bench, bench.at_shop(credential, merchant="MSKTEA")) == ("63", Reason.REPLAY)


def test_a_batch_that_is_suspended_between_look_and_burn_loses(bench: VaultBench) -> None:
    batch = bench.leased()
    request = bench.at_till(batch)
    (verdict,) = bench.examine(request)
    bench.change(batch.enrolment, Verb.SUSPEND)

    class Before:
        """The token service as it was a moment ago."""

        locate, reveal = bench.tokens.locate, bench.tokens.reveal
        reveal_card, answer_chip = bench.tokens.reveal_card, bench.tokens.answer_chip

        def examine(self, _debits: object, _now: datetime) -> list[object]:
            return [verdict]

    late = replace(bench.switch, tokens=Before())  # type: ignore[arg-type]
    (step,) = authorise(late, [request], NOW)
    assert isinstance(step, Answer)
    assert (bench.burnt(batch), journal(bench, batch)) == (0, [])


def test_a_card_whose_row_was_changed_is_declined_and_holds_up_nobody(bench: VaultBench) -> None:
    batch, other = bench.leased(), bench.leased(serial=2)
    group = [bench.at_till(batch), bench.at_till(other)]
    with bench.database.transaction() as connection:
        connection.exec_driver_sql(
            "UPDATE card SET sealed_pan = zeroblob(44) WHERE card = ?", (batch.card,)
        )
    found = steps(bench, *group)
    assert kinds(found) == [Answer, Forward]
    assert [line.state for line in journal(bench, batch)] == [DebitState.DECLINED]


def test_a_debit_whose_reversal_came_first_is_refused_and_burns(bench: VaultBench) -> None:
    batch = bench.leased()
    request = bench.at_till(batch)
    assert reverse(bench.switch, reversal(request), NOW).text(39) == "00"
    for _ in range(2):
        assert answered(bench, request) == ("12", Reason.REVERSED)
        assert bench.burnt(batch) == 1
    assert answered(bench, bench.at_till(batch)) == ("63", Reason.REPLAY)
    assert [line.state for line in journal(bench, batch)] == [DebitState.BLOCKED]
    with bench.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT day_debits FROM card").scalar() == 0


def test_a_bad_message_does_not_spoil_its_group(bench: VaultBench) -> None:
    batch = bench.leased()
    group = [
        bench.at_till(batch, 0).with_fields({}, drop=[4]),
        bench.at_till(batch, 1, fields={2: "5413330089010012"}),
        bench.at_till(batch, 2),
        bench.at_till(batch, 3, fields={55: b"\xff\xff"}),
    ]
    found = steps(bench, *group)
    assert kinds(found) == [Answer, Answer, Forward, Answer]
    codes = [step.message.text(39) for step in found if isinstance(step, Answer)]
    assert codes == ["30", "14", "30"]


def test_no_requests_are_no_steps(bench: VaultBench) -> None:
    assert steps(bench) == []


def test_no_answer_to_an_acquirer_holds_the_card_number(bench: VaultBench) -> None:
    batch, credential = bench.leased(), bench.online()
    pan = card_number().reveal()
    approve, decline, silent = (bench.at_till(batch, n) for n in range(3))
    sent: list[Message] = []
    for request, code in ((approve, "00"), (decline, "51"), (silent, None)):
        step = forwarded(bench, request)
        response = None if code is None else approval(step.message, code)
        sent += complete(bench.switch, [Answered(step, response)], NOW)
    online = forwarded(bench, bench.at_shop(credential))
    sent += complete(bench.switch, [Answered(online, approval(online.message))], NOW)
    more = (approve, bench.at_till(batch, 3, amount_minor=500_001), bench.at_till(batch, 0))
    sent += [s.message for s in steps(bench, *more) if isinstance(s, Answer)]
    sent.append(reverse(bench.switch, reversal(approve), NOW))
    sent += [s.message for s in steps(bench, approve) if isinstance(s, Answer)]
    assert len(sent) == 9
    for message in sent:
        wire = encode(DIALECT, message)
        assert pan.encode() not in wire
        assert bytes.fromhex(pan) not in wire
        assert message.text(2) != pan
