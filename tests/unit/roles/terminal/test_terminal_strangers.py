"""Cards that the terminal did not grow up with: what may be wrong, and what each comes to.

Each table holds what a card may say wrong in one place, with the clause that forbids it. The
terminal ends the application there and asks the card nothing more; what only the issuer can judge
goes to the issuer as the card said it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.unit.roles.terminal.test_terminal_tap import (
    AID,
    RECORD,
    TILL,
    UNIONPAY,
    PlainCard,
    cryptogram,
    directory,
    entry,
    fci,
    options,
    record,
    sale_of,
)
from zheton.core.emv import tlv
from zheton.roles.terminal.entry_point import PPSE, tap
from zheton.roles.terminal.outcome import (
    EndApplication,
    OnlineRequest,
)

GPO, READ = 0xA8, 0xB2


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


def template(tag: int, *pairs: tuple[int, bytes]) -> bytes:
    return tlv.encode(tag, tlv.encode_all(pairs))


def generated(*pairs: tuple[int, bytes]) -> dict[int, bytes]:
    return {0x80: template(0x77, *pairs)}


CID, ATC, AC = (0x9F27, b"\x80"), (0x9F36, b"\0\x07"), (0x9F26, b"ARQCARQC")
AIP, AFL = (0x82, hexed("0280")), (0x94, hexed("08010100"))

DIRECTORIES = {
    "empty": b"",
    "only zeros": bytes(16),
    "no template 6F": hexed("840E") + PPSE,
    "two templates 6F": directory(entry(AID, 1)) * 2,
    "no A5": template(0x6F, (0x84, PPSE)),
    "no BF0C": template(0x6F, (0x84, PPSE), (0xA5, b"")),
    "no entry": directory(),
    "an entry without a name": directory(template(0x61, (0x50, b"CARD"))),
    "a name of 4 bytes": directory(entry(AID[:4], 1)),
    "a name of 17 bytes": directory(entry(AID + bytes(10), 1)),
    "a name of nobody here": directory(entry(b"\xf0NOBODY", 1)),
    "a length beyond the end": hexed("6F7F840E") + PPSE,
    "a length of four bytes": hexed("6F840000000E840C") + PPSE[:12],
    "an indefinite length": hexed("6F80A5000000"),
    "nested without end": hexed("6F1A" + "A5187F7F7F" * 5),
    "a tag without end": hexed("6F049F9F9F9F"),
    "longer than an answer may be": directory(entry(AID, 1)) + bytes(220),
}

APPLICATIONS = {
    "empty": b"",
    "no template 6F": hexed("8407") + AID,
    "no name": template(0x6F, (0xA5, b"")),
    "no A5": template(0x6F, (0x84, AID)),
    "another name": fci(UNIONPAY),
    "a beginning of the name": fci(AID[:5]),
    "a name of 17 bytes": fci(AID + bytes(10)),
    "a lying length": fci(AID)[:-3],
}

LISTS = {
    "more than a command holds": "9F3FFF",
    "255 of everything": "9F02FF9F37FF9F66FF",
    "a tag without a length": "9F02069F37",
    "half a tag": "9F02069F",
    "longer than a list may be": "9F0201" * 85,
}

OPTIONS = {
    "empty": b"",
    "no template": hexed("82020280940408010100"),
    "a record's template": template(0x70, AIP, AFL),
    "two templates": template(0x77, AIP, AFL) * 2,
    "no AIP": template(0x77, AFL),
    "no AFL": template(0x77, AIP),
    "an AIP of one byte": template(0x77, (0x82, b"\x02"), AFL),
    "an AIP of three": template(0x77, (0x82, bytes(3)), AFL),
    "two AIPs": template(0x77, AIP, AIP, AFL),
    "an AFL of nothing": template(0x77, AIP, (0x94, b"")),
    "an AFL of five bytes": template(0x77, AIP, (0x94, hexed("0801010008"))),
    "format 1 of an AIP alone": hexed("80020280"),
    "format 1 cut in the AFL": hexed("80050280080101"),
    "a lying length": hexed("77FF82020280"),
    "a cryptogram already": template(0x77, AIP, AFL, AC),
    "the till's own results": template(0x77, AIP, AFL, (0x95, bytes(5))),
}

LOCATORS = {
    "file 0": "00010100",
    "file 31": "F8010100",
    "low bits of the file": "0C010100",
    "record 0": "08000100",
    "end before start": "08050100",
    "255 records": "0801FF00",
    "hundreds of records": "08011F00" * 10,
    "more signed than read": "08010102",
}

RECORDS: dict[str, Mapping[tuple[int, int], bytes]] = {
    "not there": {},
    "empty": {(1, 1): b""},
    "no template 70": {(1, 1): tlv.encode_all(RECORD.items())},
    "a GPO's template": {(1, 1): template(0x77, *RECORD.items())},
    "two templates": {(1, 1): template(0x70, *RECORD.items()) + hexed("7000")},
    "a lying length": {(1, 1): template(0x70, *RECORD.items())[:-1]},
    "an inner lying length": {(1, 1): hexed("70035A0852")},
    "a tag twice": {(1, 1): template(0x70, *RECORD.items(), (0x5F34, b"\x01"))},
    "an unknown tag twice": {(1, 1): template(0x70, *RECORD.items(), *[(0xDF01, b"")] * 2)},
    "a tag twice, deeper": {(1, 1): template(0x70, *RECORD.items(), (0x61, hexed("5F340101")))},
    "no number": record(T5A=None),
    "no expiry": record(T5F24=None),
    "no CDOL1": record(T8C=None),
    "an empty CDOL1": record(T8C=b""),
    "a number of 11 digits": record(T57=None, T5A=hexed("52047300008F")),
    "a number of 20 digits": record(T57=None, T5A=hexed("52047300000000000000")),
    "a number of letters": record(T57=None, T5A=hexed("5204730000000A13")),
    "a number with a wrong Luhn digit": record(T57=None, T5A=hexed("5204730000000014")),
    "track 2 of another number": record(T57=hexed("5204730000000021D2512201000000000F")),
    "track 2 of another month": record(T57=hexed("5204730000000013D2601201000000000F")),
    "track 2 without a separator": record(T57=hexed("520473000000001325122010")),
    "track 2 with two separators": record(T57=hexed("5204730000000013D2512D10")),
    "track 2 of letters": record(T57=hexed("5204730000000013D2512A0F")),
    "a 13th month": record(T57=None, T5F24=hexed("251301")),
    "a 31st of February": record(T57=None, T5F24=hexed("250231")),
    "a day of letters": record(T57=None, T5F24=hexed("2512AA")),
    "a beginning that is no date": record(T5F25=hexed("190001")),
    "a sequence number of letters": record(T5F34=b"\xaa"),
    "action codes of four bytes": record(T9F0D=bytes(4)),
    "a usage control of one byte": record(T9F07=b"\xff"),
    "a country of three bytes": record(T5F28=bytes(3)),
    "a PAR of 28 bytes": record(T9F24=b"5001" + b"Z" * 24),
    "the till's amount": record(T9F02=bytes(6)),
    "the till's random number": record(T9F37=bytes(4)),
    "the till's results": record(T95=bytes(5)),
    "a verified cardholder": record(T9F34=hexed("010002")),
    "another AIP": record(T82=hexed("0280")),
    "a cryptogram already": record(T9F26=bytes(8)),
    "a signature already": record(T9F4B=bytes(144)),
}

ANSWERS = {
    "empty": b"",
    "no template": tlv.encode_all((CID, ATC, AC)),
    "a record's template": template(0x70, CID, ATC, AC),
    "two templates": cryptogram(0x80) * 2,
    "no CID": template(0x77, ATC, AC),
    "no counter": template(0x77, CID, AC),
    "no cryptogram": template(0x77, CID, ATC),
    "two CIDs": template(0x77, (0x9F27, b"\0"), CID, ATC, AC),
    "two cryptograms": template(0x77, CID, ATC, AC, AC),
    "a CID of two bytes": template(0x77, (0x9F27, b"\x80\x80"), ATC, AC),
    "a counter of one byte": template(0x77, CID, (0x9F36, b"\x07"), AC),
    "a counter of three": template(0x77, CID, (0x9F36, bytes(3)), AC),
    "a cryptogram of four bytes": template(0x77, CID, ATC, (0x9F26, b"ARQC")),
    "a signature in place of it": template(0x77, CID, ATC, (0x9F4B, bytes(144))),
    "issuer data of 33 bytes": template(0x77, CID, ATC, AC, (0x9F10, bytes(33))),
    "format 1, cut short": hexed("800A80000741525143415251"),
    "format 1, 33 bytes of issuer data": tlv.encode(0x80, b"\x80\0\x07ARQCARQC" + bytes(33)),
    "a lying length": cryptogram(0x80)[:-1],
    "a TC": cryptogram(0x40),
    "a type that is none": cryptogram(0xC0),
}


TABLES: tuple[tuple[str, str, Mapping[str, Any], Callable[[Any], PlainCard], int], ...] = (
    ("PPSE", "Book B, 3.3.2", DIRECTORIES, lambda said: PlainCard(ppse=said), 1),
    (
        *("FCI", "Book 1, 11.3.4; Book B, 3.3.3.5", APPLICATIONS),
        *(lambda said: PlainCard(applications={AID: said}), 2),
    ),
    (
        *("PDOL", "Book 3, 5.4", LISTS),
        *(lambda said: PlainCard(applications={AID: fci(AID, hexed(said))}), 2),
    ),
    ("GPO", "Book 3, 6.5.8.4", OPTIONS, lambda said: PlainCard(options=said), 3),
    ("AFL", "Book 3, 10.2", LOCATORS, lambda said: PlainCard(options=options(afl=said)), 3),
    ("record", "Book 3, 7.5 and 10.2", RECORDS, lambda said: PlainCard(records=said), 4),
    ("CDOL1", "Book 3, 5.4", LISTS, lambda said: PlainCard(records=record(T8C=hexed(said))), 4),
    ("AC", "Book 3, 6.5.5.4 and 9.3", ANSWERS, lambda said: PlainCard(made={0x80: said}), 5),
)
ROWS = {
    f"{place}, {wrong} ({clause})": (make, said, asked)
    for place, clause, table, make, asked in TABLES
    for wrong, said in table.items()
}


@pytest.mark.parametrize(("make", "said", "asked"), ROWS.values(), ids=ROWS)
def test_what_no_card_may_say_ends_the_application(
    make: Callable[[Any], PlainCard], said: object, asked: int
) -> None:
    card = make(said)
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)
    assert len(card.seen) == asked


# Warnings, errors, what T=0 would use, and words that are none (ISO 7816-4, 5.6; Book 3, 6.3.5).
STATUSES = (
    *("6283", "6300", "63C2", "6581", "6700", "6882", "6982", "6984", "6985", "6A81", "6A82"),
    *(
        "6A83",
        "6D00",
        "6E00",
        "6F00",
        "6100",
        "61FF",
        "6C00",
        "6CFF",
        "9001",
        "9100",
        "0000",
        "FFFF",
    ),
)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("step", range(5))
def test_an_answer_under_another_status_than_success_is_no_answer(step: int, status: str) -> None:
    whole = answers_of(PlainCard())[step]
    card = PlainCard(raw_at=(step, whole[:-2] + hexed(status)))
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)
    assert len(card.seen) == step + 1


@pytest.mark.parametrize("answer", [b"", b"\x90", bytes(257) + b"\x90\0", bytes(65_538)])
@pytest.mark.parametrize("step", range(5))
def test_an_answer_too_short_or_too_long_is_none(step: int, answer: bytes) -> None:
    """Book 3, 6.3.4: a status word, and at most 256 bytes before it."""
    card = PlainCard(raw_at=(step, answer))
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)
    assert len(card.seen) == step + 1


@pytest.mark.parametrize("afl", ["08010100" * 2, "0801010008010100", "0801020008020300"])
def test_a_record_read_twice_is_redundant_data(afl: str) -> None:
    """Book 3, 10.2: redundant primitive data objects are not permitted."""
    second = {(1, 2): template(0x70, (0xDF01, b"")), (1, 3): template(0x70, (0xDF02, b""))}
    card = PlainCard(options=options(afl=afl), records=record() | second)
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)
    assert card.seen[-1].ins == READ


def test_a_directory_as_long_as_an_answer_is_gone_through_once() -> None:
    names = [AID + bytes((number,)) for number in range(17)]
    card = PlainCard(ppse=directory(*(template(0x61, (0x4F, name)) for name in names)))
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)
    assert [each.data for each in card.seen] == [PPSE, *names]


def test_the_same_application_many_times_is_tried_as_often_and_no_more() -> None:
    """Book B, 3.3.3: a candidate that failed is off the list."""
    card = PlainCard(ppse=directory(*[template(0x61, (0x4F, AID))] * 18), options=b"")
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)
    card = PlainCard(ppse=directory(*[template(0x61, (0x4F, AID))] * 18), refusals={GPO: 0x6985})
    assert isinstance(tap(card, TILL, sale_of()), EndApplication)
    assert len(card.seen) == 1 + 2 * 18


# AIP and counter go into the cryptogram as the card said them, dates and failed checks into the TVR
# (Book 3, 10.4 and C5), and the issuer hears all of it.
@pytest.mark.parametrize(
    ("card", "tag", "told"),
    [
        (PlainCard(options=options("3FFE")), 0x82, "3ffe"),
        (PlainCard(options=options("FF80")), 0x82, "ff80"),
        (PlainCard(made=generated(CID, (0x9F36, b"\0\0"), AC)), 0x9F36, "0000"),
        (PlainCard(made=generated(CID, (0x9F36, b"\xff\xff"), AC)), 0x9F36, "ffff"),
        (PlainCard(made=generated((0x9F27, b"\x8f"), ATC, AC)), 0x9F27, "8f"),
        (PlainCard(records=record(T57=None, T5F24=hexed("190831"))), 0x95, "8040008000"),
        (PlainCard(records=record(T57=None, T5F24=hexed("500101"))), 0x95, "8040008000"),
        (PlainCard(records=record(T5F25=hexed("491231"))), 0x95, "8020008000"),
        (PlainCard(records=record(T9F07=bytes(2))), 0x95, "8010008000"),
        (PlainCard(records=record(T9F08=b"\xff\xff")), 0x95, "8080008000"),
    ],
)
def test_what_only_the_issuer_can_judge_is_told_to_the_issuer(
    card: PlainCard, tag: int, told: str
) -> None:
    outcome = tap(card, TILL, sale_of())
    assert isinstance(outcome, OnlineRequest)
    assert tlv.flat(outcome.sale.chip)[tag].hex() == told


def test_a_card_cannot_keep_an_online_till_from_asking() -> None:
    """Book 3, 10.7: with codes that want nothing, an unproved card is still not paid offline."""
    silent = record(T9F0D=bytes(5), T9F0E=bytes(5), T9F0F=bytes(5))
    card = PlainCard(records=silent, made={0x40: cryptogram(0x40), 0x80: cryptogram(0x80)})
    assert isinstance(tap(card, TILL, sale_of()), OnlineRequest)
    assert card.seen[-1].p1 == 0x80


@pytest.mark.parametrize("cid", [0x40, 0x80, 0xC0])
def test_an_approval_where_a_decline_was_asked_for_is_none(cid: int) -> None:
    """Book 3, 9.3: an AAC is all that may answer the request for one."""
    denied = record(T9F0E=b"\xff" * 5)
    outcome = tap(PlainCard(records=denied, made={0x00: cryptogram(cid)}), TILL, sale_of())
    assert isinstance(outcome, EndApplication)


def answers_of(card: PlainCard) -> list[bytes]:
    """All that an honest card answers in a whole debit."""
    said: list[bytes] = []

    class Recorder:
        def transceive(self, command: bytes) -> bytes:
            said.append(card.transceive(command))
            return said[-1]

    assert isinstance(tap(Recorder(), TILL, sale_of()), OnlineRequest)
    return said
