"""A card that signs its cryptograms, and one that would like to have signed; relays in between."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from tests.unit.roles.terminal.test_terminal_tap import (
    AID,
    IAD,
    NUMBER,
    RECORD,
    TILL,
    PlainCard,
    sale_of,
)
from tests.unit.roles.terminal.test_terminal_tap import options as plain_options
from zheton.core.crypto import rsa
from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv import combined, tlv
from zheton.core.emv.apdu import Command
from zheton.core.emv.certificates import (
    ICC_CERTIFICATE,
    ISSUER_CERTIFICATE,
    CertificateText,
    certify,
)
from zheton.core.emv.combined import DynamicData, transaction_data_hash
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import Declined, EndApplication, OnlineRequest, Outcome
from zheton.roles.terminal.state import Authority

AUTHORITY_KEY, ISSUER_KEY, CARD_KEY = rsa.generate(1984), rsa.generate(1536), rsa.generate(1152)
INDEX = 0xE1
AUTHORITY = Authority(AID[:5], INDEX, AUTHORITY_KEY.public, date(2030, 12, 31))
ABLE = replace(TILL, capabilities=bytes.fromhex("002808"), authorities=(AUTHORITY,))
ISSUER_TEXT = CertificateText("52047300", "1225", b"\0\0\1")
CARD_TEXT = CertificateText(NUMBER, "1225", b"\0\0\2")
CDA_RELAY = "0381"  # AIP: CDA, on-device verification; EMV mode, relay resistance
ODA_NOT_PERFORMED, CDA_FAILED, DATA_MISSING = 0x80, 0x04, 0x20
PERFORMED, TIME_LIMITS, THRESHOLD, NOT_PERFORMED = 0x02, 0x04, 0x08, 0x01


def blinding(key: PrivateKey) -> bytes:
    return (5).to_bytes(key.public.size)


@dataclass
class SigningCard(PlainCard):
    """A card with certificates of its own, which it may get wrong, and a signature."""

    options: bytes = plain_options("0380", "08010101 10010200")
    issuer_text: CertificateText = ISSUER_TEXT
    card_text: CertificateText = CARD_TEXT
    static: bytes | None = None
    left_out: tuple[int, ...] = ()
    tag_list: bytes | None = b"\x82"
    signs: bool = True
    spoil: Callable[[DynamicData], DynamicData] = lambda data: data
    relay_answers: Iterator[bytes] = field(
        default_factory=lambda: iter([bytes.fromhex("A1A2A3A4 0014 01F4 0018")] * 3)
    )

    def __post_init__(self) -> None:
        record = tlv.encode_all(RECORD.items())
        aip = tlv.decode(self.options)[0].children[0].value
        listed = b"" if self.tag_list is None else aip
        static = record + listed if self.static is None else self.static
        issuer = certify(
            ISSUER_CERTIFICATE, AUTHORITY_KEY, self.issuer_text, ISSUER_KEY.public,
            blinding(AUTHORITY_KEY),
        )  # fmt: skip
        card = certify(
            ICC_CERTIFICATE, ISSUER_KEY, self.card_text, CARD_KEY.public, blinding(ISSUER_KEY),
            static=static,
        )  # fmt: skip
        first = {0x90: issuer.signature}
        second = {
            0x8F: bytes((INDEX,)), 0x9F32: b"\3", 0x9F46: card.signature, 0x9F47: b"\3",
        }  # fmt: skip
        if self.tag_list is not None:
            second[0x9F4A] = self.tag_list
        records = {(1, 1): record}
        for place, objects in ((1, first), (2, second)):
            kept = [(tag, value) for tag, value in objects.items() if tag not in self.left_out]
            records[2, place] = tlv.encode_all(kept)
        self.records = {place: tlv.encode(0x70, content) for place, content in records.items()}
        self._pdol, self._number = b"", b""
        self._relay = b""

    def _answer(self, asked: Command) -> bytes | None:
        if asked.ins == 0xEA:
            answer = next(self.relay_answers)
            self._relay = asked.data + answer
            return tlv.encode(0x80, answer)
        if asked.ins == 0xAE and asked.p1 & 0x10 and self.signs:
            return self._signed(asked)
        if asked.ins == 0xAE:
            return self.made.get(asked.p1 & ~0x10)
        return super()._answer(asked)

    def _signed(self, asked: Command) -> bytes:
        answer = [(0x9F27, b"\x80"), (0x9F36, b"\0\x07"), (0x9F10, IAD)]  # 9F26 is in 9F4B
        hashed = transaction_data_hash((b"", asked.data), answer)
        data = self.spoil(DynamicData(b"\1" * 8, 0x80, b"ARQCARQC", hashed, self._relay))
        number = asked.data[25:29]  # 9F37, after 9F02 9F03 9F1A 95 5F2A 9A 9C
        signature = combined.sign(CARD_KEY, data, number, blinding(CARD_KEY))
        return tlv.encode(0x77, tlv.encode_all([*answer, (0x9F4B, signature)]))


def tvr(outcome: Outcome) -> bytes:
    assert isinstance(outcome, OnlineRequest)
    return outcome.sale.tvr


def test_a_card_that_signs_is_authenticated_and_goes_online() -> None:
    card = SigningCard()
    outcome = tap(card, ABLE, sale_of())
    assert tvr(outcome)[0] == 0
    assert card.seen[-1].p1 == 0x90, "an ARQC, signed"
    assert isinstance(outcome, OnlineRequest)
    assert tlv.flat(outcome.sale.chip)[0x9F26] == b"ARQCARQC"


@pytest.mark.parametrize(
    "till",
    [replace(ABLE, authorities=()), replace(ABLE, capabilities=bytes.fromhex("002800"))],
    ids=["no authorities", "not able"],
)
def test_a_till_that_cannot_says_that_it_did_not(till: object) -> None:
    card = SigningCard()
    assert tvr(tap(card, till, sale_of()))[0] == ODA_NOT_PERFORMED  # type: ignore[arg-type]
    assert card.seen[-1].p1 == 0x80


def test_a_card_that_does_not_sign_goes_online_without() -> None:
    assert tvr(tap(PlainCard(), ABLE, sale_of()))[0] == ODA_NOT_PERFORMED


FAILS = {
    "another issuer's": {"issuer_text": replace(ISSUER_TEXT, identifier="530000")},
    "issuer's month is over": {"issuer_text": replace(ISSUER_TEXT, expiry="0819")},
    "card's month is over": {"card_text": replace(CARD_TEXT, expiry="0819")},
    "of another number": {"card_text": replace(CARD_TEXT, identifier="5204730000000021")},
    "of other data": {"static": b"other"},
    "a tag list of more": {"tag_list": b"\x82\x5a"},
}


@pytest.mark.parametrize("wrong", FAILS.values(), ids=FAILS)
def test_a_certificate_that_is_not_this_cards_fails_and_goes_online(
    wrong: dict[str, object],
) -> None:
    card = SigningCard(**wrong)  # type: ignore[arg-type]
    assert tvr(tap(card, ABLE, sale_of()))[0] == CDA_FAILED
    assert card.seen[-1].p1 == 0x80, "no signature is asked for that nobody could check"


def test_the_last_month_of_a_certificate_still_counts() -> None:
    card = SigningCard(
        issuer_text=replace(ISSUER_TEXT, expiry="0919"),
        card_text=replace(CARD_TEXT, expiry="0919"),
    )
    assert tvr(tap(card, ABLE, sale_of()))[0] == 0


@pytest.mark.parametrize("tag", [0x8F, 0x90, 0x9F32, 0x9F46, 0x9F47])
def test_what_is_missing_is_said(tag: int) -> None:
    card = SigningCard(left_out=(tag,))
    assert tvr(tap(card, ABLE, sale_of()))[0] == CDA_FAILED | DATA_MISSING


@pytest.mark.parametrize(
    "authority",
    [
        replace(AUTHORITY, index=0xE2),
        replace(AUTHORITY, rid=bytes(5)),
        replace(AUTHORITY, until=date(2019, 8, 31)),
        replace(AUTHORITY, key=rsa.generate(1984).public),
    ],
    ids=["index", "rid", "over", "key"],
)
def test_an_authority_that_the_till_does_not_know_vouches_for_nobody(authority: Authority) -> None:
    till = replace(ABLE, authorities=(authority,))
    assert tvr(tap(SigningCard(), till, sale_of()))[0] == CDA_FAILED


SPOILS: dict[str, Callable[[DynamicData], DynamicData]] = {
    "another transaction": lambda data: replace(data, transaction_hash=bytes(20)),
    "another type": lambda data: replace(data, cid=0x40),
    "figures of no relay": lambda data: replace(data, relay=bytes(14)),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_signature_of_something_else_is_no_money(
    spoil: Callable[[DynamicData], DynamicData],
) -> None:
    outcome = tap(SigningCard(spoil=spoil), ABLE, sale_of())
    assert isinstance(outcome, Declined)
    assert "did not prove" in outcome.reason


def test_an_answer_without_the_signature_that_was_promised_is_no_money() -> None:
    assert isinstance(tap(SigningCard(signs=False), ABLE, sale_of()), Declined)


def test_a_changed_record_is_noticed() -> None:
    """A relay that shows another expiry date than the issuer certified."""
    card = SigningCard()
    changed = {**RECORD, 0x5F25: bytes.fromhex("180101")}
    card.records = {**card.records, (1, 1): tlv.encode(0x70, tlv.encode_all(changed.items()))}
    assert tvr(tap(card, ABLE, sale_of()))[0] == CDA_FAILED


class Watch:
    """A stopwatch by which only the exchanges of relay resistance take any time."""

    def __init__(self) -> None:
        self.at_ms = 0.0

    def elapsed_ms(self) -> float:
        return self.at_ms


def relayed(*durations: float, **changed: object) -> tuple[Outcome, SigningCard]:
    watch = Watch()
    card = SigningCard(options=plain_options(CDA_RELAY, "08010101 10010200"), **changed)  # type: ignore[arg-type]
    card.relay_answers = after(watch, durations, card.relay_answers)
    further = (b"\x0a\x0b\x0c\x0d", b"\x1a\x1b\x1c\x1d")
    sale = replace(sale_of(), further_numbers=further)
    return tap(card, ABLE, sale, watch), card


def after(watch: Watch, durations: Sequence[float], answers: Iterator[bytes]) -> Iterator[bytes]:
    for duration, answer in zip(durations, answers, strict=False):
        watch.at_ms += duration
        yield answer


def sent(card: SigningCard) -> list[bytes]:
    return [each.data for each in card.seen if each.ins == 0xEA]


def test_a_card_near_by_passes_and_its_figures_are_signed() -> None:
    outcome, card = relayed(10.0)
    assert tvr(outcome) == bytes((0, 0, 0, 0x80, PERFORMED))
    assert sent(card) == [b"\x01\x02\x03\x04"]


def test_a_relay_is_refused() -> None:
    """50 ms is the card's most, 5 ms are forgiven; the way takes 4.2 ms of it."""
    outcome, card = relayed(60.0, 60.0, 60.0)
    assert isinstance(outcome, Declined)
    assert outcome.sale is not None
    assert outcome.sale.tvr[4] == PERFORMED | TIME_LIMITS | THRESHOLD
    assert card.seen[-1].p1 == 0x00, "an AAC was asked for"
    assert len(set(sent(card))) == 3, "each attempt has a number that nobody knew before"


