"""Amounts as people write them, and nothing else that Python would take for a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.errors import ConfigurationError
from zheton.core.money import AMOUNT_MINOR_MAX, BY_CODE, Money, money


@given(st.sampled_from(sorted(BY_CODE)), st.integers(0, AMOUNT_MINOR_MAX))
def test_what_is_shown_can_be_typed_again(code: str, minor: int) -> None:
    shown, _, unit = str(Money(minor, BY_CODE[code])).partition(" ")
    assert unit == code
    assert money(shown, code).minor == minor


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "abc",
        "-5",
        "+5",
        "1e3",
        "1_000",
        "1,50",
        ".5",
        "5.",
        "NaN",
        "Infinity",
        "٣٥٠",
        "350\n",
    ],
)
def test_what_nobody_means_as_an_amount_is_refused(typed: str) -> None:
    with pytest.raises(ConfigurationError, match="is no amount"):
        money(typed, "RUB")


def test_fractions_of_the_minor_unit_and_too_much_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="2 digits after the point"):
        money("1.005", "RUB")
    with pytest.raises(ConfigurationError, match="0 digits after the point"):
        money("1.5", "JPY")
    with pytest.raises(ConfigurationError, match="minor units"):
        money("999999999999", "RUB")
    with pytest.raises(ConfigurationError, match="no currency"):
        money("1", "XYZ")
