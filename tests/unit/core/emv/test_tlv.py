"""BER-TLV: round trips, the same as pyemv, bounds, and no input that crashes the decoder."""

import pyemv.tlv as oracle
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zheton.core.emv import tags, tlv
from zheton.core.errors import DecodeError, EncodeError

primitive = st.sampled_from(
    [tag for tag in sorted(tags.TAGS) if not tag >> 8 * (1 if tag > 0xFF else 0) & 0x20]
)
templates = st.sampled_from([0x61, 0x6F, 0x70, 0x77, 0xA5, 0xBF0C])
objects = st.lists(st.tuples(primitive, st.binary(max_size=300)), max_size=6)


@given(objects)
def test_round_trip(pairs: list[tuple[int, bytes]]) -> None:
    encoded = tlv.encode_all(pairs)
    decoded = tlv.decode(encoded)
    assert [(item.tag, item.value) for item in decoded] == pairs
    for item in decoded:
        piece = tlv.encode(item.tag, item.value)
        assert encoded[item.offset : item.offset + len(piece)] == piece


@given(objects, st.lists(templates, max_size=7))
def test_templates_nest(pairs: list[tuple[int, bytes]], nest: list[int]) -> None:
    encoded = tlv.encode_all(pairs)
    for tag in nest:
        encoded = tlv.encode(tag, encoded)
    inner = tlv.decode(encoded)
    for tag in reversed(nest):
        assert [item.tag for item in inner] == [tag]
        inner = inner[0].children
    assert [(item.tag, item.value) for item in inner] == pairs
    first = dict(reversed(pairs))
    assert tlv.flat(encoded) == first
    for tag, value in first.items():
        assert tlv.find(encoded, *reversed(nest), tag) == value


@given(st.dictionaries(primitive, st.binary(max_size=300), max_size=6))
def test_same_as_pyemv(values: dict[int, bytes]) -> None:
    encoded = tlv.encode_all(values.items())
    named = {f"{tag:02X}": value for tag, value in values.items()}
    assert encoded == oracle.encode(named)
    assert oracle.decode(encoded) == named


@given(st.binary(max_size=80))
@example(b"\x9f")
@example(b"\x70\x80\x00\x00")
@example(b"\x70\x03\x9f\x36\x01")
def test_no_bytes_crash_it(data: bytes) -> None:
    problems = []
    for read in (tlv.decode, tlv.flat):
        try:
            read(data)
        except DecodeError as error:
            assert error.field == "TLV" or error.field in {tag.name for tag in tags.TAGS.values()}
            assert 0 <= error.offset <= len(data)
            problems.append((error.problem, error.offset))
        else:
            problems.append(("", 0))
    assert problems[0] == problems[1]  # the two readers agree on what is wrong


@pytest.mark.parametrize(
    ("data", "problem", "offset"),
    [
        ("9F", "the tag is cut short", 0),
        ("9F8081", "the tag is too long", 0),
        ("9F80818201 00", "the tag is too long", 0),
        ("9F36", "the length is missing", 2),
        ("9F3680", "the form of the length is unknown", 2),
        ("9F368400000001 00", "the form of the length is unknown", 2),
        ("9F368201", "the length is cut short", 2),
        ("9F3602 01", "the value is cut short", 3),
        ("7003 9F3602 0102", "the value is cut short", 5),
    ],
)
def test_problems_are_placed(data: str, problem: str, offset: int) -> None:
    with pytest.raises(DecodeError) as refused:
        tlv.decode(bytes.fromhex(data))
    assert (refused.value.problem, refused.value.offset) == (problem, offset)


def test_errors_name_no_unknown_tag_and_no_digit() -> None:
    with pytest.raises(DecodeError) as refused:
        tlv.decode(bytes.fromhex("5A08 541333"))
    assert str(refused.value).startswith("Application Primary Account Number at byte 2")
    with pytest.raises(DecodeError) as refused:
        tlv.decode(bytes.fromhex("5413330089"))  # a card number that is no TLV
    assert refused.value.field == "TLV"
    assert "54" not in str(refused.value)


def test_zeros_between_objects_mean_nothing() -> None:
    data = bytes.fromhex("00 9F36020001 0000 70 06 00 9501AA 00 00 00".replace(" ", ""))
    assert tlv.flat(data) == {0x9F36: b"\x00\x01", 0x95: b"\xaa"}
    assert [item.offset for item in tlv.decode(data)] == [1, 8]


def test_longer_lengths_than_needed_are_read() -> None:
    for length in ("8102", "820002", "83000002"):
        assert tlv.flat(bytes.fromhex(f"9F36{length}0001")) == {0x9F36: b"\x00\x01"}


def test_bounds() -> None:
    nested = b""
    for _ in range(tlv.DEPTH_MAX):
        nested = tlv.encode(0x70, nested)
    tlv.decode(nested)
    many = b"\x95\x00" * tlv.COUNT_MAX
    tlv.decode(many)
    for data, problem in (
        (tlv.encode(0x70, nested), "nested too deep"),
        (many + b"\x95\x00", "too many"),
        (bytes(tlv.DATA_BYTES_MAX + 1), "longer than any message"),
    ):
        for read in (tlv.decode, tlv.flat):
            with pytest.raises(DecodeError, match=problem):
                read(data)


@pytest.mark.parametrize("tag", [-1, 0, 0x1F, 0x9F, 0x9F80, 0x9536, 0x009F36 << 16, 0x9F818182])
def test_tags_that_are_none_are_not_written(tag: int) -> None:
    with pytest.raises(EncodeError, match="not one of 1 to 3 bytes"):
        tlv.encode(tag, b"")


def test_values_that_are_too_long_are_not_written() -> None:
    with pytest.raises(EncodeError, match="at most 65535 bytes"):
        tlv.encode(tags.TRACK_2_EQUIVALENT_DATA, bytes(65_536))


def test_find_says_none() -> None:
    data = bytes.fromhex("6F07A5059F38029505")
    assert tlv.find(data, 0x6F, 0xA5, 0x50) is None
    assert tlv.find(data, 0x77) is None
    assert tlv.find(data) is None


def test_values_do_not_show() -> None:
    shown = repr(tlv.decode(bytes.fromhex("5A085413330089600010")))
    assert shown == "(Tlv(5A, <8 bytes>, offset=0),)"
