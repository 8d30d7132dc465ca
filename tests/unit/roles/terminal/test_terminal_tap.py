"""Whole taps against a plain card of our own: outcomes, malformed answers, removals, noise."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.adapters.terminal_file import load_terminal
from zheton.core.country import country
from zheton.core.emv import dol, tlv
from zheton.core.emv.apdu import Command
from zheton.core.errors import ConfigurationError
from zheton.core.money import Money, currency, money
from zheton.roles.terminal.completion import complete
from zheton.roles.terminal.entry_point import PPSE, tap
from zheton.roles.terminal.outcome import (
    Approved,
    Declined,
    EndApplication,
    Message,
    OnlineRequest,
    TryAgain,
    TryAnotherInterface,
)
from zheton.roles.terminal.ports import CardGoneError
from zheton.roles.terminal.state import Transaction

AID = bytes.fromhex("A0000000041010")
UNIONPAY = bytes.fromhex("A000000333010101")
NUMBER = "5204730000000013"
CDOL1 = bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F37049F35019F3403")
TILL = load_terminal(country("RU"), currency("RUB"))
RECORD = {
    0x57: bytes.fromhex("5204730000000013D2512201000000000F"),
    0x5A: bytes.fromhex(NUMBER),
    0x5F24: bytes.fromhex("251231"),
    0x5F25: bytes.fromhex("190101"),
    0x5F28: bytes.fromhex("0643"),
    0x5F34: b"\x01",
    0x8C: CDOL1,
    0x9F07: bytes.fromhex("3D00"),
    0x9F08: bytes.fromhex("0002"),
    0x9F19: bytes.fromhex("050110030273"),
    0x9F24: b"5001" + b"Z" * 25,
}
IAD = bytes.fromhex("0114A00003220000000000000000000000FF")


def entry(name: bytes, priority: int, kernel: bytes | None = None) -> bytes:
    pairs = [(0x4F, name), (0x50, b"CARD"), (0x87, bytes((priority,)))]
    if kernel is not None:
        pairs.append((0x9F2A, kernel))
    return tlv.encode(0x61, tlv.encode_all(pairs))


def directory(*entries: bytes) -> bytes:
    listed = tlv.encode(0xA5, tlv.encode(0xBF0C, b"".join(entries)))
    return tlv.encode(0x6F, tlv.encode(0x84, PPSE) + listed)


def fci(name: bytes, pdol: bytes = b"") -> bytes:
    inside = [(0x50, b"TEST CARD")] + ([(0x9F38, pdol)] if pdol else [])
    return tlv.encode(0x6F, tlv.encode(0x84, name) + tlv.encode(0xA5, tlv.encode_all(inside)))


def options(aip: str = "0280", afl: str = "08010100") -> bytes:
    pairs = [(0x82, bytes.fromhex(aip)), (0x94, bytes.fromhex(afl))]
    return tlv.encode(0x77, tlv.encode_all(pairs))


def cryptogram(cid: int) -> bytes:
    pairs = [(0x9F27, bytes((cid,))), (0x9F36, b"\0\x07"), (0x9F26, b"ARQCARQC"), (0x9F10, IAD)]
    return tlv.encode(0x77, tlv.encode_all(pairs))


@dataclass
class PlainCard:
    """A card whose every answer can be set; `made` is the data of an AC for each P1 asked for."""

    ppse: bytes = directory(entry(AID, 1))
    applications: Mapping[bytes, bytes] = field(default_factory=lambda: {AID: fci(AID)})
    options: bytes = options()
    records: Mapping[tuple[int, int], bytes] = field(
        default_factory=lambda: {(1, 1): tlv.encode(0x70, tlv.encode_all(RECORD.items()))}
    )
    made: Mapping[int, bytes] = field(
        default_factory=lambda: {0x80: cryptogram(0x80), 0x00: cryptogram(0x00)}
    )
    refusals: Mapping[int, int] = field(default_factory=dict)
    leaves_at: int | None = None
    raw_at: tuple[int, bytes] | None = None
    seen: list[Command] = field(default_factory=list)

    def transceive(self, command: bytes) -> bytes:
        asked = Command.decode(command)
        self.seen.append(asked)
        at = len(self.seen) - 1
        if at == self.leaves_at:
            raise CardGoneError("gone")
        if self.raw_at and at == self.raw_at[0]:
            return self.raw_at[1]
        if asked.ins in self.refusals:
            return self.refusals[asked.ins].to_bytes(2)
        answer = self._answer(asked)
        return answer + b"\x90\x00" if answer is not None else b"\x6a\x82"

    def _answer(self, asked: Command) -> bytes | None:
        match asked.ins:
            case 0xA4:
                return self.ppse if asked.data == PPSE else self.applications.get(asked.data)
            case 0xA8:
                return self.options
            case 0xB2:
                return self.records.get((asked.p2 >> 3, asked.p1))
            case _:
                return self.made.get(asked.p1)


def record(**changed: bytes | None) -> dict[tuple[int, int], bytes]:
    """The card's record with data objects changed or, by None, left out: `record(T5A=b"")`."""
    values: dict[int, bytes | None] = {**RECORD, **{int(k[1:], 16): v for k, v in changed.items()}}
    pairs = ((tag, value) for tag, value in values.items() if value is not None)
    return {(1, 1): tlv.encode(0x70, tlv.encode_all(pairs))}


