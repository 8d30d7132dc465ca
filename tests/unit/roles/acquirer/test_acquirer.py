"""The acquirer's journal from the sale to the file, on a real database in memory."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.database import Database
from zheton.core.clearing import ClearingFile
from zheton.core.country import country
from zheton.core.errors import ConfigurationError, ConflictError, EncodeError, NotFoundError
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.match import decode_original
from zheton.core.iso8583.message import Message, decode, encode
from zheton.core.money import currency, money
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.clear import clear, clear_again
from zheton.roles.acquirer.reverse import (
    GROUP_MAX,
    abandon,
    cancel,
    reversals_answered,
    reversals_due,
)
from zheton.roles.acquirer.sell import complete, sell
from zheton.roles.acquirer.state import (
    Acquirer,
    Cause,
    ChipEntry,
    CodeEntry,
    Merchant,
    Record,
    Sale,
    Status,
    Till,
)

NUMBER = "5413330089010012"
BANK = Acquirer("400001")
NOW = datetime(2019, 8, 20, 9, 30, 15, tzinfo=UTC)
LOCAL = datetime.fromisoformat("2019-08-20T12:30:14")
TODAY = LOCAL.date()
SHOP = Merchant("MSKCOFFEE", "Kofeynya", "Moscow", country("RU"), "5814", currency("RUB"))
TILL = Till("MSK1", SHOP, Channel.TILL)
WEB = Till("MSKWEB01", SHOP, Channel.ONLINE)
CHIP = ChipEntry(NUMBER, "2812", 1, f"{NUMBER}=28122010000000000000", b"\x9f\x26\x08" + bytes(8))


@pytest.fixture
def store() -> Iterator[AcquirerDatabase]:
    database = Database("sqlite://")
    yield AcquirerDatabase(database)
    database.close()


def sale(amount: str = "350") -> Sale:
    return Sale(TILL, money(amount, "RUB"), CHIP, LOCAL)


def approval(asked: Message) -> Message:
    fields = {n: asked[n] for n in (2, 3, 4, 7, 11, 32, 37, 41, 49)}
    return Message("0110", {**fields, 38: "A1B2C3", 39: "00", 56: "P" * 29})


def sold(store: AcquirerDatabase, amount: str = "350") -> tuple[Message, Record]:
    """A sale that was approved."""
    (asked,) = sell([sale(amount)], BANK, store, NOW)
    (record,) = complete([(asked.text(37), approval(asked))], store)
    return asked, record


def journal(store: AcquirerDatabase, *rrns: str) -> list[Record]:
    with store.transaction() as transaction:
        return list(transaction.find(rrns))


def test_a_sale_at_the_till_becomes_the_message_of_the_dialect(store: AcquirerDatabase) -> None:
    (message,) = sell([sale()], BANK, store, NOW)
    assert message.mti == "0100"
    assert message.fields == {
        2: NUMBER,
        3: "000000",
        4: "000000035000",
        7: "0820093015",
        11: "000001",
        12: "123014",
        13: "0820",
        14: "2812",
        18: "5814",
        19: "643",
        22: "072",
        23: "001",
        25: "00",
        32: "400001",
        35: f"{NUMBER}=28122010000000000000",
        37: "923200000001",
        41: "MSK1    ",
        42: "MSKCOFFEE      ",
        43: "Kofeynya               Moscow        RUS",
        49: "643",
        55: CHIP.chip,
    }
    assert decode(DIALECT, encode(DIALECT, message)) == message


def test_a_sale_online_carries_the_code_and_no_chip_data(store: AcquirerDatabase) -> None:
    entry = CodeEntry(NUMBER, "2812", "123456")
    (message,) = sell([Sale(WEB, money("990", "RUB"), entry, LOCAL)], BANK, store, NOW)
    assert subelements.decode(message.text(48)) == {"92": "123456"}
    assert (message[22], message[25]) == ("810", "59")
    assert not {23, 35, 55} & set(message.fields)
    assert decode(DIALECT, encode(DIALECT, message)) == message


def test_a_sale_is_journalled_before_its_message_leaves(store: AcquirerDatabase) -> None:
    messages = sell([sale("1"), sale("2")], BANK, store, NOW)
    records = journal(store, *(message.text(37) for message in messages))
    assert [(r.status, r.amount) for r in records] == [
        (Status.SENT, money("1", "RUB")),
        (Status.SENT, money("2", "RUB")),
    ]


def test_references_are_unique_and_trace_numbers_wrap(store: AcquirerDatabase) -> None:
    with store.transaction() as transaction:
        transaction.take("trace", 999_997)
    messages = sell([sale()] * 4, BANK, store, NOW)
    assert [m[11] for m in messages] == ["999998", "999999", "000001", "000002"]
    assert len({m[37] for m in messages}) == 4


def test_no_sales_are_no_messages(store: AcquirerDatabase) -> None:
    assert sell([], BANK, store, NOW) == []


def test_an_approval_is_journalled(store: AcquirerDatabase) -> None:
    _, record = sold(store)
    assert (record.status, record.auth_code, record.par) == (Status.APPROVED, "A1B2C3", "P" * 29)
    assert journal(store, record.rrn) == [record]


def test_a_decline_is_an_outcome_with_its_response_code(store: AcquirerDatabase) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    (record,) = complete([(asked.text(37), approval(asked).with_fields({39: "51"}))], store)
    assert (record.status, record.response_code) == (Status.DECLINED, "51")
    assert reversals_due(store, NOW) == []


@pytest.mark.parametrize(
    "changes",
    [
        {2: "5413330089010020"},
        {3: "200000"},
        {4: "000000000100"},
        {7: "0820093016"},
        {11: "000002"},
        {37: "923200000002"},
        {41: "MSK2    "},
        {49: "840"},
        {38: ""},
        {38: "12345"},
        {39: ""},
    ],
)
def test_an_answer_that_disagrees_is_no_approval(
    store: AcquirerDatabase, changes: dict[int, str | bytes]
) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    (record,) = complete([(asked.text(37), approval(asked).with_fields(changes))], store)
    assert (record.status, record.cause) == (Status.REVERSAL_DUE, Cause.ANSWER_DISAGREES)


@pytest.mark.parametrize("number", [2, 3, 4, 11, 39, 41])
def test_an_answer_that_lacks_something_is_no_approval(
    store: AcquirerDatabase, number: int
) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    (record,) = complete([(asked.text(37), approval(asked).with_fields({}, drop=[number]))], store)
    assert record.status is Status.REVERSAL_DUE


def test_another_kind_of_answer_is_no_approval(store: AcquirerDatabase) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    (record,) = complete([(asked.text(37), approval(asked).with_fields({}, mti="0410"))], store)
    assert record.status is Status.REVERSAL_DUE


def test_a_late_or_repeated_answer_changes_nothing(store: AcquirerDatabase) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    rrn = asked.text(37)
    (timed_out,) = complete([(rrn, None)], store)
    assert (timed_out.status, timed_out.cause) == (Status.REVERSAL_DUE, Cause.NO_ANSWER)
    assert complete([(rrn, approval(asked))], store) == [timed_out]
    asked, record = sold(store)
    assert complete([(asked.text(37), None), (asked.text(37), None)], store) == [record, record]


def test_within_a_group_the_first_answer_counts(store: AcquirerDatabase) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    outcomes = complete([(asked.text(37), approval(asked)), (asked.text(37), None)], store)
    assert [record.status for record in outcomes] == [Status.APPROVED, Status.APPROVED]
    assert journal(store, asked.text(37))[0].status is Status.APPROVED


def test_an_unknown_sale_stops_the_whole_group(store: AcquirerDatabase) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    with pytest.raises(NotFoundError):
        complete([(asked.text(37), approval(asked)), ("000000000000", None)], store)
    assert journal(store, asked.text(37))[0].status is Status.SENT


def test_what_got_no_answer_is_reversed_until_that_is_confirmed(store: AcquirerDatabase) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    complete([(asked.text(37), None)], store)
    (first,) = reversals_due(store, NOW + timedelta(seconds=30))
    assert set(first.fields) == {2, 3, 4, 7, 11, 32, 37, 41, 42, 49, 90}
    assert first.mti == "0400" and first[37] == asked[37] and first[4] == asked[4]
    assert (first[11], first[7]) == ("000002", "0820093045")
    original = decode_original(first.text(90))
    assert (original.mti, original.stan, original.transmitted) == ("0100", asked[11], asked[7])
    assert (original.acquirer, original.forwarder) == ("400001", "")
    assert decode(DIALECT, encode(DIALECT, first)) == first

    (second,) = reversals_due(store, NOW + timedelta(seconds=60))
    assert second == first.with_fields({}, mti="0401")

    busy = first.with_fields({39: "91"}, mti="0410")
    assert reversals_answered([busy], store) == []
    (record,) = reversals_answered([first.with_fields({39: "00"}, mti="0410")], store)
    assert record.status is Status.REVERSED
    assert reversals_due(store, NOW) == []


@pytest.mark.parametrize(
    "changes", [{11: "999999"}, {7: "0101000000"}, {37: "0" * 12}, {4: "1" * 12}]
)
def test_the_answer_to_another_reversal_confirms_nothing(
    store: AcquirerDatabase, changes: dict[int, str | bytes]
) -> None:
    (asked,) = sell([sale()], BANK, store, NOW)
    complete([(asked.text(37), None)], store)
    (reversal,) = reversals_due(store, NOW)
    wrong = reversal.with_fields({39: "00", **changes}, mti="0410")
    assert reversals_answered([wrong], store) == []
    assert reversals_answered([approval(asked)], store) == []
    unknown = reversal.with_fields({39: "25"}, mti="0410")
    assert [r.status for r in reversals_answered([unknown], store)] == [Status.REVERSED]


def test_first_reversals_go_before_repeats(store: AcquirerDatabase) -> None:
    stuck = sell([sale()] * GROUP_MAX, BANK, store, NOW)
    complete([(m.text(37), None) for m in stuck], store)
    assert len(reversals_due(store, NOW)) == GROUP_MAX
    (fresh,) = sell([sale()], BANK, store, NOW)
    complete([(fresh.text(37), None)], store)
    again = reversals_due(store, NOW)
    assert (again[0].mti, again[0][37], len(again)) == ("0400", fresh[37], GROUP_MAX)
    assert {m.mti for m in again[1:]} == {"0401"}


def test_cancelling_takes_back_an_approved_sale_once(store: AcquirerDatabase) -> None:
    _, record = sold(store)
    assert cancel(record.rrn, store).cause is Cause.CANCELLED
    assert [m[37] for m in reversals_due(store, NOW)] == [record.rrn]
    assert clear(TODAY, BANK, store) is None
    with pytest.raises(ConflictError, match="reversing"):
        cancel(record.rrn, store)
    with pytest.raises(NotFoundError):
        cancel("0" * 12, store)


def test_after_a_crash_what_was_in_flight_is_reversed(store: AcquirerDatabase) -> None:
    (lost,) = sell([sale()], BANK, store, NOW)
    _, kept = sold(store)
    restart = NOW + timedelta(minutes=1)
    (fresh,) = sell([sale()], BANK, store, restart)
    assert [(r.rrn, r.cause) for r in abandon(restart, store)] == [(lost.text(37), Cause.ABANDONED)]
    assert [m[37] for m in reversals_due(store, restart)] == [lost[37]]
    assert journal(store, kept.rrn)[0].status is Status.APPROVED
    assert journal(store, fresh.text(37))[0].status is Status.SENT


def test_approved_sales_are_presented_in_exactly_one_file(store: AcquirerDatabase) -> None:
    asked, record = sold(store)
    sell([sale()], BANK, store, NOW)  # never answered, so never presented
    assert clear(TODAY - timedelta(days=1), BANK, store) is None
    file = clear(TODAY, BANK, store)
    assert file is not None
    assert (file.sender, file.business_date, file.sequence) == ("400001", TODAY, 1)
    (presented,) = file.presentments
    assert presented.number == NUMBER and presented.amount == money("350", "RUB")
    assert not presented.is_refund and presented.acceptor == TILL.acceptor
    assert (presented.auth_code, presented.par) == ("A1B2C3", "P" * 29)
    assert (presented.retrieval_reference, presented.stan) == (asked[37], asked[11])
    assert presented.local_time == LOCAL
    assert clear(TODAY, BANK, store) is None
    assert journal(store, record.rrn)[0].file_id == file.id
    assert clear_again(TODAY, 1, BANK, store) == file
    with pytest.raises(NotFoundError, match=ClearingFile("400001", TODAY, 2, ()).id):
        clear_again(TODAY, 2, BANK, store)


def test_files_of_a_day_are_counted(store: AcquirerDatabase) -> None:
    for sequence in (1, 2):
        sold(store)
        file = clear(TODAY, BANK, store)
        assert file is not None and file.sequence == sequence
    sold(store)
    later = clear(date(2019, 8, 21), BANK, store)
    assert later is not None and later.sequence == 1


def test_numbers_are_never_printed(store: AcquirerDatabase) -> None:
    _, record = sold(store)
    entry = CodeEntry(NUMBER, "2812", "123456")
    for shown in (repr(record), repr(sale()), repr(entry), record.masked_number):
        assert NUMBER not in shown and "123456" not in shown
    assert record.masked_number == "************0012"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"number": "5413"}, "DE2"),
        ({"number": "٣" * 16}, "DE2"),
        ({"expiry": "2813"}, "DE14"),
        ({"expiry": "202812"}, "DE14"),
        ({"psn": 100}, "DE23"),
        ({"track2": NUMBER}, "DE35"),
        ({"track2": f"{NUMBER}={'0' * 21}"}, "DE35"),
        ({"chip": b""}, "DE55"),
        ({"chip": bytes(256)}, "DE55"),
    ],
)
def test_an_entry_that_fits_no_message_is_refused(changes: dict[str, object], name: str) -> None:
    with pytest.raises(EncodeError, match=f"^{name}:"):
        replace(CHIP, **changes)  # type: ignore[arg-type]


def test_a_sale_fits_its_till() -> None:
    with pytest.raises(EncodeError, match=r"DE48\.92"):
        CodeEntry(NUMBER, "2812", "12")
    with pytest.raises(EncodeError, match="DE22"):
        Sale(WEB, money("350", "RUB"), CHIP, LOCAL)
    with pytest.raises(EncodeError, match="DE4:"):
        sale("0")
    with pytest.raises(EncodeError, match="DE49: this merchant sells in RUB"):
        Sale(TILL, money("350", "EUR"), CHIP, LOCAL)
    for wrong in (NOW, LOCAL.replace(microsecond=1)):
        with pytest.raises(EncodeError, match="DE12"):
            Sale(TILL, money("350", "RUB"), CHIP, wrong)
    with pytest.raises(EncodeError, match="DE41"):
        Till("TOOLONG01", SHOP, Channel.TILL)
    with pytest.raises(EncodeError, match="DE43"):
        Till("MSK1", replace(SHOP, name="Кофейня"), Channel.TILL)


@pytest.mark.parametrize("wrong", ["", "0123", "4" * 12, "bank"])
def test_an_acquirer_has_a_number(wrong: str) -> None:
    with pytest.raises(ConfigurationError):
        Acquirer(wrong)
