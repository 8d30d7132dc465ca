"""Numbers written at once are what they are one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.crypto import digits_many
from zheton.core.crypto.digits_many import with_luhn_digit
from zheton.core.token.pan import luhn_digit

PREFIXES = st.text("0123456789", min_size=1, max_size=9)


def one_by_one(prefix: str, numbers: list[int], width: int) -> list[str]:
    bodies = [f"{prefix}{number:0{width}d}" for number in numbers]
    return [body + luhn_digit(body) for body in bodies]


@given(PREFIXES, st.integers(1, 10), st.data())
def test_the_same_as_one_by_one(prefix: str, width: int, data: st.DataObject) -> None:
    numbers = [0, 10**width - 1, *data.draw(st.lists(st.integers(0, 10**width - 1), max_size=9))]
    written = with_luhn_digit(prefix, np.array(numbers, dtype=np.uint64), width)
    assert written == one_by_one(prefix, numbers, width)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 35])
def test_over_every_cut_into_parts(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits_many, "_ROWS", 10)
    numbers = np.arange(count, dtype=np.uint64)
    assert with_luhn_digit("520473", numbers, 9) == one_by_one("520473", list(range(count)), 9)