def sale_of(amount: str = "350", day: date = date(2019, 9, 1)) -> Transaction:
    return Transaction(money(amount, "RUB"), day, time(12, 30, 5), b"\x01\x02\x03\x04", 42)


def test_a_tap_ends_in_an_online_request_with_everything_the_issuer_needs() -> None:
    card = PlainCard()
    outcome = tap(card, TILL, sale_of())
    assert isinstance(outcome, OnlineRequest)
    sale = outcome.sale
    assert (sale.number, sale.expiry, sale.psn) == (NUMBER, "2512", 1)
    assert sale.track2 == f"{NUMBER}=2512201000000000"
    assert (sale.amount_minor, sale.currency, sale.label) == (35000, "643", "TEST CARD")
    chip = tlv.flat(sale.chip)
    assert chip[0x9F26] == b"ARQCARQC" and chip[0x9F10] == IAD and chip[0x9F36] == b"\0\x07"
    assert chip[0x9F02].hex() == "000000035000" and chip[0x9F37] == b"\x01\x02\x03\x04"
    assert chip[0x95].hex() == "8000008000" == sale.tvr.hex()
    assert chip[0x84] == AID and chip[0x9F41].hex() == "00000042" and chip[0x9F1A].hex() == "0643"
    assert chip[0x9F19] == RECORD[0x9F19] and chip[0x9F24] == RECORD[0x9F24]
    assert not {0x57, 0x5A, 0x5F24} & chip.keys()
    assert [each.ins for each in card.seen] == [0xA4, 0xA4, 0xA8, 0xB2, 0xAE]


def test_the_number_does_not_show_in_what_is_printed() -> None:
    outcome = tap(PlainCard(), TILL, sale_of())
    assert isinstance(outcome, OnlineRequest)
    assert NUMBER not in repr(outcome) and outcome.sale.chip.hex() not in repr(outcome)
    assert outcome.sale.last4 == "0013"


def test_cdol1_is_answered_as_the_card_lists_it() -> None:
    card = PlainCard()
    tap(card, TILL, sale_of())
    answered = dol.split(CDOL1, card.seen[-1].data)
    assert card.seen[-1].p1 == 0x80
    assert answered[0x9F02].hex() == "000000035000" and answered[0x5F2A].hex() == "0643"
    assert answered[0x9A].hex() == "190901" and answered[0x95].hex() == "8000008000"
    assert answered[0x9F34].hex() == "3f0002" and answered[0x9F35] == b"\x22"


