"""Slots, signed masks and counters, over their whole ranges."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.token.batch import (
    BATCH_SIZE,
    BUCKETS,
    GENERATIONS_MAX,
    Batch,
    Slot,
    application_transaction_counter,
    signed,
    slot,
)
from zheton.core.token.domain import Channel, Device
from zheton.core.token.lifecycle import BatchStatus


@given(st.integers(0, 10**9 - 1))
def test_a_slot_is_where_its_index_lies(index: int) -> None:
    at = slot(index)
    assert at.batch * BATCH_SIZE + at.place == index
    assert 0 <= at.place < BATCH_SIZE
    assert 0 <= at.bucket < BUCKETS
    assert slot(at.batch * BATCH_SIZE).bucket == at.bucket


def test_masks_are_64_single_bits_as_databases_keep_them() -> None:
    masks = [Slot(0, place).mask for place in range(BATCH_SIZE)]
    assert all(-(1 << 63) <= mask < 1 << 63 for mask in masks)
    assert masks[63] == -(1 << 63)
    assert [mask & (1 << 64) - 1 for mask in masks] == [1 << place for place in range(64)]
    together = 0
    for mask in masks:
        assert together & mask == 0
        together |= mask
    assert together == -1


@given(st.integers(0, (1 << 64) - 1))
def test_a_signed_map_has_the_same_bits(bits: int) -> None:
    assert signed(bits) & (1 << 64) - 1 == bits
    assert signed(bits).to_bytes(8, "big", signed=True) == bits.to_bytes(8, "big")


@given(st.integers(0, (1 << 64) - 1))
def test_what_is_left_is_what_is_not_burnt(bits: int) -> None:
    batch = Batch(
        bin="520473",
        batch=130,
        generation=0,
        status=BatchStatus.ACTIVE,
        card="c",
        enrolment="e",
        device_id="d",
        device=Device.BAND,
        channel=Channel.TILL,
        key_version=1,
        expiry="1912",
        until=datetime(2019, 12, 31, tzinfo=UTC),
        burnt=signed(bits),
    )
    assert batch.left == f"{bits:064b}".count("0")
    assert (batch.bucket, batch.first_index) == (2, 8320)


def test_no_counter_comes_twice_in_any_generation() -> None:
    counters = [
        application_transaction_counter(generation, place)
        for generation in range(GENERATIONS_MAX + 1)
        for place in range(BATCH_SIZE)
    ]
    assert len(set(counters)) == len(counters)
    assert (min(counters), max(counters)) == (1, 65472)


@pytest.mark.parametrize(
    ("generation", "place"), [(-1, 0), (GENERATIONS_MAX + 1, 0), (0, -1), (0, 64)]
)
def test_no_counter_lies_outside(generation: int, place: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        application_transaction_counter(generation, place)
