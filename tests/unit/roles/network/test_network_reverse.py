"""A reversal undoes its own debit, once, and no number ever comes back to life."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, reversal
from zheton.core.debit import DebitState
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.match import Original
from zheton.core.iso8583.message import Message
from zheton.core.token.batch import Batch
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete, reversals_due
from zheton.roles.network.reverse import BLOCKED_MAX, reverse
from zheton.roles.network.state import Answer, Forward


def debited(bench: VaultBench, batch: Batch, code: str | None = "00") -> Message:
    """A debit that its issuer has answered, or not."""
    request = bench.at_till(batch)
    (step,) = authorise(bench.switch, [request], NOW)
    assert isinstance(step, Forward)
    response = approval(step.message, code) if code else None
    complete(bench.switch, [Answered(step, response)], NOW)
    return request


def state(bench: VaultBench, request: Message) -> DebitState:
    (line,) = bench.vault.of_number(bench.read(request).at)
    return line.state


def code(bench: VaultBench, message: Message) -> str:
    return reverse(bench.switch, message, NOW).text(39)


def due(bench: VaultBench) -> int:
    return len(reversals_due(bench.switch, 99))


def test_an_approved_debit_is_undone_once_and_its_issuer_hears_of_it(bench: VaultBench) -> None:
    batch = bench.leased()
    request = debited(bench, batch)
    message = reversal(request)
    response = reverse(bench.switch, message, NOW)
    assert (response.mti, response.text(39)) == ("0410", "00")
    assert response.text(11) == message.text(11)
    assert (state(bench, request), due(bench)) == (DebitState.REVERSED, 1)
    assert bench.burnt(batch) == 1
    assert code(bench, message.with_fields({}, mti="0401")) == "00"
    assert code(bench, reversal(request, de11="900002")) == "00"
    assert due(bench) == 1


def test_a_reversed_number_pays_no_more(bench: VaultBench) -> None:
    batch = bench.leased()
    request = debited(bench, batch)
    code(bench, reversal(request))
    for again, expected in ((request, "12"), (bench.at_till(batch), "63")):
        (step,) = authorise(bench.switch, [again], NOW)
        assert isinstance(step, Answer)
        assert step.message.text(39) == expected


@pytest.mark.parametrize(
    ("issuer", "before", "reversals"),
    [("51", DebitState.DECLINED, 0), (None, DebitState.TIMED_OUT, 1)],
)
def test_what_moved_no_money_stays_as_it_is(
    bench: VaultBench, issuer: str | None, before: DebitState, reversals: int
) -> None:
    request = debited(bench, bench.leased(), issuer)
    assert code(bench, reversal(request)) == "00"
    assert (state(bench, request), due(bench)) == (before, reversals)


def test_a_reversal_that_overtakes_its_original_blocks_it(bench: VaultBench) -> None:
    request = bench.at_till(bench.leased())
    assert code(bench, reversal(request)) == "00"
    assert code(bench, reversal(request)) == "00"
    (step,) = authorise(bench.switch, [request], NOW)
    assert isinstance(step, Answer)
    assert step.message.text(39) == "12"
    assert (state(bench, request), due(bench)) == (DebitState.BLOCKED, 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"de4": "000000034999"}, "30"),
        ({"de49": "840"}, "30"),
        ({"de42": "MSKTEA         "}, "25"),
        ({"de37": "999999999999"}, "25"),
        ({"de32": "400002"}, "25"),
        ({"de90": "1" * 41 + "x"}, "30"),
        ({"de49": "999"}, "30"),
    ],
)
def test_another_shop_sale_or_amount_is_not_undone(
    bench: VaultBench, changes: dict[str, Value], expected: str
) -> None:
    request = debited(bench, bench.leased())
    message = reversal(request).with_fields({int(n[2:]): v for n, v in changes.items()})
    assert code(bench, message) == expected
    assert (state(bench, request), due(bench)) == (DebitState.APPROVED, 0)


@pytest.mark.parametrize("changes", [{"de41": "MSK2    "}, {"de32": "400002"}])
def test_another_till_or_bank_does_not_reach_a_debit(
    bench: VaultBench, changes: dict[str, Value]
) -> None:
    request = debited(bench, bench.leased())
    bank = str(changes.get("de32", "400001"))
    named = Original("0100", request.text(11), request.text(7), bank, "").encode()
    code(bench, reversal(request, **changes, de90=named))
    lines = bench.vault.of_number(bench.read(request).at)
    assert {line.state for line in lines} == {DebitState.APPROVED, DebitState.BLOCKED}
    assert due(bench) == 0


@pytest.mark.parametrize("number", ["5413330089010012", "5204730000000000"])
def test_a_number_of_no_range_is_unknown(bench: VaultBench, number: str) -> None:
    request = debited(bench, bench.leased())
    assert code(bench, reversal(request, de2=number)) == "14"


def test_a_number_that_nobody_leased_leaves_no_line(bench: VaultBench) -> None:
    batch = bench.leased()
    elsewhere = bench.at_till(replace(batch, batch=batch.batch + 64))
    assert code(bench, reversal(elsewhere)) == "14"
    assert bench.vault.of_number(bench.read(elsewhere).at) == []


def test_a_batch_keeps_the_places_of_so_many_originals_and_no_more(bench: VaultBench) -> None:
    """Whoever knows a number can't fill the journal with it; a debit that came is undone still."""
    batch = bench.leased()
    request = debited(bench, batch)
    for _ in range(BLOCKED_MAX):
        assert code(bench, reversal(bench.at_till(batch, 1))) == "00"
    late = bench.at_till(batch, 2)
    assert code(bench, reversal(late)) == "91"
    assert bench.vault.of_number(bench.read(late).at) == []
    assert code(bench, reversal(bench.at_till(bench.leased()))) == "00"
    assert code(bench, reversal(request)) == "00"
    assert (state(bench, request), due(bench)) == (DebitState.REVERSED, 1)


def spent(bench: VaultBench) -> tuple[int, int]:
    """What the one card has spent today, in minor units and debits."""
    with bench.database.reading() as connection:
        row = connection.exec_driver_sql("SELECT day_minor, day_debits FROM card").one()
    return int(row[0]), int(row[1])


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_reversed_counts_no_more_towards_the_day(bench: VaultBench, times: int) -> None:
    batch = bench.leased()
    request = debited(bench, batch)
    debited_too = bench.at_till(batch, 1, amount_minor=100)
    authorise(bench.switch, [debited_too], NOW)
    assert spent(bench) == (35100, 2)
    for _ in range(times):
        code(bench, reversal(request))
    assert spent(bench) == (100, 1)


def test_what_its_issuer_did_not_answer_counts_no_more_either(bench: VaultBench) -> None:
    debited(bench, bench.leased(), None)
    assert spent(bench) == (0, 0)


def test_a_reversal_gives_nothing_back_to_another_day(bench: VaultBench) -> None:
    batch = bench.leased()
    request = debited(bench, batch)
    authorise(bench.switch, [bench.at_till(batch, 1, amount_minor=100)], NOW + timedelta(hours=20))
    assert spent(bench) == (100, 1)
    code(bench, reversal(request))
    assert spent(bench) == (100, 1)


@pytest.mark.parametrize("number", [2, 3, 4, 7, 11, 32, 37, 41, 42, 49, 90])
def test_what_a_reversal_needs_is_required(bench: VaultBench, number: int) -> None:
    request = debited(bench, bench.leased())
    assert code(bench, reversal(request).with_fields({}, drop=[number])) == "30"
    assert state(bench, request) is DebitState.APPROVED