def test_a_pdol_is_answered_and_its_absence_too() -> None:
    with_list = PlainCard(applications={AID: fci(AID, bytes.fromhex("9F1A029F3704DF0103"))})
    tap(with_list, TILL, sale_of())
    assert with_list.seen[2].data.hex() == "8309" + "0643" + "01020304" + "000000"
    without = PlainCard()
    tap(without, TILL, sale_of())
    assert without.seen[2].data.hex() == "8300"


def test_format_1_answers_are_read_alike() -> None:
    made = bytes((0x80,)) + b"\0\x07" + b"ARQCARQC" + IAD
    card = PlainCard(
        options=tlv.encode(0x80, bytes.fromhex("028008010100")), made={0x80: tlv.encode(0x80, made)}
    )
    first, second = tap(card, TILL, sale_of()), tap(PlainCard(), TILL, sale_of())
    assert isinstance(first, OnlineRequest) and first == second


def test_a_card_may_decline() -> None:
    outcome = tap(PlainCard(made={0x80: cryptogram(0x00)}), TILL, sale_of())
    assert isinstance(outcome, Declined) and "card declined" in outcome.reason


@pytest.mark.parametrize("cid", [0x40, 0xC0, 0x41])
def test_a_card_may_not_give_more_than_it_was_asked_for(cid: int) -> None:
    assert isinstance(tap(PlainCard(made={0x80: cryptogram(cid)}), TILL, sale_of()), EndApplication)


def test_a_denial_code_asks_for_an_aac_and_declines() -> None:
    card = PlainCard(records=record(T9F0E=bytes.fromhex("8000000000")))
    outcome = tap(card, TILL, sale_of())
    assert isinstance(outcome, Declined) and "this till's rules" in outcome.reason
    assert card.seen[-1].p1 == 0x00


def test_a_card_that_answers_a_refusal_with_an_arqc_is_ended() -> None:
    card = PlainCard(
        records=record(T9F0E=bytes.fromhex("8000000000")), made={0x00: cryptogram(0x80)}
    )
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)


def test_the_card_with_the_higher_priority_is_taken_and_the_next_if_it_fails() -> None:
    second = entry(UNIONPAY, 1)
    card = PlainCard(
        ppse=directory(entry(AID, 2), second), applications={AID: fci(AID), UNIONPAY: b""}
    )
    outcome = tap(card, TILL, sale_of())
    assert [each.data for each in card.seen[1:3]] == [UNIONPAY, AID]
    assert isinstance(outcome, OnlineRequest) and outcome.sale.aid == AID


def test_an_entry_without_priority_comes_last() -> None:
    card = PlainCard(ppse=directory(entry(AID, 0), entry(UNIONPAY, 15)))
    tap(card, TILL, sale_of())
    assert [each.data for each in card.seen[1:3]] == [UNIONPAY, AID]


@pytest.mark.parametrize(
    ("kernel", "taken"),
    [(b"\x02", True), (b"\0", True), (b"", True), (b"\x03", False), (b"\x82", False)],
)
def test_the_kernel_identifier_of_an_entry_decides(kernel: bytes, taken: bool) -> None:
    outcome = tap(PlainCard(ppse=directory(entry(AID, 1, kernel))), TILL, sale_of())
    assert isinstance(outcome, OnlineRequest if taken else EndApplication)


def test_a_longer_name_than_the_terminals_is_selected_in_full() -> None:
    longer = AID + b"\x07"
    card = PlainCard(ppse=directory(entry(longer, 1)), applications={longer: fci(longer)})
    assert isinstance(tap(card, TILL, sale_of()), OnlineRequest)
    assert card.seen[1].data == longer


