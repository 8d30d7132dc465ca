"""Numbers and indexes are each other's image, and nothing else is a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.errors import ConfigurationError, EncodeError
from zheton.core.token.number import TokenRange
from zheton.core.token.pan import luhn_digit

SHORT = TokenRange("520473", bytes(range(32)))
LONG = TokenRange("62355312", bytes(range(32)))
RANGES = pytest.mark.parametrize("numbers", [SHORT, LONG], ids=["6 digits", "8 digits"])


@RANGES
@given(share=st.floats(0, 1, exclude_max=True))
def test_every_index_comes_back(numbers: TokenRange, share: float) -> None:
    index = int(share * numbers.size)
    number = numbers.number(index)
    assert len(number) == 16
    assert number.startswith(numbers.bin)
    assert luhn_digit(number[:-1]) == number[-1]
    assert numbers.index(number) == index


@RANGES
def test_the_ends_of_the_range(numbers: TokenRange) -> None:
    assert numbers.size == 10 ** (15 - len(numbers.bin))
    for index in (0, numbers.size - 1):
        assert numbers.index(numbers.number(index)) == index
    for index in (-1, numbers.size):
        with pytest.raises(EncodeError):
            numbers.number(index)


@RANGES
def test_neighbours_are_all_distinct_and_look_unlike(numbers: TokenRange) -> None:
    made = [numbers.number(index) for index in range(5000)]
    assert len(set(made)) == len(made)
    assert made != sorted(made)


@RANGES
@given(st.data())
def test_nothing_else_is_a_number(numbers: TokenRange, data: st.DataObject) -> None:
    number = numbers.number(data.draw(st.integers(0, numbers.size - 1)))
    wrong_check = number[:-1] + str((int(number[-1]) + data.draw(st.integers(1, 9))) % 10)
    other_body = "4" + number[1:-1]
    for strange in (
        wrong_check,
        other_body + luhn_digit(other_body),
        number[:-1],
        number + "0",
        number[:-1] + "٣",
        number[:-1] + "x",
        " " + number[1:],
        "",
    ):
        assert numbers.index(strange) is None


@given(st.text(max_size=20))
def test_any_text_is_an_index_or_none(text: str) -> None:
    index = SHORT.index(text)
    assert index is None or SHORT.number(index) == text


def test_another_key_or_bin_is_another_order() -> None:
    other_key = TokenRange("520473", bytes(32))
    other_bin = TokenRange("520474", bytes(range(32)))
    same = [n for n in range(200) if SHORT.number(n) == other_key.number(n)]
    assert len(same) < 5
    same = [n for n in range(200) if SHORT.number(n)[6:15] == other_bin.number(n)[6:15]]
    assert len(same) < 5


@pytest.mark.parametrize("token_bin", ["", "52047", "5204731", "520473123", "52047x", "٥٢٠٤٧٣"])
def test_a_bin_has_six_or_eight_digits(token_bin: str) -> None:
    with pytest.raises(ConfigurationError):
        TokenRange(token_bin, bytes(32))


def test_it_prints_no_key() -> None:
    assert repr(SHORT) == "TokenRange(520473)"
