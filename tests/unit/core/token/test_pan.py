"""A card number shows itself to nobody but who asks for it by name."""

import copy
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.errors import EncodeError
from zheton.core.token.pan import Pan, luhn_digit, mask

DIGITS = "5413330089600010"
BODIES = st.text("0123456789", min_size=11, max_size=18)


@pytest.mark.parametrize(
    "digits", [DIGITS, "4111111111111111", "30569309025904", "6200000000000005"]
)
def test_known_numbers_pass(digits: str) -> None:
    assert Pan(digits).reveal() == digits


@given(BODIES)
def test_exactly_one_last_digit_is_right(body: str) -> None:
    right = []
    for digit in "0123456789":
        try:
            right.append(Pan(body + digit).reveal()[-1])
        except EncodeError:
            continue
    assert right == [luhn_digit(body)]


@given(BODIES, st.data())
def test_one_mistyped_digit_is_always_noticed(body: str, data: st.DataObject) -> None:
    digits = body + luhn_digit(body)
    at = data.draw(st.integers(0, len(digits) - 1))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != digits[at]]))
    with pytest.raises(EncodeError):
        Pan(digits[:at] + other + digits[at + 1 :])


@given(st.text())
def test_any_text_is_a_number_or_an_error_that_does_not_repeat_it(text: str) -> None:
    try:
        Pan(text)
    except EncodeError as error:
        digits = "".join(filter(str.isdigit, text))
        assert len(digits) < 6 or digits not in str(error)


@pytest.mark.parametrize("digits", ["", "1" * 11, "1" * 20, "٠" * 16, "5413 3300 8960 001x"])
def test_another_shape_is_refused(digits: str) -> None:
    with pytest.raises(EncodeError):
        Pan(digits)


def test_blanks_and_dashes_are_how_people_type() -> None:
    assert Pan("5413-3300 8960-0010") == Pan(DIGITS)
    assert hash(Pan("5413 3300 8960 0010")) == hash(Pan(DIGITS))
    assert Pan(DIGITS) != DIGITS
    assert Pan(DIGITS).last4 == "0010"


def test_no_way_of_printing_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    pan = Pan(DIGITS)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r %s", pan, pan, {"pan": [pan]})
    shown = [
        str(pan),
        repr(pan),
        f"{pan}",
        f"{pan!s:>40}",
        caplog.text,
    ]
    for text in shown:
        assert "541333******0010" in text
        assert DIGITS not in text
        assert "0089" not in text


def test_it_does_not_travel_by_pickle_or_copy() -> None:
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            carry(Pan(DIGITS))
    assert not hasattr(Pan(DIGITS), "__dict__")


@given(st.text("0123456789", max_size=19))
def test_a_mask_hides_all_but_ten_digits(digits: str) -> None:
    shown = mask(digits)
    if len(digits) > 10:
        assert len(shown) == len(digits)
        assert shown.count("*") == len(digits) - 10
    else:
        assert shown == "****"