@pytest.mark.parametrize("ins", [0xA4, 0xA8, 0xB2, 0xAE])
def test_a_refused_command_ends_the_application(ins: int) -> None:
    outcome = tap(PlainCard(refusals={ins: 0x6985}), TILL, sale_of())
    assert isinstance(outcome, EndApplication) and outcome.message is Message.TRY_ANOTHER_CARD


@pytest.mark.parametrize("step", range(5))
def test_removal_at_any_step_asks_for_another_try(step: int) -> None:
    outcome = tap(PlainCard(leaves_at=step), TILL, sale_of())
    assert isinstance(outcome, TryAgain) and outcome.message is Message.PRESENT_AGAIN


@pytest.mark.parametrize(
    "changed",
    [
        {"T5A": None},
        {"T5F24": None},
        {"T8C": None},
        {"T5A": bytes.fromhex("5204730000000011")},
        {"T5A": bytes.fromhex("5204730000000021")},
        {"T5A": b"\xab\xcd"},
        {"T57": bytes.fromhex("5204730000000013D2511201000000000F")},
        {"T57": bytes.fromhex("5204730000000013")},
        {"T57": bytes.fromhex("5204730000000013D2512D201000000000")},
        {"T5F24": bytes.fromhex("251301")},
        {"T5F34": b"\xaa"},
        {"T8E": bytes(11)},
        {"T8C": bytes.fromhex("9F02FF")},
        {"T8C": bytes.fromhex("9F")},
        {"T9F24": b"Z" * 200},
        {"T95": bytes(5)},
        {"T9F02": bytes(6)},
        {"T9F26": bytes(8)},
        {"T82": bytes.fromhex("0280")},
    ],
)
def test_records_that_may_not_be_end_the_application(changed: dict[str, bytes | None]) -> None:
    card = PlainCard(options=options("1080"), records=record(**changed))
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)


def test_a_data_object_in_two_records_ends_the_application() -> None:
    records = record() | {(1, 2): tlv.encode(0x70, tlv.encode(0x5F34, b"\x01"))}
    card = PlainCard(options=options(afl="08010200"), records=records)
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)


def test_above_file_10_a_record_need_not_be_tlv() -> None:
    card = PlainCard(
        options=options(afl="0801010058010100"), records=record() | {(11, 1): b"\xff\xff"}
    )
    assert isinstance(tap(card, TILL, sale_of()), OnlineRequest)


def test_a_magnetic_stripe_card_is_not_taken() -> None:
    assert isinstance(tap(PlainCard(options=options("0200")), TILL, sale_of()), EndApplication)


@pytest.mark.parametrize(
    ("day", "tvr"),
    [
        (date(2025, 12, 31), "8000008000"),
        (date(2026, 1, 1), "8040008000"),
        (date(2018, 12, 31), "8020008000"),
    ],
)
def test_dates_show_in_the_tvr(day: date, tvr: str) -> None:
    outcome = tap(PlainCard(), TILL, sale_of(day=day))
    assert isinstance(outcome, OnlineRequest) and outcome.sale.tvr.hex() == tvr


def test_the_ceiling_depends_on_who_verifies_the_cardholder() -> None:
    assert isinstance(tap(PlainCard(), TILL, sale_of("150000")), OnlineRequest)
    plain = PlainCard(options=options("0080"))
    assert isinstance(tap(plain, TILL, sale_of("150000")), EndApplication)
    assert plain.seen[-1].ins == 0xA8
    assert isinstance(tap(PlainCard(), TILL, sale_of("2000000")), TryAnotherInterface)


def test_an_amount_of_zero_is_not_charged() -> None:
    card = PlainCard()
    nothing = replace(sale_of(), amount=Money(0, currency("RUB")))
    assert isinstance(tap(card, TILL, nothing), TryAnotherInterface) and not card.seen


