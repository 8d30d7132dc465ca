"""The steps of the kernel that are pure functions: AFL, GPO, FCI, restrictions, risk, AC."""

from dataclasses import replace
from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.adapters.terminal_file import load_terminal
from zheton.core.country import country
from zheton.core.emv import tlv
from zheton.core.errors import ConfigurationError, DecodeError
from zheton.core.money import currency, money
from zheton.roles.terminal import cryptogram, fci, restrictions, risk
from zheton.roles.terminal.application import (
    RECORDS_MAX,
    file_locator,
    processing_options,
    requested_data,
)
from zheton.roles.terminal.risk import CryptogramType
from zheton.roles.terminal.state import ActionCodes, Setup, Transaction
from zheton.roles.terminal.terminal_data import OWN_TAGS, terminal_data
from zheton.roles.terminal.tvr import Tvr

TILL = load_terminal(country("RU"), currency("RUB"))
DEBIT = Transaction(money("350", "RUB"), date(2019, 9, 1), time(12), b"abcd", 1)
SETUP = Setup(TILL, TILL.combinations[0], DEBIT)
EXPIRES = {0x5F24: bytes.fromhex("251231")}
NO_CODES = ActionCodes(bytes(5), bytes(5), bytes(5))


def with_codes(codes: ActionCodes, terminal_type: int = 0x22) -> Setup:
    combination = replace(SETUP.combination, action_codes=codes)
    return Setup(replace(TILL, terminal_type=terminal_type), combination, DEBIT)


@pytest.mark.parametrize(
    "afl",
    [
        "",
        "080101",
        "00010100",  # file 0
        "F8010100",  # file 31
        "09010100",  # low bits set
        "08000100",  # record 0
        "08020100",  # last before first
        "08010102",  # more signed than there are
        f"0801{RECORDS_MAX + 1:02X}00",
        "0801FF00",
        "08010F00" * 3,
    ],
)
def test_an_absurd_file_locator_is_refused(afl: str) -> None:
    with pytest.raises(DecodeError):
        file_locator(bytes.fromhex(afl))


def test_a_file_locator_of_several_ranges() -> None:
    assert [tuple(each) for each in file_locator(bytes.fromhex("0801020110030400"))] == [
        (1, 1, 2, 1),
        (2, 3, 4, 0),
    ]


@given(st.binary(max_size=255))
def test_any_file_locator_is_bounded(value: bytes) -> None:
    try:
        ranges = file_locator(value)
    except DecodeError:
        return
    assert sum(each.last - each.first + 1 for each in ranges) <= RECORDS_MAX


@pytest.mark.parametrize(
    "data",
    [
        "",
        "8001",
        "8002028001",
        "7704820202 80",
        "770E820202808202028094040801 0100",
        "700482020280",
    ],
)
def test_malformed_processing_options(data: str) -> None:
    with pytest.raises(DecodeError):
        processing_options(bytes.fromhex(data))


def test_whatever_the_terminal_says_no_record_may_say() -> None:
    own = terminal_data(SETUP).keys() - {tag for tag, _ in SETUP.combination.data}
    assert own | {0x95, 0x9F34} == OWN_TAGS


def test_a_list_that_asks_for_too_much_is_refused() -> None:
    assert len(requested_data(bytes.fromhex("9F37FC"), {})) == 252
    with pytest.raises(DecodeError):
        requested_data(bytes.fromhex("9F37FD"), {})


def test_a_malformed_entry_does_not_spoil_the_directory() -> None:
    good = tlv.encode(0x61, tlv.encode(0x4F, b"12345"))
    short = tlv.encode(0x61, tlv.encode(0x4F, b"1234"))
    domestic = tlv.encode(0x61, tlv.encode(0x4F, b"12345") + tlv.encode(0x9F2A, b"\x81"))
    listed = tlv.encode(0xBF0C, short + domestic + good)
    entries = fci.directory(tlv.encode(0x6F, tlv.encode(0xA5, listed)))
    assert [(each.adf_name, each.kernel_id) for each in entries] == [(b"12345", 0)]


def test_a_domestic_kernel_is_three_bytes() -> None:
    inside = tlv.encode(0x4F, b"12345") + tlv.encode(0x9F2A, b"\x81\x06\x43")
    listed = tlv.encode(0xBF0C, tlv.encode(0x61, inside))
    (only,) = fci.directory(tlv.encode(0x6F, tlv.encode(0xA5, listed)))
    assert only.kernel_id == 0x810643


@pytest.mark.parametrize("data", ["", "6F00", "A500", "6F02A500", "6F06840131A50100"])
def test_an_fci_without_a_name_is_refused(data: str) -> None:
    with pytest.raises(DecodeError):
        fci.application(bytes.fromhex(data))


def test_a_label_shows_printable_characters_only() -> None:
    inside = tlv.encode(0x84, b"12345") + tlv.encode(0xA5, tlv.encode(0x50, b"A\x1b[2J\xffB"))
    assert fci.application(tlv.encode(0x6F, inside)).label == "A[2JB"


