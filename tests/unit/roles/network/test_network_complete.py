"""What the issuer said, or did not say, and what becomes of it."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, card_number, reversal
from zheton.core.debit import DebitState, Journalled
from zheton.core.decline import Reason
from zheton.core.emv import tags, tlv
from zheton.core.emv.cryptogram import verify_arpc_1, verify_arpc_2
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.match import decode_original
from zheton.core.iso8583.message import Message, encode
from zheton.core.token.batch import Batch
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import (
    Answered,
    abandon,
    complete,
    reversal_heard,
    reversal_message,
    reversals_due,
)
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Answer, Forward, Wait


def forward(bench: VaultBench, *requests: Message) -> list[Forward]:
    steps = authorise(bench.switch, requests, NOW)
    found = [step for step in steps if isinstance(step, Forward)]
    assert len(found) == len(requests)
    return found


def finish(bench: VaultBench, step: Forward, response: Message | None) -> Message:
    (sent,) = complete(bench.switch, [Answered(step, response)], NOW)
    return sent


def line(bench: VaultBench, step: Forward) -> Journalled:
    (only,) = bench.vault.of_number(step.line.at)
    return only


def due(bench: VaultBench) -> Sequence[tuple[Journalled, Message]]:
    return [
        (line, reversal_message(bench.switch, line, NOW))
        for line in reversals_due(bench.switch, 99)
    ]


@pytest.mark.parametrize("scheme", ["mastercard", "unionpay"])
@pytest.mark.parametrize("code", ["00", "51"])
def test_an_answer_goes_back_with_the_number_and_an_arpc(
    bench: VaultBench, scheme: str, code: str
) -> None:
    batch = bench.leased(scheme)
    request = bench.at_till(batch, 7)
    (step,) = forward(bench, request)
    sent = finish(bench, step, approval(step.message, code))
    assert (sent.mti, sent.text(2), sent.text(39)) == ("0110", bench.number(batch, 7), code)
    assert sent.text(38) == ("A1B2C3" if code == "00" else "")
    assert sent.text(56) == step.admitted.card.par
    assert all(sent[n] == request[n] for n in (3, 4, 7, 11, 32, 37, 41, 49))
    data = tlv.flat(sent.binary(55))[tags.ISSUER_AUTHENTICATION_DATA]
    arqc = tlv.flat(request.binary(55))[tags.APPLICATION_CRYPTOGRAM]
    cipher, key = bench.scheme(batch).cryptogram.cipher, bench.key(batch, 7)
    if scheme == "mastercard":
        assert data[8:] == code.encode()
        verify_arpc_1(cipher, key, arqc, data[8:], data[:8])
    else:
        assert data[4:].hex() == ("00800000" if code == "00" else "00000000")
        verify_arpc_2(cipher, key, arqc, data[4:], b"", data[:4])
    state = DebitState.APPROVED if code == "00" else DebitState.DECLINED
    assert line(bench, step).state is state
    assert not due(bench)
    encode(DIALECT, sent)


def test_an_online_answer_has_no_chip_data(bench: VaultBench) -> None:
    (step,) = forward(bench, bench.at_shop(bench.online()))
    assert 55 not in finish(bench, step, approval(step.message))


def test_a_silent_issuer_declines_and_will_hear_of_a_reversal(bench: VaultBench) -> None:
    (step,) = forward(bench, bench.at_till(bench.leased()))
    sent = finish(bench, step, None)
    assert sent.text(39) == "91"
    assert (38 in sent, 55 in sent) == (False, False)
    assert line(bench, step).state is DebitState.TIMED_OUT
    ((found, message),) = due(bench)
    assert message.mti == "0400"
    assert message.text(2) == card_number().reveal()
    assert all(message[n] == step.message[n] for n in (3, 4, 32, 37, 41, 42, 49))
    original = decode_original(message.text(90))
    assert (original.mti, original.stan) == ("0100", step.message.text(11))
    assert (original.transmitted, original.acquirer) == (step.message.text(7), "400001")
    encode(DIALECT, message)
    reversal_heard(bench.switch, found)
    assert not due(bench)


@pytest.mark.parametrize(
    "changes",
    [
        {2: "5413330000000029"},
        {4: "000000035001"},
        {7: "0910093016"},
        {11: "999999"},
        {37: "999999999999"},
        {49: "840"},
    ],
)
def test_an_answer_to_another_question_is_none(
    bench: VaultBench, changes: dict[int, Value]
) -> None:
    (step,) = forward(bench, bench.at_till(bench.leased()))
    sent = finish(bench, step, approval(step.message).with_fields(changes))
    assert sent.text(39) == "91"
    assert len(due(bench)) == 1


@pytest.mark.parametrize(("drop", "mti"), [([39], "0110"), ([2], "0110"), ([], "0410")])
def test_an_answer_without_a_decision_or_of_another_type_is_none(
    bench: VaultBench, drop: list[int], mti: str
) -> None:
    (step,) = forward(bench, bench.at_till(bench.leased()))
    odd = approval(step.message).with_fields({}, drop=drop, mti=mti)
    assert finish(bench, step, odd).text(39) == "91"


@pytest.mark.parametrize("code", ["  ", "x1", "0 "])
def test_a_code_that_nobody_could_be_told_is_no_decision(bench: VaultBench, code: str) -> None:
    (step,) = forward(bench, bench.at_till(bench.leased()))
    assert finish(bench, step, approval(step.message, code)).text(39) == "91"
    assert len(due(bench)) == 1


def test_a_group_is_answered_in_its_order(bench: VaultBench) -> None:
    batch = bench.leased()
    steps = forward(bench, *(bench.at_till(batch, place) for place in range(4)))
    codes = ["00", None, "51", "05"]
    group = [
        Answered(step, approval(step.message, code) if code else None)
        for step, code in zip(steps, codes, strict=True)
    ]
    sent = complete(bench.switch, group, NOW)
    assert [message.text(39) for message in sent] == ["00", "91", "51", "05"]
    assert [message.text(2) for message in sent] == [bench.number(batch, n) for n in range(4)]
    assert [found.at.slot.place for found, _ in due(bench)] == [1]
    assert complete(bench.switch, [], NOW) == []


def test_a_debit_that_was_reversed_meanwhile_is_not_approved(bench: VaultBench) -> None:
    request = bench.at_till(bench.leased())
    (step,) = forward(bench, request)
    assert reverse(bench.switch, reversal(request), NOW).text(39) == "00"
    sent = finish(bench, step, approval(step.message))
    assert sent.text(39) == "12"
    assert 38 not in sent
    assert line(bench, step).state is DebitState.REVERSED
    assert len(due(bench)) == 1
    (again,) = authorise(bench.switch, [request], NOW)
    assert isinstance(again, Answer)
    assert encode(DIALECT, again.message) == encode(DIALECT, sent)


def test_what_another_process_left_is_timed_out_once_it_is_old(bench: VaultBench) -> None:
    (step,) = forward(bench, bench.at_till(bench.leased()))
    other = VaultBench(bench.database, seed=2, mark=b"away")
    assert abandon(other.switch, 9, NOW, own=True) == 0
    assert line(bench, step).state is DebitState.PENDING
    assert abandon(other.switch, 9, NOW + timedelta(milliseconds=1)) == 1
    assert line(bench, step).state is DebitState.TIMED_OUT
    assert finish(bench, step, approval(step.message)).text(39) == "91"
    assert len(due(bench)) == 1


def test_a_process_that_has_no_mark_gives_up_nothing_young(bench: VaultBench) -> None:
    nameless = VaultBench(bench.database, seed=2, mark=b"")
    forward(nameless, bench.at_till(bench.leased()))
    assert abandon(nameless.switch, 9, NOW, own=True) == 0


def test_an_outcome_that_comes_twice_is_answered_by_the_first(bench: VaultBench) -> None:
    (step,) = forward(bench, bench.at_till(bench.leased()))
    first = finish(bench, step, approval(step.message))
    for late in (None, approval(step.message, "51"), approval(step.message)):
        assert encode(DIALECT, finish(bench, step, late)) == encode(DIALECT, first)
    assert not due(bench)


def test_after_a_crash_what_was_open_is_timed_out_and_reversed(bench: VaultBench) -> None:
    batch = bench.leased()
    approved, *open_ones = forward(bench, *(bench.at_till(batch, place) for place in range(4)))
    finish(bench, approved, approval(approved.message))
    restarted = VaultBench(bench.database, seed=2)
    assert [abandon(restarted.switch, 2, NOW, own=True) for _ in range(3)] == [2, 1, 0]
    assert {found.debit for found, _ in due(restarted)} == {s.line.debit for s in open_ones}
    assert line(restarted, approved).state is DebitState.APPROVED
    for step in open_ones:
        (again,) = authorise(restarted.switch, [step.request], NOW)
        assert isinstance(again, Answer)
        assert again.message.text(39) == "91"
        late = finish(restarted, step, approval(step.message))
        assert encode(DIALECT, late) == encode(DIALECT, again.message)
    assert len(due(restarted)) == 3


def test_a_wait_ends_with_the_outcome(bench: VaultBench) -> None:
    request = bench.at_till(bench.leased())
    (step,) = forward(bench, request)
    assert isinstance(authorise(bench.switch, [request], NOW)[0], Wait)
    finish(bench, step, approval(step.message))
    (again,) = authorise(bench.switch, [request], NOW)
    assert isinstance(again, Answer)
    assert again.message.text(39) == "00"


def test_a_decline_by_the_issuer_leaves_the_number_burnt(bench: VaultBench) -> None:
    batch: Batch = bench.leased()
    (step,) = forward(bench, bench.at_till(batch))
    finish(bench, step, approval(step.message, "51"))
    assert bench.burnt(batch) == 1
    (again,) = authorise(bench.switch, [bench.at_till(batch)], NOW)
    assert isinstance(again, Answer)
    assert again.decline is not None
    assert again.decline.reason is Reason.REPLAY
