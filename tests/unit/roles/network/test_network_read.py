"""Every field that is in the message and in the chip data has to be the same in both."""

import pytest

from tests.unit.roles.tsp.debits import VaultBench
from zheton.core.debit import Debit
from zheton.core.decline import Decline, Reason
from zheton.core.emv import tags, tlv
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.message import Message
from zheton.core.token.domain import Channel
from zheton.roles.network.read import read_debit


def read(bench: VaultBench, message: Message) -> Debit | Decline:
    return read_debit(message, bench.tokens.locate)


def reason(bench: VaultBench, message: Message) -> Reason | None:
    outcome = read(bench, message)
    return outcome.reason if isinstance(outcome, Decline) else None


@pytest.mark.parametrize("scheme", ["mastercard", "unionpay"])
def test_a_tap_is_read_whole(bench: VaultBench, scheme: str) -> None:
    batch = bench.leased(scheme)
    debit = read(bench, bench.at_till(batch, 5))
    assert isinstance(debit, Debit)
    assert debit.at.index == batch.first_index + 5
    assert (debit.number, debit.expiry) == (bench.number(batch, 5), batch.expiry)
    assert debit.amount.minor == 35000
    assert (debit.channel, debit.code) == (Channel.TILL, None)
    assert debit.place.merchant == "MSKCOFFEE"
    assert debit.place.merchant_name == "Kofeynya"
    assert debit.place.terminal == "MSK1"
    assert debit.chip is not None
    assert debit.chip[tags.ATC] == b"\0\6"


def test_a_web_shop_is_read_whole(bench: VaultBench) -> None:
    credential = bench.online()
    debit = read(bench, bench.at_shop(credential))
    assert isinstance(debit, Debit)
    assert (debit.channel, debit.code, debit.chip) == (Channel.ONLINE, credential.code, None)


def test_a_debit_shows_neither_number_nor_proof(bench: VaultBench) -> None:
    credential = bench.online()
    shown = repr(read(bench, bench.at_shop(credential)))
    assert credential.number not in shown
    assert credential.code not in shown


@pytest.mark.parametrize(
    ("name", "fields", "chip"),
    [
        ("9F02", {4: "000000035001"}, {}),
        ("9F02", {}, {tags.AMOUNT_AUTHORISED: bytes(6)}),
        ("9F02", {}, {tags.AMOUNT_AUTHORISED: None}),
        ("9F03", {}, {tags.AMOUNT_OTHER: bytes(5) + b"\1"}),
        ("9F03", {}, {tags.AMOUNT_OTHER: None}),
        ("5F2A", {49: "840"}, {}),
        ("5F2A", {}, {tags.TRANSACTION_CURRENCY_CODE: None}),
        ("9F1A", {19: "276"}, {}),
        ("9F1A", {}, {tags.TERMINAL_COUNTRY_CODE: None}),
        ("9C", {}, {tags.TRANSACTION_TYPE: b"\x20"}),
        ("9C", {}, {tags.TRANSACTION_TYPE: None}),
        ("9F27", {}, {tags.CRYPTOGRAM_INFORMATION_DATA: b"\x40"}),
        ("9F27", {}, {tags.CRYPTOGRAM_INFORMATION_DATA: b"\x00"}),
        ("9F27", {}, {tags.CRYPTOGRAM_INFORMATION_DATA: None}),
        ("9A", {13: "0911"}, {}),
        ("9A", {}, {tags.TRANSACTION_DATE: bytes.fromhex("190911")}),
        ("9A", {}, {tags.TRANSACTION_DATE: None}),
        ("5F34", {23: "001"}, {}),
        ("5F34", {}, {tags.PAN_SEQUENCE_NUMBER: b"\1"}),
        ("DE35", {14: "2912"}, {}),
        ("DE35", {35: "5204730000000007=19122010000000000000"}, {}),
        ("DE35", {35: ""}, {}),
        ("5A", {}, {tags.PAN: bytes.fromhex("5204730000000007")}),
        ("57", {}, {tags.TRACK_2_EQUIVALENT_DATA: bytes.fromhex("5204730000000007d191220f")}),
        ("5F24", {}, {tags.APPLICATION_EXPIRATION_DATE: bytes.fromhex("291231")}),
    ],
)
def test_what_differs_is_refused_by_name(
    bench: VaultBench, name: str, fields: dict[int, Value], chip: dict[int, bytes | None]
) -> None:
    message = bench.at_till(bench.leased(), fields=fields, changed=chip)
    outcome = read(bench, message)
    assert isinstance(outcome, Decline)
    assert outcome.reason is Reason.CHIP_DATA_MISMATCH
    assert name in outcome.text
    assert message.text(2) not in outcome.text


