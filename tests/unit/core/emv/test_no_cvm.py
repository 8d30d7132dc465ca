"""Limits without a verification: there and back, what they allow, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.emv.no_cvm import COUNTRIES_MAX, NEVER, NoCvm, NoCvmLimit
from zheton.core.errors import DecodeError, EncodeError

_codes = st.integers(0, 999).map(lambda code: f"{code:03d}")
_limits = st.builds(NoCvmLimit, _codes, _codes, st.integers(0, 10**12 - 1))
_all = st.builds(
    NoCvm,
    st.integers(0, 255),
    st.lists(_limits, max_size=8, unique_by=lambda limit: limit.country).map(tuple),
)


@given(_all)
def test_there_and_back(limits: NoCvm) -> None:
    assert NoCvm.decode(limits.encode()) == limits


@given(_all, _codes, _codes, st.integers(0, 10**12))
def test_they_allow_up_to_the_countrys_limit(
    limits: NoCvm, country: str, currency: str, minor: int
) -> None:
    assert limits.allows(country, currency, minor) == any(
        each.country == country and each.currency == currency and each.minor >= minor
        for each in limits.limits
    )
    for each in limits.limits:
        assert limits.allows(each.country, each.currency, each.minor)
        assert not limits.allows(each.country, each.currency, each.minor + 1)
    assert not NEVER.allows(country, currency, 0)


@given(st.binary(max_size=40))
def test_no_bytes_upset_it(data: bytes) -> None:
    try:
        limits = NoCvm.decode(data)
    except DecodeError:
        return
    assert limits.encode() == data


@pytest.mark.parametrize("code", ["64", "6430", "６４３", "RUB"])
def test_codes_are_three_digits(code: str) -> None:
    with pytest.raises(EncodeError):
        NoCvmLimit(code, "643", 1)
    with pytest.raises(EncodeError):
        NoCvmLimit("643", code, 1)


def test_what_does_not_fit_a_card() -> None:
    for minor in (-1, 10**12):
        with pytest.raises(EncodeError):
            NoCvmLimit("643", "643", minor)
    one = NoCvmLimit("643", "643", 1)
    many = tuple(NoCvmLimit(f"{code:03d}", "643", 1) for code in range(COUNTRIES_MAX + 1))
    for debits, limits in ((-1, ()), (256, ()), (1, (one, one)), (1, many)):
        with pytest.raises(EncodeError):
            NoCvm(debits, limits)
