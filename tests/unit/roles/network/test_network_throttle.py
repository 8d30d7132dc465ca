"""Buckets under injected time: how often a source may be wrong, and whom that shuts out."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.roles.tsp.debits import NOW
from zheton.adapters.throttle_file import load_throttling
from zheton.core.iso8583.message import Message
from zheton.roles.network.throttle import Allowance, Throttle, Throttling

SMALL = Throttling(
    line=Allowance(12, 1, 0.5),
    acquirer=Allowance(8, 5, 0.5),
    terminal=Allowance(3, 60, 0.5),
    entries_max=100,
)
LINE = "192.0.2.1"


def message(terminal: str = "MSK1", acquirer: str = "400001") -> Message:
    return Message("0100", {32: acquirer, 41: terminal.ljust(8)})


def wrong(throttle: Throttle, asked: Message, now: datetime = NOW, line: str = LINE) -> bool:
    """One message without proof; whether it was looked at."""
    if throttle.closed(line, asked, now):
        return False
    throttle.unproven(line, asked, now)
    return True


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_terminal_closes_alone_and_opens_again() -> None:
    throttle = Throttle(SMALL)
    assert [wrong(throttle, message()) for _ in range(5)] == [True] * 3 + [False] * 2
    (closing,) = throttle.news()
    assert (closing.source, closing.seconds) == ((LINE, "400001", "MSK1"), 60)
    assert throttle.refused == 2
    assert not throttle.closed(LINE, message("MSK2"), NOW)
    assert throttle.closed(LINE, message(), after(59.9))
    assert [wrong(throttle, message(), after(60)) for _ in range(2)] == [True, False]
    assert [wrong(throttle, message(), after(600)) for _ in range(4)] == [True] * 3 + [False]


def test_spaces_and_zeros_make_no_other_source() -> None:
    throttle = Throttle(SMALL)
    for acquirer, terminal in (("400001", "MSK1"), ("0400001", "MSK1    "), ("00400001", "MSK1")):
        assert wrong(throttle, message(terminal, acquirer))
    assert throttle.closed(LINE, message(), NOW)


def test_an_acquirer_closes_by_many_terminals_and_later_than_one() -> None:
    throttle = Throttle(SMALL)
    tried = [wrong(throttle, message(f"T{n}")) for n in range(10)]
    assert tried == [True] * 8 + [False] * 2
    assert throttle.closed(LINE, message("HONEST"), NOW)
    assert not throttle.closed(LINE, message("HONEST", "400002"), NOW)
    assert not throttle.closed(LINE, message("HONEST"), after(5))


def test_who_claims_to_be_another_closes_his_own_line_only() -> None:
    """A rival's acquirer and terminal, claimed on a line of one's own, cost the rival nothing."""
    throttle, rogue = Throttle(SMALL), "198.51.100.7"
    for n in range(1000):
        wrong(throttle, message("MSK1", "400001" if n % 2 else f"4{n:05d}"), line=rogue)
    assert throttle.closed(rogue, message("ANY", "999999"), NOW)
    assert not throttle.closed(LINE, message(), NOW)
    assert throttle.refused == 1000 - SMALL.line.burst + 1


def test_proven_debits_let_a_busy_source_be_wrong_more_often() -> None:
    throttle = Throttle(SMALL)
    for _ in range(100):
        assert wrong(throttle, message())
        for _ in range(2):
            throttle.proven(LINE, message(), NOW)
    assert [wrong(throttle, message()) for _ in range(4)] == [True] * 3 + [False]


def test_messages_without_a_name_are_one_source() -> None:
    throttle = Throttle(SMALL)
    assert [wrong(throttle, Message("0100", {})) for _ in range(4)] == [True] * 3 + [False]


def test_a_clock_that_steps_back_opens_nothing() -> None:
    throttle = Throttle(SMALL)
    for _ in range(3):
        wrong(throttle, message())
    assert throttle.closed(LINE, message(), after(-10_000))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 90),
            st.integers(1, 30),
            st.integers(0, 3),
            st.integers(0, 2),
        ),
        max_size=40,
    )
)
def test_in_any_time_no_more_is_looked_at_than_the_bucket_says(
    bursts: list[tuple[float, int, int, int]],
) -> None:
    """Groups come together: all of one are let in or none, so the last may overdraw once."""
    throttle, now, looked, earned = Throttle(SMALL), NOW, 0, 0.0
    largest = max((size for _, size, _, _ in bursts), default=0)
    for pause, size, proven, terminal in bursts:
        now += timedelta(seconds=pause)
        asked = message(f"T{terminal}")
        if not throttle.closed(LINE, asked, now):
            for _ in range(size):
                throttle.unproven(LINE, asked, now)
            looked += size
        for _ in range(proven):
            throttle.proven(LINE, asked, now)
            earned += SMALL.line.earned
    elapsed = (now - NOW).total_seconds()
    assert looked <= SMALL.line.burst + elapsed / SMALL.line.seconds + earned + largest


def test_what_is_full_again_is_forgotten() -> None:
    throttle = Throttle(SMALL)
    assert wrong(throttle, message())
    assert len(throttle) == 3
    for seconds in (61, 62):
        throttle.proven(LINE, message(), after(seconds))
    assert len(throttle) == 0


def test_memory_is_bounded_and_nobody_gets_himself_forgotten() -> None:
    """Whoever is closed stays so while others fill the memory many times over."""
    throttle = Throttle(SMALL)
    while wrong(throttle, message()):
        pass
    for n in range(1000):
        wrong(throttle, message(f"T{n % 7}", f"5{n:05d}"), line=f"2001:db8::{n:x}")
        assert len(throttle) <= SMALL.entries_max
        assert throttle.closed(LINE, message(), NOW)


def test_the_settings_that_are_shipped() -> None:
    """The figures of the decision page: looks a day of a source without honest traffic."""
    shipped = load_throttling()
    day = 86_400
    looks = [a.burst + day / a.seconds for a in (shipped.line, shipped.acquirer, shipped.terminal)]
    assert looks == [86_900, 43_400, 1_450]
    one_terminal_at_its_most = 1 / shipped.terminal.seconds
    assert one_terminal_at_its_most * 29 < 1 / shipped.acquirer.seconds
    assert shipped.terminal.burst * 19 < shipped.acquirer.burst
