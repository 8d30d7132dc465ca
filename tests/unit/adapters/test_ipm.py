"""Clearing files: they round-trip, other software reads them, and damage is found out."""

import io
import logging
from dataclasses import replace
from datetime import date, datetime

import pytest
from cardutil.config import config
from cardutil.mciipm import IpmReader
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.adapters.ipm import FILE_BYTES_MAX, read, write
from zheton.core.clearing import CardAcceptor, ClearingFile, Presentment
from zheton.core.errors import DecodeError, EncodeError
from zheton.core.money import BY_CODE, Money

SHOP = CardAcceptor("SHOP0001", "Kofeinya", "Moskva", "RUS", "0742", "TILL0001")
DEBIT = Presentment(
    number="5204730000000008",
    expiry="2912",
    processing_code="000000",
    amount=Money(35000, BY_CODE["RUB"]),
    acquirer_id="220001",
    acceptor=SHOP,
    auth_code="123456",
    retrieval_reference="932612000001",
    stan="000001",
    local_time=datetime.fromisoformat("2019-08-30T12:34:56"),
    par="50010000000000000000000000000",
)
FILE = ClearingFile("220001", date(2019, 8, 30), 7, (DEBIT, replace(DEBIT, stan="000002")))

CAPITALS = st.characters(min_codepoint=65, max_codepoint=90)


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


def words(most: int) -> st.SearchStrategy[str]:
    shown = st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\")
    return st.text(shown, max_size=most).map(str.strip)


ACCEPTORS = st.builds(
    CardAcceptor,
    id=words(15),
    name=words(22),
    city=words(13),
    country=st.text(CAPITALS, min_size=3, max_size=3),
    category_code=digits(4, 4),
    terminal=words(8),
)
PRESENTMENTS = st.builds(
    Presentment,
    number=digits(12, 19),
    expiry=digits(4, 4),
    processing_code=st.sampled_from(["000000", "200000"]),
    amount=st.builds(Money, st.integers(0, 10**12 - 1), st.sampled_from(list(BY_CODE.values()))),
    acquirer_id=digits(1, 11),
    acceptor=ACCEPTORS,
    auth_code=st.one_of(st.just(""), digits(6, 6)),
    retrieval_reference=digits(12, 12),
    stan=digits(6, 6),
    local_time=st.datetimes(
        datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2068-12-31")
    ).map(lambda moment: moment.replace(microsecond=0)),
    par=st.one_of(st.just(""), words(29)),
)


@settings(max_examples=60, deadline=None)
@given(
    sender=digits(1, 11),
    day=st.dates(date(2000, 1, 1), date(2068, 12, 31)),
    sequence=st.integers(1, 99_999),
    presentments=st.lists(PRESENTMENTS, max_size=4).map(tuple),
)
def test_what_is_written_is_read(
    sender: str, day: date, sequence: int, presentments: tuple[Presentment, ...]
) -> None:
    file = ClearingFile(sender, day, sequence, presentments)
    assert read(write(file)) == file


def test_other_software_reads_the_file() -> None:
    ours = {
        "11": {"field_name": "", "field_type": "FIXED", "field_length": 6},
        "56": {"field_name": "", "field_type": "LLVAR", "field_length": 0},
    }
    reader = IpmReader(io.BytesIO(write(FILE)), iso_config=config["bit_config"] | ours)
    header, first, second, trailer = reader
    assert (header["MTI"], header["DE24"], header["PDS0105"]) == ("1644", "697", FILE.id)
    assert (first["MTI"], first["DE24"], first["DE4"]) == ("1240", "200", 35000)
    assert (first["DE43_NAME"], first["DE43_SUBURB"]) == ("Kofeinya", "Moskva")
    assert (first["DE43_COUNTRY"], first["DE12"]) == ("RUS", DEBIT.local_time)
    assert (first["DE71"], second["DE71"], trailer["DE71"]) == (2, 3, 4)
    assert (trailer["PDS0301"], trailer["PDS0306"]) == (f"{70000:016d}", "00000004")


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, len(write(FILE)) - 1))
def test_a_cut_file_is_found_out(place: int) -> None:
    with pytest.raises(DecodeError) as caught:
        read(write(FILE)[:place])
    assert DEBIT.number not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, len(write(FILE)) - 1), value=st.integers(0, 255))
def test_a_changed_byte_never_crashes(place: int, value: int) -> None:
    data = bytearray(write(FILE))
    data[place] = value
    try:
        read(bytes(data))
    except DecodeError as error:
        assert DEBIT.number not in str(error)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    for attempt in (data, data + bytes(4), write(FILE)[:-4] + data + bytes(4)):
        if attempt != write(FILE):
            with pytest.raises(DecodeError):
                read(attempt)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (b"000000035000", b"000000035001", "PDS0301"),
        (b"000000035000", b"00000003500x", "DE4"),
        (b"030600800000004", b"030600800000003", "PDS0306"),
        (b"030600800000004", b"0306-0700000004", "DE48"),
        (b"030600800000004", b"030699900000004", "DE48"),
        (b"0105025002190830", b"0105025002191330", "PDS0105"),
        (b"190830123456", b"191330123456", "DE12"),
        (b"643", b"000", "DE49"),
        (b"5204730000000008", b"520473000000000x", "DE2"),
        (b"\\", b"/", "DE43"),
        (b"1240", b"1442", "MTI"),
    ],
)
def test_damage_is_named(old: bytes, new: bytes, named: str) -> None:
    data = write(FILE)
    assert old in data
    with pytest.raises(DecodeError) as caught:
        read(data.replace(old, new))
    assert caught.value.field == named


def test_a_record_that_is_missing_or_twice_is_found_out() -> None:
    parts = _records(write(FILE))
    for wrong in (
        parts[:2] + parts[3:],
        parts[:3] + parts[2:],
        parts[1:],
        parts[:3],
        [*parts, parts[1]],
        [parts[0], *parts],
    ):
        with pytest.raises(DecodeError):
            read(b"".join(wrong) + bytes(4))


def _records(data: bytes) -> list[bytes]:
    parts, at = [], 0
    while size := int.from_bytes(data[at : at + 4]):
        parts.append(data[at : at + 4 + size])
        at += 4 + size
    return parts


def test_the_trailer_of_another_file_is_refused() -> None:
    other = _records(write(replace(FILE, sequence=8)))
    mixed = _records(write(FILE))[:3] + other[3:]
    with pytest.raises(DecodeError) as caught:
        read(b"".join(mixed) + bytes(4))
    assert caught.value.field == "PDS0105"


def test_a_file_is_bounded() -> None:
    with pytest.raises(DecodeError):
        read(bytes(FILE_BYTES_MAX + 1))


def test_a_backslash_has_no_place_in_a_name() -> None:
    shop = replace(SHOP, name="Kofe\\inya")
    with pytest.raises(EncodeError):
        write(replace(FILE, presentments=(replace(DEBIT, acceptor=shop),)))


def test_no_card_number_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        read(write(FILE))
    assert DEBIT.number not in caplog.text
