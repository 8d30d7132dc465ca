"""The exhaustion model: the world's figures, its laws, and a system in small that obeys it."""

import math
from collections import deque
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.errors import ConfigurationError
from zheton.core.token.capacity import Capacity, Demand, capacity, usable

MASTERCARD_2025 = Demand(5565, window_days=180)  # debits a second on average

DEMANDS = st.builds(
    Demand,
    debits_per_s=st.floats(0, 1e5),
    window_days=st.floats(0, 1000),
    fill_days=st.floats(0, 400),
    devices=st.integers(0, 10**10),
    batches_per_device=st.floats(0, 20),
    unused_share=st.floats(0, 0.99),
    batch_size=st.integers(1, 4096),
)


def test_the_figures_of_the_design() -> None:
    at_rest = capacity(MASTERCARD_2025)
    assert f"{at_rest.numbers:.1e}" == "8.7e+10"
    assert at_rest.bins(6) == 87
    with_bands = capacity(replace(MASTERCARD_2025, devices=10**8, batches_per_device=3))
    assert math.ceil(with_bands.waiting / usable(6)) == 20  # "some 20 more"
    assert with_bands.bins(6) == 106  # the two together round up once
    assert with_bands.bins(8) == 10_575


def test_without_recycling_a_bin_is_soon_gone() -> None:
    found = capacity(MASTERCARD_2025)
    assert found.days_of_a_bin(6) == pytest.approx(2.08, abs=0.005)
    assert found.days_of_a_bin(8) == pytest.approx(0.0208, abs=0.00005)
    assert capacity(Demand(0, window_days=180)).days_of_a_bin(6) is None


def test_the_three_parts_by_hand() -> None:
    found = capacity(
        Demand(
            debits_per_s=10,
            window_days=3,
            fill_days=2,
            devices=1000,
            batches_per_device=1.5,
            unused_share=0.2,
            batch_size=32,
        )
    )
    assert found.resting == 12.5 * 3 * 86_400
    assert found.filling == 12.5 * 2 * 86_400
    assert found.waiting == 1000 * 1.5 * 32
    assert found.numbers == found.resting + found.filling + found.waiting


MORE = ("debits_per_s", "window_days", "fill_days", "devices", "batches_per_device")


@given(DEMANDS, st.sampled_from(MORE), st.integers(0, 10**6))
def test_more_of_anything_never_needs_fewer_bins(demand: Demand, what: str, more: int) -> None:
    before, after = (
        capacity(demand),
        capacity(replace(demand, **{what: getattr(demand, what) + more})),
    )
    for digits in (6, 8):
        assert after.bins(digits) >= before.bins(digits)


@given(DEMANDS, st.floats(0, 0.99))
def test_more_waste_never_needs_fewer_bins(demand: Demand, unused: float) -> None:
    wasteful = replace(demand, unused_share=max(unused, demand.unused_share))
    assert capacity(wasteful).bins(6) >= capacity(demand).bins(6)


@given(DEMANDS)
def test_the_bins_hold_all_and_one_fewer_would_not(demand: Demand) -> None:
    found = capacity(demand)
    for digits in (6, 8):
        bins, size = found.bins(digits), usable(digits, demand.batch_size)
        assert bins * size >= found.numbers * (1 - 1e-12) - 1e-6  # a float's last digits
        assert bins == 0 or (bins - 1) * size < found.numbers
    assert found.bins(8) >= found.bins(6)


@given(st.sampled_from((6, 8)), st.integers(1, 10**6))
def test_usable_numbers_are_whole_batches(digits: int, batch_size: int) -> None:
    size = usable(digits, batch_size)
    assert size % batch_size == 0
    assert 10 ** (15 - digits) - size < batch_size


@pytest.mark.parametrize(("fill", "window"), [(4, 30), (10, 5), (0, 20)])
def test_a_system_in_small_settles_at_what_the_model_says(fill: int, window: int) -> None:
    """Day by day: batches begin, are spent in `fill` days, rest for `window` and come back."""
    size, begun_a_day, used = 10, 7, 8
    out: deque[int] = deque()  # the day on which each batch is free again
    for day in range(200):
        while out and out[0] <= day:
            out.popleft()
        out.extend([day + fill + window] * begun_a_day)
    rate = begun_a_day * used / 86_400
    found = capacity(
        Demand(rate, window, fill_days=fill, unused_share=1 - used / size, batch_size=size)
    )
    assert len(out) * size == pytest.approx(found.numbers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"debits_per_s": -1},
        {"debits_per_s": math.nan},
        {"debits_per_s": math.inf},
        {"window_days": -0.1},
        {"fill_days": math.nan},
        {"devices": -1},
        {"batches_per_device": 1e13},
        {"unused_share": 1},
        {"unused_share": -0.1},
        {"unused_share": math.nan},
        {"batch_size": 0},
        {"batch_size": 10**7},
    ],
)
def test_demands_without_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        replace(MASTERCARD_2025, **wrong)


def test_the_largest_demand_is_still_a_number() -> None:
    most: Capacity = capacity(Demand(1e12, 1e12, 1e12, 10**12, 1e12, 0.999999, 10**6))
    assert most.bins(8) > most.bins(6) > 0
