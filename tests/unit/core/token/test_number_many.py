"""A run of numbers is what its indexes give one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.errors import EncodeError
from zheton.core.token.number import TokenRange

RANGES = [TokenRange(token_bin, bytes(range(32))) for token_bin in ("520473", "62355312")]


@given(st.sampled_from(RANGES), st.floats(0, 1), st.integers(0, 70))
def test_the_same_as_one_by_one(numbers: TokenRange, share: float, count: int) -> None:
    first = int(share * (numbers.size - count))
    assert numbers.numbers(first, count) == [numbers.number(first + i) for i in range(count)]


@pytest.mark.parametrize("numbers", RANGES, ids=repr)
def test_it_ends_where_the_range_ends(numbers: TokenRange) -> None:
    last = numbers.size - 1
    assert [numbers.index(n) for n in numbers.numbers(last - 1, 2)] == [last - 1, last]
    with pytest.raises(EncodeError, match="outside"):
        numbers.numbers(last, 2)
