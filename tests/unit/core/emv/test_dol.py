"""Data object lists: every rule of Book 3, 5.4, and no list that crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.emv import dol, tags
from zheton.core.errors import DecodeError

entries = st.lists(
    st.tuples(st.sampled_from(sorted(tags.TAGS)), st.integers(0, 40)), max_size=12
).map(lambda items: b"".join(_entry(tag, length) for tag, length in items))


def _entry(tag: int, length: int) -> bytes:
    return tag.to_bytes(1 if tag < 0x100 else 2) + bytes((length,))


@pytest.mark.parametrize(
    ("tag", "length", "value", "expected"),
    [
        pytest.param(0x9F02, 6, "000000035000", "000000035000", id="it fits"),
        pytest.param(0x9F02, 3, "000000035000", "035000", id="numeric keeps its right end"),
        pytest.param(0x9F02, 6, "3500", "000000003500", id="numeric is padded on the left"),
        pytest.param(0x9F02, 0, "3500", "", id="nothing is asked"),
        pytest.param(0x5A, 10, "5413330089600010", "5413330089600010FFFF", id="cn is padded by F"),
        pytest.param(0x5A, 4, "5413330089600010", "54133300", id="cn keeps its left end"),
        pytest.param(0x9F37, 2, "A1B2C3D4", "A1B2", id="binary keeps its left end"),
        pytest.param(0x9F37, 6, "A1B2C3D4", "A1B2C3D40000", id="binary is padded on the right"),
        pytest.param(0x9F4E, 4, "4142", "41420000", id="ans is padded on the right"),
        pytest.param(0xDF01, 2, "A1", "A100", id="an unknown tag that we hold counts as binary"),
    ],
)
def test_cut_and_pad(tag: int, length: int, value: str, expected: str) -> None:
    built = dol.build(_entry(tag, length), {tag: bytes.fromhex(value)})
    assert built.hex().upper() == expected


def test_what_is_not_there_becomes_zeros() -> None:
    assert dol.build(bytes.fromhex("5A029F0202DF0102"), {}) == bytes(6)


@given(entries, st.data())
def test_build_gives_what_the_list_asks(asked: bytes, data: st.DataObject) -> None:
    if len(asked) > dol.DOL_BYTES_MAX:
        return
    parsed = dol.parse(asked)
    values = {tag: data.draw(st.binary(max_size=20)) for tag, _ in parsed}
    built = dol.build(asked, values)
    assert len(built) == sum(length for _, length in parsed)
    assert dol.build(asked, dol.split(asked, built)) != b"" or not built
    for tag, value in dol.split(asked, built).items():
        if len(values[tag]) == len(value):
            assert value == values[tag]


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_no_bytes_crash_it(asked: bytes, answer: bytes) -> None:
    try:
        dol.parse(asked)
        dol.split(asked, answer)
    except DecodeError as error:
        assert error.field in ("TLV", "DOL", "DOL data")
        assert 0 <= error.offset <= max(len(asked), len(answer))


def test_problems_are_placed() -> None:
    for asked, field, offset in (("9F37", "DOL", 2), ("9F", "TLV", 0), ("9500" * 127, "DOL", 252)):
        with pytest.raises(DecodeError) as refused:
            dol.parse(bytes.fromhex(asked))
        assert (refused.value.field, refused.value.offset) == (field, offset)
    with pytest.raises(DecodeError, match="asks for 4 bytes, 3 came") as refused:
        dol.split(bytes.fromhex("9F3704"), bytes(3))
    assert refused.value.offset == 3


def test_the_first_of_a_repeated_tag_wins() -> None:
    assert dol.split(bytes.fromhex("95019501"), b"\x01\x02") == {0x95: b"\x01"}