@pytest.mark.parametrize("number", [13, 35, 55, 23])
def test_a_tap_without_what_is_compared_is_refused(bench: VaultBench, number: int) -> None:
    message = bench.at_till(bench.leased()).with_fields({}, drop=[number])
    assert reason(bench, message) is Reason.CHIP_DATA_MISMATCH


def test_the_chips_own_number_may_come_along(bench: VaultBench) -> None:
    batch = bench.leased()
    number = bench.number(batch)
    chip: dict[int, bytes | None] = {
        tags.PAN: bytes.fromhex(number),
        tags.TRACK_2_EQUIVALENT_DATA: bytes.fromhex(f"{number}d{batch.expiry}2010000000000000f"),
        tags.APPLICATION_EXPIRATION_DATE: bytes.fromhex(f"{batch.expiry}31"),
        tags.PAN_SEQUENCE_NUMBER: b"\0",
    }
    assert reason(bench, bench.at_till(batch, changed=chip)) is None
    without = bench.at_till(batch, changed={tags.PAN_SEQUENCE_NUMBER: None}).with_fields({}, [23])
    assert reason(bench, without) is None


@pytest.mark.parametrize("number", [2, 3, 4, 7, 11, 14, 18, 19, 22, 32, 37, 41, 42, 43, 49])
def test_what_a_debit_needs_is_required(bench: VaultBench, number: int) -> None:
    message = bench.at_till(bench.leased()).with_fields({}, drop=[number])
    assert reason(bench, message) is Reason.FORMAT


@pytest.mark.parametrize(
    "fields",
    [
        {22: "051"},
        {22: "910"},
        {3: "200000"},
        {3: "330000"},
        {19: "999"},
        {49: "999"},
        {55: b"\x9f"},
        {48: "92"},
    ],
)
def test_what_is_not_done_here_is_malformed(bench: VaultBench, fields: dict[int, Value]) -> None:
    assert reason(bench, bench.at_till(bench.leased(), fields=fields)) is Reason.FORMAT


@pytest.mark.parametrize("number", ["5413330089010012", "5204730000000000", "520473", "6" * 19])
def test_a_number_of_no_range_is_unknown(bench: VaultBench, number: str) -> None:
    message = bench.at_till(bench.leased(), fields={2: number})
    assert reason(bench, message) is Reason.UNKNOWN_NUMBER


def test_the_first_of_two_equal_tags_is_compared_and_signed(bench: VaultBench) -> None:
    """A second 9F02 at the end must neither be what is compared nor what is verified."""
    batch = bench.leased()
    good = bench.at_till(batch)
    second = tlv.encode(tags.AMOUNT_AUTHORISED, bytes.fromhex("000000000001"))
    cheap = good.with_fields({4: "000000000001", 55: good.binary(55) + second})
    assert reason(bench, cheap) is Reason.CHIP_DATA_MISMATCH


def test_a_repeat_has_the_key_of_its_original_and_a_change_another_digest(
    bench: VaultBench,
) -> None:
    batch = bench.leased()
    message = bench.at_till(batch)
    first = bench.read(message)
    again = bench.read(message.with_fields({}, mti="0101"))
    assert (again.repeat_key, again.digest) == (first.repeat_key, first.digest)
    for change in ({11: "000999"}, {7: "0910093016"}, {41: "MSK2    "}, {32: "400002"}):
        other = bench.read(message.with_fields(change))
        assert other.repeat_key != first.repeat_key
    other_chip = message.binary(55) + tlv.encode(tags.CVM_RESULTS, bytes(3))
    assert bench.read(message.with_fields({55: other_chip})).digest != first.digest
