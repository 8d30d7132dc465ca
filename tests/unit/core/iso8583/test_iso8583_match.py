"""Pairing of answers, DE90, and the subelements of DE48."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.core.errors import DecodeError, EncodeError
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.match import (
    Original,
    decode_original,
    is_request,
    key,
    original_of,
    response_mti,
)
from zheton.core.iso8583.message import Message

REQUEST = Message(
    "0100",
    {2: "5413330089010012", 7: "1122093000", 11: "000123", 32: "400001", 37: "632609000123"},
)


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.from_regex(f"[0-9]{{{least},{most}}}", fullmatch=True)


def test_an_answer_has_the_key_of_its_request() -> None:
    assert key(REQUEST.with_fields({39: "00"}, mti="0110")) == key(REQUEST)


@pytest.mark.parametrize("number", [7, 11, 32, 37])
def test_every_part_of_the_key_tells_requests_apart(number: int) -> None:
    assert key(REQUEST.with_fields({number: "9" * len(REQUEST.text(number))})) != key(REQUEST)
    assert key(REQUEST.with_fields({}, mti="0400")) != key(REQUEST)


@pytest.mark.parametrize("number", [7, 11])
def test_what_cannot_be_matched_is_refused(number: int) -> None:
    with pytest.raises(DecodeError, match=f"DE{number}"):
        key(REQUEST.with_fields({}, drop=(number,)))


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("0100", "0110"),
        ("0101", "0110"),
        ("0102", "0112"),
        ("0103", "0112"),
        ("0120", "0130"),
        ("0121", "0130"),
        ("0400", "0410"),
        ("0420", "0430"),
        ("0800", "0810"),
    ],
)
def test_mti_of_the_answer(asked: str, answered: str) -> None:
    assert response_mti(asked) == answered
    assert is_request(asked) and not is_request(answered)


def test_an_answer_has_no_answer() -> None:
    with pytest.raises(EncodeError, match="MTI"):
        response_mti("0110")


@given(digits(4, 4), digits(6, 6), digits(10, 10), digits(0, 11), digits(0, 11))
@settings(max_examples=50)
def test_original_data_elements_round_trip(
    mti: str, stan: str, transmitted: str, acquirer: str, forwarder: str
) -> None:
    original = Original(mti, stan, transmitted, acquirer.lstrip("0"), forwarder.lstrip("0"))
    assert len(original.encode()) == 42
    assert decode_original(original.encode()) == original


def test_a_reversal_names_its_original() -> None:
    assert original_of(REQUEST).encode() == "0100000123112209300000000400001" + "0" * 11


@pytest.mark.parametrize("text", ["", "1" * 41, "1" * 43, "1" * 41 + "x", "٣" * 42])
def test_a_de90_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(DecodeError, match="DE90"):
        decode_original(text)


def test_an_original_that_does_not_fit_is_refused() -> None:
    with pytest.raises(EncodeError, match="acquirer"):
        Original("0100", "000123", "1122093000", "4" * 12, "").encode()
    with pytest.raises(EncodeError, match="stan"):
        Original("0100", "ABC123", "1122093000", "4", "").encode()


NUMBERS = digits(2, 2)
TEXTS = st.from_regex("[ -~]{0,30}", fullmatch=True)


@given(st.dictionaries(NUMBERS, TEXTS, max_size=8))
@settings(max_examples=60)
def test_subelements_round_trip(wanted: dict[str, str]) -> None:
    assert subelements.decode(subelements.encode(wanted)) == wanted


@given(st.text(max_size=40))
@settings(max_examples=100)
def test_no_text_crashes_the_decoder_of_subelements(text: str) -> None:
    try:
        found = subelements.decode(text)
    except DecodeError as error:
        assert error.field.startswith("DE48") and error.offset <= len(text)
    else:
        assert "".join(f"{n}{len(v):02d}{v}" for n, v in found.items()) == text


def test_subelements_cut_anywhere_are_refused() -> None:
    text = subelements.encode({"25": "TAR", "92": "123456"})
    whole = {0, len("2503TAR"), len(text)}
    for size in set(range(len(text))) - whole:
        with pytest.raises(DecodeError):
            subelements.decode(text[:size])


@pytest.mark.parametrize("text", ["92061234562503TAR", "2503TAR2503TAR"])
def test_subelements_rise(text: str) -> None:
    with pytest.raises(DecodeError, match="rise"):
        subelements.decode(text)


@pytest.mark.parametrize("wrong", [{"9": "x"}, {"AB": "x"}, {"92": "x" * 100}, {"92": "\n"}])
def test_subelements_that_do_not_fit_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(EncodeError, match="DE48"):
        subelements.encode(wrong)
