"""What follows a sale at its acquirer: asked once, told until heard, presented as it ended."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.database import Database
from zheton.core.country import country
from zheton.core.errors import ConflictError, EncodeError, NotFoundError
from zheton.core.follow_up import FollowUpKind
from zheton.core.iso8583.match import Original, response_mti
from zheton.core.iso8583.message import Message
from zheton.core.money import currency, money
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.clear import clear, clear_again
from zheton.roles.acquirer.deliver import (
    abandon_follow_ups,
    follow_ups_answered,
    follow_ups_due,
)
from zheton.roles.acquirer.follow import conclude, follow
from zheton.roles.acquirer.follow_up import FollowUp, Wish
from zheton.roles.acquirer.reverse import cancel
from zheton.roles.acquirer.sell import complete, sell
from zheton.roles.acquirer.state import (
    Acquirer,
    Cause,
    ChipEntry,
    Merchant,
    Record,
    Sale,
    Status,
    Till,
)

INC, CPL, RFD, PART = (
    FollowUpKind.INCREMENT,
    FollowUpKind.COMPLETION,
    FollowUpKind.REFUND,
    FollowUpKind.PARTIAL_REVERSAL,
)
NUMBER = "5413330089010012"
BANK = Acquirer("400001")
NOW = datetime(2019, 8, 20, 9, 30, 15, tzinfo=UTC)
LOCAL = datetime.fromisoformat("2019-08-20T12:30:14")
SHOP = Merchant("MSKHOTEL", "Gostinitsa", "Moscow", country("RU"), "7011", currency("RUB"))
TILL = Till("MSK1", SHOP, Channel.TILL)
CHIP = ChipEntry(NUMBER, "2812", 1, None, b"\x9f\x26\x08" + bytes(8))


@pytest.fixture
def store() -> Iterator[AcquirerDatabase]:
    database = Database("sqlite://")
    yield AcquirerDatabase(database)
    database.close()


def answer(asked: Message, code: str = "00") -> Message:
    fields = {n: asked[n] for n in (2, 3, 4, 7, 11, 32, 37, 41, 49)} | {39: code}
    return Message(response_mti(asked.mti), fields | ({38: "A1B2C3"} if code == "00" else {}))


def approved(store: AcquirerDatabase, *, held: bool = False) -> Record:
    """A sale of 100.00, or a preauthorisation."""
    sale = Sale(TILL, money("100", "RUB"), CHIP, LOCAL, preauthorised=held)
    (asked,) = sell([sale], BANK, store, NOW)
    assert asked.text(25) == ("06" if held else "00")
    (record,) = complete([(asked.text(37), answer(asked))], store)
    return record


def cleared(store: AcquirerDatabase) -> Record:
    record = approved(store)
    assert clear(LOCAL.date(), BANK, store) is not None
    return now(store, record)


def now(store: AcquirerDatabase, record: Record) -> Record:
    with store.transaction() as transaction:
        return transaction.find({record.rrn})[0]


def wish(kind: FollowUpKind, amount: str, reference: str = "one") -> Wish:
    return Wish(kind, reference, money(amount, "RUB"))


def asked(store: AcquirerDatabase, record: Record, what: Wish) -> tuple[FollowUp, Message]:
    line, message = follow(record.rrn, what, store, NOW)
    assert message is not None
    return line, message


def done(store: AcquirerDatabase, record: Record, what: Wish, code: str = "00") -> FollowUp:
    line, message = asked(store, record, what)
    return conclude(line, answer(message, code), store)


def due(store: AcquirerDatabase) -> list[tuple[FollowUp, Message]]:
    later = NOW + timedelta(minutes=1)
    return follow_ups_due(store, later, later)


@pytest.mark.parametrize(
    ("kind", "amount", "mti", "code", "minor"),
    [
        (INC, "25", "0100", "2803INC", "000000002500"),
        (CPL, "60", "0220", "2803CPL", "000000006000"),
        (PART, "60", "0400", "", "000000010000"),
    ],
)
def test_a_wish_becomes_the_message_of_the_dialect(
    store: AcquirerDatabase, kind: FollowUpKind, amount: str, mti: str, code: str, minor: str
) -> None:
    record = approved(store, held=True)
    _, message = asked(store, record, wish(kind, amount))
    named = Original("0100", record.stan, record.transmitted, "400001", "")
    assert (message.mti, message.text(48), message.text(4)) == (mti, code, minor)
    assert (message.text(37), message.text(38)) == (record.rrn, "A1B2C3")
    assert (message.text(2), message.text(14), message.text(90)) == (
        NUMBER,
        "2812",
        named.encode(),
    )
    assert message.text(95)[:12] == ("000000006000" if kind is PART else "")
    assert not {35, 55} & set(message.fields)


def test_a_stay_is_raised_lowered_completed_and_presented(store: AcquirerDatabase) -> None:
    record = approved(store, held=True)
    assert clear(LOCAL.date(), BANK, store) is None
    for number, (kind, amount, held) in enumerate(
        [(INC, "25", 12_500), (PART, "90", 9_000), (INC, "30", 12_000), (CPL, "110", 11_000)]
    ):
        line = done(store, record, wish(kind, amount, f"wish-{number}"))
        assert (line.status, now(store, record).held.minor) == (Status.APPROVED, held)
    file = clear(LOCAL.date(), BANK, store)
    assert file is not None
    assert [p.amount for p in file.presentments] == [money("110", "RUB")]


def test_a_wish_that_comes_again_is_asked_once(store: AcquirerDatabase) -> None:
    record = approved(store, held=True)
    line = done(store, record, wish(INC, "25"))
    assert follow(record.rrn, wish(INC, "25"), store, NOW) == (line, None)
    for other in (wish(INC, "26"), wish(CPL, "25")):
        with pytest.raises(ConflictError, match="something else"):
            follow(record.rrn, other, store, NOW)
    assert now(store, record).held.minor == 12_500


def test_one_wish_is_under_way_at_a_time(store: AcquirerDatabase) -> None:
    record = approved(store, held=True)
    line, message = asked(store, record, wish(INC, "25"))
    with pytest.raises(ConflictError, match="one is still under way"):
        follow(record.rrn, wish(CPL, "25", "two"), store, NOW)
    conclude(line, answer(message, "51"), store)
    assert done(store, record, wish(CPL, "100", "two")).status is Status.APPROVED


@pytest.mark.parametrize(
    ("held", "kind", "amount"),
    [
        (False, INC, "1"),
        (False, CPL, "1"),
        (True, CPL, "100.01"),
        (True, RFD, "1"),
        (False, RFD, "1"),
        (True, PART, "100"),
        (True, INC, "9999999999"),
    ],
)
def test_a_wish_beyond_its_sale_is_refused_here(
    store: AcquirerDatabase, held: bool, kind: FollowUpKind, amount: str
) -> None:
    record = approved(store, held=held)
    with pytest.raises(ConflictError):
        follow(record.rrn, wish(kind, amount), store, NOW)
    with pytest.raises(ConflictError, match="RUB"):
        follow(record.rrn, Wish(kind, "one", money("1", "EUR")), store, NOW)
    assert now(store, record) == record


def test_a_completed_one_takes_no_other_wish_before_it_clears(store: AcquirerDatabase) -> None:
    record = approved(store, held=True)
    done(store, record, wish(CPL, "50"))
    for kind in (INC, CPL, PART):
        with pytest.raises(ConflictError):
            follow(record.rrn, wish(kind, "1", "two"), store, NOW)


def test_refunds_are_bounded_together_and_each_is_presented_once(store: AcquirerDatabase) -> None:
    record = cleared(store)
    first, message = asked(store, record, wish(RFD, "60"))
    assert message.text(3) == "200000"
    assert message.text(37) == first.message_rrn != record.rrn
    assert clear(LOCAL.date(), BANK, store) is None
    conclude(first, answer(message), store)
    with pytest.raises(ConflictError, match=r"40\.00 RUB"):
        follow(record.rrn, wish(RFD, "40.01", "two"), store, NOW)
    second = done(store, record, wish(RFD, "40", "two"))
    file = clear(LOCAL.date(), BANK, store)
    assert file is not None
    assert {(p.retrieval_reference, p.amount.minor, p.is_refund) for p in file.presentments} == {
        (first.message_rrn, 6_000, True),
        (second.message_rrn, 4_000, True),
    }
    assert clear(LOCAL.date(), BANK, store) is None
    assert clear_again(file.business_date, file.sequence, BANK, store) == file


@pytest.mark.parametrize(("kind", "held"), [(INC, True), (RFD, False)])
@pytest.mark.parametrize("heard", ["nothing", "another amount", "no code"])
def test_what_is_asked_without_a_trustworthy_answer_is_reversed(
    store: AcquirerDatabase, kind: FollowUpKind, held: bool, heard: str
) -> None:
    record = approved(store, held=True) if held else cleared(store)
    line, message = asked(store, record, wish(kind, "25"))
    garbled = {
        "nothing": None,
        "another amount": answer(message).with_fields({4: "000000000001"}),
        "no code": answer(message).with_fields({}, drop=[38]),
    }[heard]
    assert conclude(line, garbled, store).status is Status.REVERSAL_DUE
    ((sent, first),) = due(store)
    ((_, again),) = due(store)
    assert (first.mti, again.mti) == ("0400", "0401")
    assert first.fields == again.fields
    named = Original("0100", line.stan, line.transmitted, "400001", "")
    assert first.text(90) == named.encode()
    with pytest.raises(ConflictError, match="under way"):
        follow(record.rrn, wish(kind, "1", "two"), store, NOW)
    assert follow_ups_answered([(sent, answer(first, "91"))], store) == []
    (ended,) = follow_ups_answered([(sent, answer(first, "25"))], store)
    assert ended.status is Status.REVERSED
    assert due(store) == []
    assert replace(now(store, record), under_way="") == record


@pytest.mark.parametrize("kind", [CPL, PART])
def test_what_is_told_is_told_until_it_is_heard(
    store: AcquirerDatabase, kind: FollowUpKind
) -> None:
    record = approved(store, held=True)
    line, message = asked(store, record, wish(kind, "60"))
    for heard in (None, answer(message, "91"), answer(message, "09")):
        assert conclude(line, heard, store).status is Status.SENT
    assert follow_ups_due(store, NOW - timedelta(seconds=1), NOW) == []
    assert clear(LOCAL.date(), BANK, store) is None
    ((sent, again),) = due(store)
    assert (again.mti, again.fields) == (f"{message.mti[:3]}1", message.fields)
    (ended,) = follow_ups_answered([(sent, answer(again))], store)
    assert ended.status is Status.APPROVED
    assert now(store, record).held.minor == 6_000
    assert due(store) == []


def test_a_start_after_a_crash_reverses_what_was_asked(store: AcquirerDatabase) -> None:
    first, second = approved(store, held=True), approved(store, held=True)
    line, message = asked(store, first, wish(INC, "25"))
    asked(store, second, wish(CPL, "25"))
    assert abandon_follow_ups(NOW - timedelta(seconds=1), store) == 0
    assert [abandon_follow_ups(NOW, store) for _ in range(2)] == [1, 0]
    late = conclude(line, answer(message), store)
    assert (late.status, late.cause) == (Status.REVERSAL_DUE, Cause.ABANDONED)
    assert sorted(message.mti for _, message in due(store)) == ["0221", "0400"]


def test_a_cancelled_sale_is_not_followed(store: AcquirerDatabase) -> None:
    record = approved(store, held=True)
    cancel(record.rrn, store)
    for kind in (INC, CPL, PART):
        with pytest.raises(ConflictError):
            follow(record.rrn, wish(kind, "1"), store, NOW)


def test_a_wish_has_a_sale_a_name_and_an_amount(store: AcquirerDatabase) -> None:
    with pytest.raises(NotFoundError):
        follow("0" * 12, wish(INC, "1"), store, NOW)
    for reference in ("", "a b", "x" * 33):
        with pytest.raises(EncodeError):
            wish(INC, "1", reference)
    with pytest.raises(EncodeError):
        wish(INC, "0")


def test_a_preauthorisation_is_raised_so_often_and_no_more(
    store: AcquirerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zheton.roles.acquirer.follow_up.INCREMENTS_MAX", 2)
    record = approved(store, held=True)
    for reference in ("one", "two"):
        done(store, record, wish(INC, "1", reference))
    with pytest.raises(ConflictError, match="2 times"):
        follow(record.rrn, wish(INC, "1", "three"), store, NOW)
