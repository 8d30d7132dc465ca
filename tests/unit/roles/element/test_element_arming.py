"""Windows: one credential each, never one number in two of them, nothing lost in silence."""

from datetime import UTC, datetime

import pytest

from tests.unit.roles.element.conftest import (
    MASTERCARD,
    UNIONPAY,
    Bench,
    make_package,
    make_profile,
    tags_of,
)
from zheton.core.errors import UnreachableError
from zheton.roles.element.arming import Armed, NotArmed
from zheton.roles.element.words import Refusal

CDOL1_BYTES = 33


def number_of(bench: Bench) -> bytes:
    assert bench.initiate().ok
    return tags_of(bench.nfc("00B2011400"))[0x5A]


def refusal_of(result: object) -> Refusal:
    assert isinstance(result, NotArmed)
    assert result.text.endswith(".")
    return result.refusal


def test_arming_tells_the_screen_what_it_did(bench: Bench) -> None:
    bench.wear()
    result = bench.element.arm(bench.now)
    assert isinstance(result, Armed)
    assert (result.label, result.credentials_left) == ("MASTERCARD", 4)
    assert (result.until - bench.now).seconds == 60
    status = bench.element.status(bench.now)
    assert (status.armed_card, status.armed_until) == (result.card_ref, result.until)


def test_taken_off_it_does_not_arm(bench: Bench) -> None:
    bench.wear()
    bench.element.take_off()
    assert refusal_of(bench.element.arm(bench.now)) is Refusal.OFF_WRIST
    assert bench.initiate().sw == 0x6985


def test_a_device_without_the_sensor_is_not_asked_whether_it_is_worn() -> None:
    bench = Bench(device="ring")
    bench.load()
    assert isinstance(bench.element.arm(bench.now), Armed)


def test_no_card_no_credentials_or_not_valid_today() -> None:
    bench = Bench()
    bench.wear()
    assert refusal_of(bench.element.arm(bench.now)) is Refusal.NO_CARD
    bench.load(size=1)
    for moment in (datetime(2031, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)):
        result = bench.element.arm(moment)
        assert refusal_of(result) is Refusal.EXPIRED
    bench.arm()
    assert bench.initiate().ok
    assert bench.generate(bytes(CDOL1_BYTES)).ok
    result = bench.element.arm(bench.now)
    assert refusal_of(result) is Refusal.NO_CREDENTIALS
    result = bench.element.arm(bench.now, card_ref=bytes(16))
    assert refusal_of(result) is Refusal.NO_CARD


def test_the_window_closes_by_itself(bench: Bench) -> None:
    bench.arm()
    bench.wait(59)
    assert bench.initiate().ok
    bench.wait(2)
    assert bench.nfc("00B2011400").sw == 0x6985
    assert bench.generate(bytes(CDOL1_BYTES)).sw == 0x6985
    assert bench.element.status(bench.now).armed_until is None


def test_a_clock_set_back_closes_the_window(bench: Bench) -> None:
    bench.arm()
    bench.wait(-1)
    assert bench.initiate().sw == 0x6985


def test_disarming_and_taking_off_close_the_window(bench: Bench) -> None:
    for close in (bench.element.disarm, bench.element.take_off, bench.element.power_off):
        bench.arm()
        close()
        assert bench.initiate().sw == 0x6985
    assert bench.element.credentials_left() == 4


def test_a_torn_tap_may_be_tried_again_in_its_window(bench: Bench) -> None:
    bench.arm()
    first = number_of(bench)
    assert number_of(bench) == first


@pytest.mark.parametrize("end", ["expiry", "disarm", "arm", "power"])
def test_a_number_shown_in_one_window_is_never_shown_in_another(bench: Bench, end: str) -> None:
    bench.arm()
    first = number_of(bench)
    if end == "expiry":
        bench.wait(61)
    elif end == "disarm":
        bench.element.disarm()
    elif end == "power":
        bench.restart()
    bench.arm()
    assert number_of(bench) != first
    bench.element.disarm()
    status = bench.element.status(bench.now).cards[0]
    assert (status.credentials_left, status.abandoned) == (2, 2)