def test_a_reader_that_was_busy_once_may_try_again() -> None:
    outcome, card = relayed(60.0, 10.0)
    assert tvr(outcome)[4] == PERFORMED
    assert sent(card)[-1] == b"\x0a\x0b\x0c\x0d" == card.seen[-1].data[25:29], "it is the debit's"


def test_the_edges_of_what_is_forgiven() -> None:
    assert tvr(relayed(59.2)[0])[4] == PERFORMED | THRESHOLD
    outcome, _ = relayed(59.3, 59.3, 59.3)
    assert isinstance(outcome, Declined)
    assert tvr(relayed(36.2)[0])[4] == PERFORMED
    assert tvr(relayed(36.3)[0])[4] == PERFORMED | THRESHOLD


def test_an_answer_before_the_card_could_give_it_ends_the_application() -> None:
    quick = iter([bytes.fromhex("A1A2A3A4 0064 01F4 0018")])
    assert isinstance(relayed(4.2 + 7.9, relay_answers=quick)[0], EndApplication)
    quick = iter([bytes.fromhex("A1A2A3A4 0064 01F4 0018")])
    assert tvr(relayed(4.2 + 8.0, relay_answers=quick)[0])[4] == PERFORMED


def test_an_estimate_of_the_way_that_is_far_from_the_tills_is_noted() -> None:
    far = iter([bytes.fromhex("A1A2A3A4 0014 01F4 000B")])
    assert tvr(relayed(10.0, relay_answers=far)[0])[4] == PERFORMED | THRESHOLD


@pytest.mark.parametrize("answer", ["", "00" * 9, "00" * 11])
def test_an_answer_that_is_none_ends_the_application(answer: str) -> None:
    outcome, _ = relayed(10.0, relay_answers=iter([bytes.fromhex(answer)]))
    assert isinstance(outcome, EndApplication)


def test_a_till_without_a_stopwatch_says_so_and_a_card_without_is_left_alone() -> None:
    card = SigningCard(options=plain_options(CDA_RELAY, "08010101 10010200"))
    assert tvr(tap(card, ABLE, sale_of()))[4] == NOT_PERFORMED
    card = SigningCard()
    assert tvr(tap(card, ABLE, sale_of(), Watch()))[4] == 0
    assert not sent(card)


def test_an_answer_without_a_cryptogram_that_was_not_to_be_signed_ends_the_application() -> None:
    pairs = [(0x9F27, b"\x80"), (0x9F36, b"\0\x07"), (0x9F4B, bytes(144)), (0x9F10, IAD)]
    card = PlainCard(made={0x80: tlv.encode(0x77, tlv.encode_all(pairs))})
    assert isinstance(tap(card, ABLE, sale_of()), EndApplication)