def test_another_currency_is_the_operators_mistake() -> None:
    with pytest.raises(ConfigurationError, match="currency"):
        tap(PlainCard(), TILL, replace(sale_of(), amount=money("1", "CNY")))


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("00", Approved, Message.APPROVED),
        ("05", Declined, Message.NOT_AUTHORISED),
        ("", Declined, Message.NOT_AUTHORISED),
        (None, Declined, Message.NOT_AUTHORISED),
    ],
)
def test_the_issuers_answer_decides(code: str | None, kind: type, message: Message) -> None:
    request = tap(PlainCard(), TILL, sale_of())
    assert isinstance(request, OnlineRequest)
    done = complete(request, code, b"ARPCARPC00")
    assert isinstance(done, kind) and done.message is message and done.sale == request.sale


def test_a_signature_is_asked_for_on_the_receipt() -> None:
    methods = bytes(8) + bytes.fromhex("1E00")
    card = PlainCard(options=options("1080"), records=record(T8E=methods))
    request = tap(card, TILL, sale_of("5000"))
    assert isinstance(request, OnlineRequest) and request.sale.cvm_results.hex() == "1e0000"
    assert complete(request, "00").message is Message.APPROVED_SIGN


def test_the_second_network_differs_in_data_only() -> None:
    card = PlainCard(
        ppse=directory(entry(UNIONPAY, 1, b"\x07")),
        applications={UNIONPAY: fci(UNIONPAY, bytes.fromhex("9F6604"))},
        records=record(T9F08=bytes.fromhex("0020")),
    )
    outcome = tap(card, TILL, sale_of())
    assert isinstance(outcome, OnlineRequest) and outcome.sale.tvr.hex() == "8000008000"
    assert card.seen[2].data[:2] == b"\x83\x04" and any(card.seen[2].data[2:])


def test_an_offline_only_till_never_asks_for_a_certificate_it_cannot_check() -> None:
    till = replace(TILL, terminal_type=0x23)
    card = PlainCard(records=record(T9F0D=bytes(5)))
    lenient = replace(
        till,
        combinations=tuple(
            replace(each, action_codes=replace(each.action_codes, default=bytes(5)))
            for each in till.combinations
        ),
    )
    assert isinstance(tap(card, lenient, sale_of()), Declined) and card.seen[-1].p1 == 0x00


_MUTATED = st.tuples(st.integers(0, 4), st.integers(0, 400), st.binary(min_size=1, max_size=4))


@settings(max_examples=300, deadline=None)
@given(step=st.integers(0, 4), answer=st.binary(max_size=300))
def test_noise_at_any_step_is_an_outcome_and_never_money(step: int, answer: bytes) -> None:
    outcome = tap(PlainCard(raw_at=(step, answer)), TILL, sale_of())
    assert isinstance(outcome, EndApplication)


@settings(max_examples=400, deadline=None)
@given(mutation=_MUTATED)
def test_a_damaged_answer_is_an_outcome(mutation: tuple[int, int, bytes]) -> None:
    step, at, damage = mutation
    honest = PlainCard()
    answers: list[bytes] = []

    @dataclass
    class Recorder:
        def transceive(self, command: bytes) -> bytes:
            answers.append(honest.transceive(command))
            return answers[-1]

    tap(Recorder(), TILL, sale_of())
    whole = answers[step]
    at %= len(whole)
    damaged = whole[:at] + damage + whole[at + len(damage) :]
    outcome = tap(PlainCard(raw_at=(step, damaged)), TILL, sale_of())
    assert isinstance(outcome, OnlineRequest | Declined | EndApplication)


def test_the_tills_configuration_is_checked() -> None:
    with pytest.raises(ConfigurationError, match="IFD"):
        replace(TILL, ifd_serial="SHORT")
    with pytest.raises(ConfigurationError, match="digits"):
        replace(TILL, currency="RUB")
    with pytest.raises(ConfigurationError, match="application"):
        replace(TILL, combinations=())
    with pytest.raises(ConfigurationError, match="unpredictable"):
        replace(sale_of(), unpredictable_number=b"")