@pytest.mark.parametrize(
    ("card", "tvr"),
    [
        ({}, Tvr.NONE),
        ({0x9F08: b"\0\x02"}, Tvr.NONE),
        ({0x9F08: b"\0\x03"}, Tvr.APPLICATION_VERSIONS_DIFFER),
        ({0x9F07: b"\x3d\0"}, Tvr.NONE),
        ({0x9F07: b"\x3c\0"}, Tvr.SERVICE_NOT_ALLOWED),  # ATMs only
        ({0x9F07: b"\x01\0"}, Tvr.NONE),  # no issuer country, so nothing to compare
        ({0x9F07: b"\x01\0", 0x5F28: b"\x06\x43"}, Tvr.SERVICE_NOT_ALLOWED),
        ({0x9F07: b"\x21\0", 0x5F28: b"\x06\x43"}, Tvr.NONE),
        ({0x9F07: b"\x21\0", 0x5F28: b"\x01\x56"}, Tvr.SERVICE_NOT_ALLOWED),
        ({0x9F07: b"\x05\0", 0x5F28: b"\x01\x56"}, Tvr.NONE),
        ({0x5F25: bytes.fromhex("190901")}, Tvr.NONE),
        ({0x5F25: bytes.fromhex("190902")}, Tvr.NOT_YET_EFFECTIVE),
        ({0x5F24: bytes.fromhex("190901")}, Tvr.NONE),
        ({0x5F24: bytes.fromhex("190831")}, Tvr.EXPIRED),
        ({0x5F24: bytes.fromhex("991231")}, Tvr.EXPIRED),  # 1999
    ],
)
def test_processing_restrictions(card: dict[int, bytes], tvr: Tvr) -> None:
    assert restrictions.check(EXPIRES | card, SETUP) == tvr


@pytest.mark.parametrize(("amount", "exceeded"), [("1000", False), ("1000.01", True)])
def test_the_floor_limit(amount: str, exceeded: bool) -> None:
    limits = replace(SETUP.combination.limits, floor=100000)
    floor = Setup(
        TILL,
        replace(SETUP.combination, limits=limits),
        replace(DEBIT, amount=money(amount, "RUB")),
    )
    assert bool(risk.floor_limit(floor)) is exceeded


@pytest.mark.parametrize(
    ("terminal_type", "card", "tvr", "asked"),
    [
        (0x22, {0x9F0F: bytes(5)}, Tvr.NONE, CryptogramType.TC),
        (0x22, {}, Tvr.EXPIRED, CryptogramType.ARQC),  # no 9F0F: any bit goes online
        (0x22, {0x9F0F: bytes(5)}, Tvr.EXPIRED, CryptogramType.TC),
        (0x22, {0x9F0F: bytes(5)}, Tvr.ODA_NOT_PERFORMED, CryptogramType.ARQC),
        (0x22, {0x9F0E: b"\0\x40\0\0\0"}, Tvr.EXPIRED, CryptogramType.AAC),
        (0x22, {0x9F0E: b"\0\x40\0\0\0", 0x9F0F: bytes(5)}, Tvr.NONE, CryptogramType.TC),
        (0x21, {0x9F0F: bytes(5)}, Tvr.NONE, CryptogramType.ARQC),
        (0x21, {0x9F0E: b"\0\x40\0\0\0"}, Tvr.EXPIRED, CryptogramType.AAC),
        (0x23, {}, Tvr.EXPIRED, CryptogramType.AAC),
        (0x23, {0x9F0D: bytes(5)}, Tvr.EXPIRED, CryptogramType.TC),
        (0x23, {0x9F0D: bytes(5)}, Tvr.ODA_NOT_PERFORMED, CryptogramType.AAC),
    ],
)
def test_action_analysis(
    terminal_type: int, card: dict[int, bytes], tvr: Tvr, asked: CryptogramType
) -> None:
    assert risk.action(card, tvr, with_codes(NO_CODES, terminal_type)) is asked


def test_the_tills_own_codes_count_as_the_cards_do() -> None:
    denial = replace(NO_CODES, denial=b"\0\x40\0\0\0")
    online = replace(NO_CODES, online=b"\0\x40\0\0\0")
    quiet = {0x9F0F: bytes(5)}
    assert risk.action(quiet, Tvr.EXPIRED, with_codes(denial)) is CryptogramType.AAC
    assert risk.action(quiet, Tvr.EXPIRED, with_codes(online)) is CryptogramType.ARQC
    with pytest.raises(ConfigurationError):
        replace(NO_CODES, default=b"")


@pytest.mark.parametrize(
    "data",
    [
        "",
        "800A80000741525143415251",  # cut short
        "7703 9F2701",
        "7713 9F270180 9F36020007 9F260841525143415251 43".replace(" ", "")[:-2],
        "7718 9F270180 9F270180 9F36020007 9F26084152514341525143",
        "7714 9F27028000 9F36020007 9F26074152514341525100",
        "7012 9F270180 9F36020007 9F260741525143415251",
    ],
)
def test_a_malformed_cryptogram_is_refused(data: str) -> None:
    with pytest.raises(DecodeError):
        cryptogram.read(bytes.fromhex(data))


@given(st.binary(max_size=60))
def test_no_answer_crashes_a_reader(data: bytes) -> None:
    for read in (cryptogram.read, processing_options, fci.directory, fci.application):
        try:
            read(data)
        except DecodeError:
            continue