def test_a_number_that_nobody_asked_for_is_used_in_the_next_window(bench: Bench) -> None:
    bench.arm()
    assert bench.select(MASTERCARD.aid).ok
    bench.element.disarm()
    bench.arm()
    number_of(bench)
    assert bench.element.credentials_left() == 3


def test_keys_of_spent_and_abandoned_numbers_leave_the_memory(bench: Bench) -> None:
    keys = [
        credential.session_key
        for credential in bench.element._chip.state.cards[0].batches[0].credentials
        if credential is not None
    ]
    image = bench.memory.load() or b""
    assert all(key in image for key in keys)
    bench.arm()
    assert bench.initiate().ok
    assert bench.generate(bytes(CDOL1_BYTES)).ok
    bench.arm()
    assert bench.initiate().ok
    bench.restart()
    image = bench.memory.load() or b""
    assert [key in image for key in keys] == [False, False, True, True]


def test_only_the_armed_card_pays_and_it_comes_first() -> None:
    bench = Bench()
    bench.load(MASTERCARD, card=1, priority=1)
    bench.load(UNIONPAY, card=2, priority=2)
    bench.arm(make_profile(UNIONPAY, 2).card_ref)
    assert tags_of(bench.select(b"2PAY.SYS.DDF01"))[0x4F] == UNIONPAY.aid
    assert bench.initiate(MASTERCARD).sw == 0x6985
    assert bench.initiate(UNIONPAY).ok


def test_a_burn_that_memory_does_not_keep_gives_no_cryptogram(bench: Bench) -> None:
    def broken(image: bytes) -> None:
        raise UnreachableError("The memory is gone.")

    bench.arm()
    assert bench.initiate().ok
    kept, bench.memory.store = bench.memory.store, broken  # type: ignore[method-assign]
    response = bench.generate(bytes(CDOL1_BYTES))
    assert (response.sw, response.data) == (0x6581, b"")
    bench.memory.store = kept  # type: ignore[method-assign]
    assert bench.generate(bytes(CDOL1_BYTES)).ok


def test_batches_are_used_in_the_order_they_came(bench: Bench) -> None:
    bench.load(size=2)
    assert bench.element.credentials_left() == 6
    seen = []
    for _ in range(6):
        bench.arm()
        seen.append(number_of(bench))
        assert bench.generate(bytes(CDOL1_BYTES)).ok
    assert len(set(seen)) == 6
    assert seen[:4] == sorted(seen[:4])


def test_the_default_card_follows_the_priority() -> None:
    bench = Bench()
    bench.load(MASTERCARD, card=1, priority=1)
    bench.load(UNIONPAY, card=2, priority=2)
    changed = make_package(make_profile(MASTERCARD, 1, priority=3), MASTERCARD)[:1]
    assert set(bench.store(changed)) == {0x9000}
    bench.wear()
    result = bench.element.arm(bench.now)
    assert isinstance(result, Armed)
    assert result.label == "UNIONPAY"


def test_arming_again_ends_the_debit_of_the_window_before(bench: Bench) -> None:
    bench.arm()
    number_of(bench)
    bench.arm()
    assert bench.nfc("00B2011400").sw == 0x6985
    assert bench.generate(bytes(CDOL1_BYTES)).sw == 0x6985
    status = bench.element.status(bench.now).cards[0]
    assert (status.credentials_left, status.abandoned) == (3, 1)


def test_a_debit_closes_its_window(bench: Bench) -> None:
    bench.arm()
    assert bench.initiate().ok
    assert bench.element.status(bench.now).armed_until is not None
    assert bench.generate(bytes(CDOL1_BYTES)).ok
    assert bench.element.status(bench.now).armed_until is None
