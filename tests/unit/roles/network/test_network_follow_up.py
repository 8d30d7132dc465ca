"""A burnt number comes back only for its own debit, in its scope, from its own shop, in time."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.unit.roles.network.follow_ups import (
    CPL,
    INC,
    PART,
    RFD,
    Shop,
    debited,
    follow_up,
    reversal_of,
)
from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, reversal
from zheton.core.debit import DebitState
from zheton.core.follow_up import WITHIN, FollowUpKind
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.match import Original
from zheton.core.iso8583.message import Message
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.follow_up import undo
from zheton.roles.network.follow_up.conclude import ForwardFollowUp, abandon_follow_ups
from zheton.roles.network.follow_up.take import take_follow_ups
from zheton.roles.network.follow_up.tell import (
    follow_up_heard,
    follow_up_message,
    follow_ups_due,
)
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Forward, Wait

ALL = [(INC, "hold"), (CPL, "hold"), (RFD, "sale"), (PART, "hold"), (PART, "sale")]


@pytest.fixture
def shop(bench: VaultBench) -> Shop:
    return Shop(bench)


def made(bench: VaultBench, kind: FollowUpKind, of: str) -> tuple[Message, Message]:
    """A debit of 100.00 and a message of a kind about it that is in order."""
    original = debited(bench, bench.leased(), kind=of)
    left = 4_000 if kind is PART else None
    return original, follow_up(original, kind, 10_000 if kind is PART else 4_000, left=left)


def due(bench: VaultBench) -> list[Message]:
    """What the issuer has to hear of; it hears it now."""
    lines = follow_ups_due(bench.switch, 99)
    messages = [follow_up_message(bench.switch, line, NOW) for line in lines]
    for line in lines:
        follow_up_heard(bench.switch, line)
    return messages


def test_increments_raise_what_is_held_and_a_completion_settles_it(shop: Shop) -> None:
    bench = shop.bench
    batch = bench.leased()
    original = debited(bench, batch, kind="hold")
    burnt = bench.burnt(batch)
    assert shop.ask(follow_up(original, INC, 2_500)) == "00"
    assert shop.ask(follow_up(original, INC, 500)) == "00"
    assert shop.sums(original) == (13_000, 0)
    assert shop.ask(follow_up(original, CPL, 12_000)) == "00"
    assert shop.sums(original) == (12_000, 0)
    assert shop.line(original).completed
    assert bench.burnt(batch) == burnt


def test_the_issuer_is_asked_with_the_card_and_told_what_for(shop: Shop) -> None:
    original, message = made(shop.bench, INC, "hold")
    step = shop.begin(message)
    assert isinstance(step, ForwardFollowUp)
    sent = step.message
    assert (sent.mti, sent.text(48), sent.text(37)) == ("0100", "2803INC", original.text(37))
    assert sent.text(2).startswith("541333")
    assert message.text(2) not in repr(sorted(sent.fields.values(), key=repr))
    named = Original("0100", original.text(11), original.text(7), "400001", "900001")
    assert sent.text(90) == named.encode()
    query = "SELECT purpose FROM audit_entry ORDER BY bucket, seq DESC"
    with shop.bench.database.reading() as connection:
        assert connection.exec_driver_sql(query).first() == ("increment",)
    assert shop.end(step) == "00"


def test_what_lets_money_go_is_accepted_at_once_and_told_until_heard(shop: Shop) -> None:
    original = debited(shop.bench, shop.bench.leased(), kind="hold")
    part, done = (
        follow_up(original, PART, 10_000, left=6_000),
        follow_up(original, CPL, 5_000),
    )
    assert (shop.ask(part), shop.ask(done)) == ("00", "00")
    told = {message.mti: message for message in due(shop.bench)}
    assert set(told) == {"0400", "0220"}
    assert (told["0400"].text(4), told["0400"].text(95)[:12]) == ("000000010000", "000000006000")
    assert (told["0220"].text(4), told["0220"].text(48)) == ("000000005000", "2803CPL")
    assert due(shop.bench) == []


@pytest.mark.parametrize(("kind", "of"), ALL)
def test_a_repeat_gets_the_answer_that_the_first_got(
    shop: Shop, kind: FollowUpKind, of: str
) -> None:
    original, message = made(shop.bench, kind, of)
    assert shop.ask(message) == "00"
    sums = shop.sums(original)
    assert shop.ask(message.with_fields({}, mti=f"{message.mti[:3]}1")) == "00"
    assert shop.ask(message.with_fields({38: "A1B2C4"})) == "94"
    assert (shop.sums(original), len(shop.lines(original))) == (sums, 1)


def test_a_repeat_of_one_under_way_waits_and_a_second_is_asked_to_come_again(shop: Shop) -> None:
    original, message = made(shop.bench, INC, "hold")
    step = shop.begin(message)
    assert isinstance(step, ForwardFollowUp)
    (again,) = take_follow_ups(shop.bench.switch, [message], NOW)
    assert isinstance(again, Wait)
    other = follow_up(original, INC, 1)
    for busy in (other, follow_up(original, CPL, 1), follow_up(original, PART, 10_000, left=1)):
        assert shop.ask(busy) == "09"
    assert shop.end(step) == "00"
    assert shop.ask(other) == "00"
    assert shop.sums(original) == (14_001, 0)


@pytest.mark.parametrize("code", ["51", None])
@pytest.mark.parametrize(("kind", "of"), [(INC, "hold"), (RFD, "sale")])
def test_what_the_issuer_does_not_allow_changes_nothing(
    shop: Shop, kind: FollowUpKind, of: str, code: str | None
) -> None:
    original, message = made(shop.bench, kind, of)
    assert shop.ask(message, code) == (code or "91")
    assert shop.sums(original) == (10_000, 0)
    assert spent(shop.bench) == (10_000, 1)
    told = due(shop.bench)
    assert [each.mti for each in told] == ([] if code else ["0400"])
    assert shop.ask(message) == (code or "91")
    assert shop.ask(follow_up(original, kind, 1)) == "00"


@pytest.mark.parametrize(("kind", "of"), ALL)
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({42: "MSKTEA         "}, "25"),
        ({32: "400002"}, "25"),
        ({38: "A1B2C4"}, "25"),
        ({14: "3001"}, "54"),
        ({49: "840"}, "25"),
        ({90: "0" * 42}, "25"),
        ({90: "1" * 41 + "x"}, "30"),
        ({49: "999"}, "30"),
        ({2: "5413330089010012"}, "14"),
        ({55: b"\x9f\x36\x02\x00\x01"}, "30"),
        ({4: "000000000000"}, "30"),
    ],
)
def test_a_thief_with_a_burnt_number_is_refused(
    shop: Shop, kind: FollowUpKind, of: str, changes: dict[int, Value], code: str
) -> None:
    original, message = made(shop.bench, kind, of)
    before = shop.line(original)
    assert shop.ask(message.with_fields(changes)) == code
    assert shop.line(original) == before
    assert shop.lines(original) == []


@pytest.mark.parametrize(("kind", "of"), ALL)
def test_another_banks_own_name_reaches_no_debit(shop: Shop, kind: FollowUpKind, of: str) -> None:
    original, message = made(shop.bench, kind, of)
    named = Original("0100", original.text(11), original.text(7), "400002", "").encode()
    assert shop.ask(message.with_fields({32: "400002", 90: named})) == "25"


@pytest.mark.parametrize(("kind", "of"), ALL)
def test_a_number_that_made_no_debit_has_nothing_to_name(
    shop: Shop, kind: FollowUpKind, of: str
) -> None:
    batch = shop.bench.leased()
    original = debited(shop.bench, batch, kind=of)
    elsewhere = follow_up(original, kind, 10_000, left=1 if kind is PART else None)
    message = elsewhere.with_fields({2: shop.bench.number(batch, 1)})
    assert shop.ask(message) == "25"


@pytest.mark.parametrize(("kind", "of"), ALL)
def test_a_shops_other_till_may_go_on_with_a_debit(shop: Shop, kind: FollowUpKind, of: str) -> None:
    _, message = made(shop.bench, kind, of)
    assert shop.ask(message.with_fields({41: "MSK2    "})) == "00"


@pytest.mark.parametrize(("kind", "of"), ALL)
def test_after_its_time_nothing_follows(shop: Shop, kind: FollowUpKind, of: str) -> None:
    _, message = made(shop.bench, kind, of)
    late = NOW + WITHIN[kind]
    assert shop.ask(message, now=late + timedelta(seconds=1)) == "12"
    assert shop.ask(message, now=late) == "00"


@pytest.mark.parametrize(
    ("kind", "of", "minor", "left", "code"),
    [
        (INC, "sale", 1, None, "58"),
        (CPL, "sale", 1, None, "58"),
        (CPL, "hold", 10_001, None, "61"),
        (RFD, "hold", 1, None, "58"),
        (RFD, "sale", 10_001, None, "61"),
        (PART, "hold", 10_001, 1, "30"),
        (PART, "hold", 9_999, 1, "30"),
        (INC, "hold", 999_999_999_999, None, "61"),
    ],
)
def test_what_is_out_of_scope_is_refused(
    shop: Shop, kind: FollowUpKind, of: str, minor: int, left: int | None, code: str
) -> None:
    original = debited(shop.bench, shop.bench.leased(), kind=of)
    assert shop.ask(follow_up(original, kind, minor, left=left)) == code
    assert shop.sums(original) == (10_000, 0)
    assert not shop.line(original).completed


@pytest.mark.parametrize("kind", [INC, CPL, PART])
def test_a_completion_is_the_last_word(shop: Shop, kind: FollowUpKind) -> None:
    original = debited(shop.bench, shop.bench.leased(), kind="hold")
    assert shop.ask(follow_up(original, CPL, 10_000)) == "00"
    left = 1 if kind is PART else None
    assert shop.ask(follow_up(original, kind, 10_000, left=left)) == "58"
    assert shop.sums(original) == (10_000, 0)


def test_refunds_never_come_to_more_than_was_captured(shop: Shop) -> None:
    original = debited(shop.bench, shop.bench.leased(), kind="hold")
    shop.ask(follow_up(original, CPL, 7_000))
    assert [shop.ask(follow_up(original, RFD, minor)) for minor in (4_000, 3_001, 3_000)] == [
        "00",
        "61",
        "00",
    ]
    assert shop.ask(follow_up(original, RFD, 1)) == "61"
    assert reverse(shop.bench.switch, reversal(original), NOW).text(39) == "58"
    assert shop.sums(original) == (7_000, 7_000)


def not_answered(bench: VaultBench) -> Message:
    request = bench.at_till(bench.leased(), amount_minor=10_000, fields={25: "06"})
    authorise(bench.switch, [request], NOW)
    return request


def timed_out(bench: VaultBench) -> Message:
    request = bench.at_till(bench.leased(), amount_minor=10_000, fields={25: "06"})
    (step,) = authorise(bench.switch, [request], NOW)
    assert isinstance(step, Forward)
    complete(bench.switch, [Answered(step, None)], NOW)
    return request


def declined(bench: VaultBench) -> Message:
    request = bench.at_till(bench.leased(), amount_minor=10_000, fields={25: "06"})
    (step,) = authorise(bench.switch, [request], NOW)
    assert isinstance(step, Forward)
    response = approval(step.message, "51")
    complete(bench.switch, [Answered(step, response)], NOW)
    return request


@pytest.mark.parametrize("state", [not_answered, timed_out, declined])
def test_what_was_not_approved_has_no_sequel(
    shop: Shop, state: Callable[[VaultBench], Message]
) -> None:
    original = state(shop.bench)
    for kind in (INC, CPL):
        assert shop.ask(follow_up(original, kind, 1).with_fields({38: "      "})) == "25"


@pytest.mark.parametrize(("kind", "of"), ALL)
def test_a_reversed_debit_has_no_sequel(shop: Shop, kind: FollowUpKind, of: str) -> None:
    original, message = made(shop.bench, kind, of)
    reverse(shop.bench.switch, reversal(original), NOW)
    assert shop.ask(message) == "12"


def test_a_reversal_of_the_whole_overtakes_an_increment_at_its_issuer(shop: Shop) -> None:
    original, message = made(shop.bench, INC, "hold")
    step = shop.begin(message)
    assert isinstance(step, ForwardFollowUp)
    assert reverse(shop.bench.switch, reversal(original), NOW).text(39) == "00"
    assert shop.end(step) == "12"
    assert [line.state for line in shop.lines(original)] == [DebitState.REVERSED]
    assert [message.mti for message in due(shop.bench)] == ["0400"]
    assert spent(shop.bench) == (0, 0)


@pytest.mark.parametrize(("kind", "of"), [(INC, "hold"), (RFD, "sale")])
def test_a_follow_up_is_undone_once(shop: Shop, kind: FollowUpKind, of: str) -> None:
    original, message = made(shop.bench, kind, of)
    shop.ask(message)
    undone = reversal_of(message)
    assert [shop.reverse(undone), shop.reverse(undone)] == ["00", "00"]
    assert shop.sums(original) == (10_000, 0)
    assert spent(shop.bench) == (10_000, 1)
    (told,) = due(shop.bench)
    named = Original("0100", message.text(11), message.text(7), "400001", "900001")
    assert (told.mti, told.text(90), told.text(4)) == ("0400", named.encode(), message.text(4))
    assert shop.ask(message) == "12"
    assert shop.ask(follow_up(original, kind, 10_000)) == "00"


@pytest.mark.parametrize(("kind", "of"), [(INC, "hold"), (RFD, "sale")])
def test_a_follow_up_is_undone_while_its_issuer_thinks(
    shop: Shop, kind: FollowUpKind, of: str
) -> None:
    original, message = made(shop.bench, kind, of)
    step = shop.begin(message)
    assert isinstance(step, ForwardFollowUp)
    assert shop.reverse(reversal_of(message)) == "00"
    assert shop.end(step) == "12"
    assert shop.sums(original) == (10_000, 0)
    assert spent(shop.bench) == (10_000, 1)
    assert [each.mti for each in due(shop.bench)] == ["0400"]
    assert shop.ask(follow_up(original, kind, 1)) == "00"


@pytest.mark.parametrize(("kind", "of"), [(INC, "hold"), (RFD, "sale"), (CPL, "hold")])
def test_a_reversal_that_comes_first_blocks_a_follow_up(
    shop: Shop, kind: FollowUpKind, of: str
) -> None:
    original, message = made(shop.bench, kind, of)
    assert [shop.reverse(reversal_of(message)) for _ in range(2)] == ["00", "00"]
    assert shop.ask(message) == "12"
    assert shop.sums(original) == (10_000, 0)
    assert due(shop.bench) == []


def test_a_completion_is_undone_with_its_whole_debit(shop: Shop) -> None:
    original, message = made(shop.bench, CPL, "hold")
    shop.ask(follow_up(original, INC, 500))
    shop.ask(message)
    assert shop.reverse(reversal_of(message)) == "00"
    assert shop.line(original).state is DebitState.REVERSED
    assert spent(shop.bench) == (0, 0)
    assert due(shop.bench) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"de4": "000000004001"}, "30"),
        ({"de42": "MSKTEA         "}, "25"),
        ({"de37": "000000000000"}, "25"),
        ({"de32": "400002"}, "25"),
        ({"de48": "2803RFD"}, "25"),
        ({"de48": "2803XXX"}, "30"),
        ({"de2": "5413330089010012"}, "14"),
    ],
)
def test_only_its_own_reversal_undoes_a_follow_up(
    shop: Shop, changes: dict[str, Value], code: str
) -> None:
    original, message = made(shop.bench, INC, "hold")
    shop.ask(message)
    assert shop.reverse(reversal_of(message, **changes)) == code
    assert shop.sums(original) == (14_000, 0)


def test_an_increment_below_what_is_left_is_not_undone(shop: Shop) -> None:
    original, message = made(shop.bench, INC, "hold")
    shop.ask(message)
    assert shop.ask(follow_up(original, PART, 14_000, left=3_000)) == "00"
    assert shop.reverse(reversal_of(message)) == "58"
    assert shop.sums(original) == (3_000, 0)


def spent(bench: VaultBench) -> tuple[int, int]:
    """What the one card has spent today, in minor units and debits."""
    with bench.database.reading() as connection:
        row = connection.exec_driver_sql("SELECT day_minor, day_debits FROM card").one()
    return int(row[0]), int(row[1])


def test_increments_count_towards_the_day_and_the_debit_but_are_no_debits(shop: Shop) -> None:
    """The card of these tests may pay 5,000.00 at once and 12,000.00 a day."""
    bench = shop.bench
    batch = bench.leased()
    first = debited(bench, batch, 0, minor=400_000, kind="hold")
    second = debited(bench, batch, 1, minor=400_000, kind="hold")
    third = debited(bench, batch, 2, minor=350_000, kind="hold")
    assert shop.ask(follow_up(first, INC, 100_001)) == "61"
    assert shop.ask(follow_up(first, INC, 30_000)) == "00"
    assert spent(bench) == (1_180_000, 3)
    assert shop.ask(follow_up(second, INC, 20_001)) == "61"
    assert shop.ask(follow_up(third, INC, 20_000)) == "00"
    tomorrow = NOW + timedelta(days=1)
    assert shop.ask(follow_up(second, INC, 20_001), now=tomorrow) == "00"
    assert spent(bench) == (20_001, 0)


def test_a_suspended_card_is_completed_and_refunded_but_spends_no_more(shop: Shop) -> None:
    original = debited(shop.bench, shop.bench.leased(), kind="hold")
    with shop.bench.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE card SET status = 'suspended'")
    assert shop.ask(follow_up(original, INC, 1)) == "62"
    assert shop.ask(follow_up(original, CPL, 10_000)) == "00"
    assert shop.ask(follow_up(original, RFD, 10_000)) == "00"


def test_a_start_after_a_crash_ends_what_was_under_way(shop: Shop) -> None:
    original, message = made(shop.bench, INC, "hold")
    shop.begin(message)
    assert abandon_follow_ups(shop.bench.switch, 9, NOW) == 0
    later = NOW + timedelta(seconds=1)
    assert [abandon_follow_ups(shop.bench.switch, 9, later) for _ in range(2)] == [1, 0]
    assert shop.ask(message) == "91"
    assert [each.mti for each in due(shop.bench)] == ["0400"]
    assert spent(shop.bench) == (10_000, 1)
    assert shop.ask(follow_up(original, INC, 1)) == "00"


def test_a_card_that_does_not_open_ends_its_follow_up(shop: Shop) -> None:
    original, message = made(shop.bench, INC, "hold")
    with shop.bench.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE card SET sealed_pan = zeroblob(60)")
    assert shop.ask(message) == "62"
    assert shop.sums(original) == (10_000, 0)
    assert spent(shop.bench) == (10_000, 1)
    assert shop.line(original).under_way == ""


def test_one_debit_is_followed_by_so_many_messages_and_no_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zheton.roles.network.follow_up.take.FOLLOW_UPS_MAX", 3)
    original = debited(shop.bench, shop.bench.leased(), kind="hold")
    assert [shop.ask(follow_up(original, INC, 1)) for _ in range(4)] == ["00"] * 3 + ["58"]
    assert shop.ask(follow_up(original, CPL, 10_003)) == "00"


def test_several_in_one_group_are_answered_in_their_order(shop: Shop) -> None:
    bench = shop.bench
    first = debited(bench, bench.leased(), kind="hold")
    second = debited(bench, bench.leased(serial=2), kind="hold")
    group = [
        follow_up(second, CPL, 1),
        follow_up(first, CPL, 10_001),
        follow_up(second, CPL, 2),
        follow_up(first, CPL, 2),
    ]
    steps = take_follow_ups(bench.switch, [group[0], group[0], *group[1:]], NOW)
    codes = [step.message.text(39) for step in steps]  # type: ignore[union-attr]
    assert codes == ["00", "00", "61", "09", "00"]
    assert (shop.sums(first), shop.sums(second)) == ((2, 0), (1, 0))


@pytest.mark.parametrize("number", [2, 3, 4, 7, 11, 14, 32, 37, 38, 41, 42, 49, 90])
def test_what_a_follow_up_needs_is_required(shop: Shop, number: int) -> None:
    original, message = made(shop.bench, INC, "hold")
    assert shop.ask(message.with_fields({}, drop=[number])) == "30"
    assert shop.lines(original) == []


@pytest.mark.parametrize(("kind", "of"), ALL)
def test_a_debit_that_was_stood_in_for_waits_for_its_advice(
    shop: Shop, kind: FollowUpKind, of: str
) -> None:
    _, message = made(shop.bench, kind, of)
    advised(shop.bench, "due")
    asked = kind in (INC, RFD)
    assert shop.ask(message) == ("91" if asked else "00")
    assert due(shop.bench) == []
    advised(shop.bench, "heard")
    assert shop.ask(message) == "00"
    assert len(due(shop.bench)) == (0 if asked else 1)


def advised(bench: VaultBench, advice: str) -> None:
    with bench.database.transaction() as connection:
        connection.execute(text("UPDATE debit SET advice = :advice"), {"advice": advice})


@pytest.mark.parametrize(
    ("lease", "code"), [("generation = 1", "25"), ("expiry = '3001'", "54"), ("burnt = 0", "00")]
)
@pytest.mark.parametrize(("kind", "of"), ALL)
def test_what_comes_late_never_reaches_the_next_lease(
    shop: Shop, kind: FollowUpKind, of: str, lease: str, code: str
) -> None:
    _, message = made(shop.bench, kind, of)
    with shop.bench.database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE batch SET {lease}")  # noqa: S608 words of this test
    assert shop.ask(message) == code
    with shop.bench.database.reading() as connection:
        lines = connection.exec_driver_sql("SELECT count(*) FROM follow_up").scalar_one()
    assert lines == (code == "00")


def test_a_batch_keeps_the_places_of_so_many_follow_ups_and_no_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "BLOCKED_MAX", 2)
    hold = debited(shop.bench, shop.bench.leased(), kind="hold")
    nights = [follow_up(hold, INC, 100) for _ in range(3)]
    assert [shop.reverse(reversal_of(night)) for night in nights] == ["00", "00", "91"]
    assert [shop.ask(night) for night in nights[:2]] == ["12", "12"]
    assert shop.ask(nights[2]) == "00"  # its place was not kept, so its reversal has to come again
    assert shop.reverse(reversal_of(nights[2])) == "00"
    assert shop.sums(hold) == (10_000, 0)
