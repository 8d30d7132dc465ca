"""What the journal must do for messages that name an original, run on each database there is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.roles.network.follow_ups import (
    CPL,
    INC,
    PART,
    RFD,
    Shop,
    debited,
    follow_up,
)
from tests.unit.roles.tsp.debits import NOW, VaultBench
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault import SqlVault
from zheton.core.debit import DebitState
from zheton.core.follow_up import FollowUpKind
from zheton.core.iso8583.message import Message
from zheton.core.money import Money, currency
from zheton.roles.network.follow_up.read import Asked, read_follow_up
from zheton.roles.network.follow_up.take import _line as line_of
from zheton.roles.network.follow_up_line import FollowUp


@pytest.fixture
def bench(url: str) -> Iterator[VaultBench]:
    database = Database(url)
    yield VaultBench(database)
    database.close()


@pytest.fixture
def vault(bench: VaultBench) -> SqlVault:
    return bench.vault


def line(
    bench: VaultBench, original: Message, kind: FollowUpKind, minor: int, left: int = 0
) -> FollowUp:
    """A line that is in nobody's journal yet."""
    message = follow_up(original, kind, minor, left=left or None)
    asked = read_follow_up(message, bench.tokens.locate)
    assert isinstance(asked, Asked)
    return line_of(bench.switch, asked, Shop(bench).line(original), NOW)


def did(vault: SqlVault, verb: str, *arguments: object) -> bool:
    """What one operation returns in a transaction of its own."""
    with vault.transaction() as tx:
        return bool(getattr(tx, verb)(*arguments))


def test_a_line_is_kept_whole_and_once(bench: VaultBench, vault: SqlVault) -> None:
    original = debited(bench, bench.leased(), kind="hold")
    new = line(bench, original, PART, 10_000, 4_000)
    debit = Shop(bench).line(original)
    key = (new.at.bucket, new.repeat_key)
    assert did(vault, "add_follow_up", new)
    assert not did(vault, "add_follow_up", replace(new, id="0" * 32))
    assert vault.follow_ups_seen([key]) == {new.repeat_key: new}
    assert vault.follow_ups_of(new.at) == [new]
    assert vault.follow_ups_pending(9, NOW, "") == vault.follow_ups_pending(9, NOW, "ab") == []
    later = NOW + timedelta(milliseconds=1)
    assert vault.follow_ups_pending(9, later, "") == vault.follow_ups_pending(9, NOW, new.id[:4])
    assert vault.follow_ups_pending(9, later, "") == [new]
    with vault.transaction() as tx:
        assert tx.follow_up(new.at, new.repeat_key) == new
        assert tx.count_follow_ups(debit) == 1
        tx.drop_follow_up(new)
        assert tx.follow_up(new.at, new.repeat_key) is None


def test_a_line_turns_from_the_state_that_it_was_in(bench: VaultBench, vault: SqlVault) -> None:
    original = debited(bench, bench.leased(), kind="hold")
    new = line(bench, original, INC, 100)
    debit = Shop(bench).line(original)
    done = replace(new, state=DebitState.APPROVED, response_code="00", auth_code="A1B2C3")
    with vault.transaction() as tx:
        tx.add_follow_up(new)
        assert tx.turn(done, DebitState.PENDING)
        assert not tx.turn(done, DebitState.PENDING)
        assert tx.increments_of(debit) == [done]
        tx.want_told(new, due=True)
    assert vault.follow_ups_due(9) == []
    with vault.transaction() as tx:
        tx.want_told(done, due=True)
    assert vault.follow_ups_due(9) == [done]
    assert vault.follow_ups_pending(9, NOW + timedelta(days=1), "") == []
    with vault.transaction() as tx:
        tx.want_told(done, due=False)
    assert vault.follow_ups_due(9) == []


def test_what_keeps_a_place_is_counted_by_batch(bench: VaultBench, vault: SqlVault) -> None:
    batch, elsewhere = bench.leased(), bench.leased(serial=2)
    lines = [line(bench, debited(bench, batch, place, kind="hold"), INC, 1) for place in range(3)]
    with vault.transaction() as tx:
        for each in lines:
            tx.add_follow_up(replace(each, state=DebitState.BLOCKED))
        assert tx.count_blocked_follow_ups(lines[0].at, 0) == 3
        other = bench.tokens.locate(bench.number(elsewhere))
        assert other is not None
        assert tx.count_blocked_follow_ups(other, 0) == 0


def test_one_at_a_time_follows_a_debit_and_its_end_moves_the_sums(
    bench: VaultBench, vault: SqlVault
) -> None:
    shop, original = Shop(bench), debited(bench, bench.leased(), kind="hold")
    first, second = line(bench, original, INC, 100), line(bench, original, INC, 200)
    assert did(vault, "begin", first)
    for other in (second, first):
        assert not did(vault, "begin", other)
    assert not did(vault, "complete", line(bench, original, CPL, 1))
    assert not did(vault, "lower", line(bench, original, PART, 10_000, 1))
    assert not did(vault, "end", second, 200, 0)
    assert did(vault, "end", first, 100, 0)
    assert shop.sums(original) == (10_100, 0)
    assert did(vault, "begin", second)


def test_a_debit_is_completed_once_and_for_no_more_than_it_holds(
    bench: VaultBench, vault: SqlVault
) -> None:
    shop, original = Shop(bench), debited(bench, bench.leased(), kind="hold")
    assert not did(vault, "begin", line(bench, original, RFD, 1))
    assert not did(vault, "complete", line(bench, original, CPL, 10_001))
    assert did(vault, "complete", line(bench, original, CPL, 9_000))
    assert not did(vault, "complete", line(bench, original, CPL, 8_000))
    assert not did(vault, "lower", line(bench, original, PART, 9_000, 1))
    assert not did(vault, "begin", line(bench, original, INC, 1))
    assert shop.sums(original) == (9_000, 0)


def test_a_partial_reversal_says_what_was_held(bench: VaultBench, vault: SqlVault) -> None:
    shop, original = Shop(bench), debited(bench, bench.leased())
    assert not did(vault, "lower", line(bench, original, PART, 9_999, 1))
    assert did(vault, "lower", line(bench, original, PART, 10_000, 7_000))
    assert not did(vault, "lower", line(bench, original, PART, 10_000, 7_000))
    assert shop.sums(original) == (7_000, 0)


def test_refunds_are_bounded_by_what_was_captured(bench: VaultBench, vault: SqlVault) -> None:
    shop, original = Shop(bench), debited(bench, bench.leased())
    back = line(bench, original, RFD, 6_000)
    assert did(vault, "begin", back)
    assert did(vault, "end", back, 0, 6_000)
    assert not did(vault, "begin", line(bench, original, RFD, 4_001))
    assert not did(vault, "undo", shop.line(original))
    assert did(vault, "take_back", back, 0, 6_000)
    assert not did(vault, "take_back", back, 0, 6_000)
    assert shop.sums(original) == (10_000, 0)
    assert did(vault, "undo", shop.line(original))
    for kind in (RFD, INC):
        assert not did(vault, "begin", line(bench, original, kind, 1))


def test_an_increment_is_taken_back_where_enough_is_left(
    bench: VaultBench, vault: SqlVault
) -> None:
    shop, original = Shop(bench), debited(bench, bench.leased(), kind="hold")
    more = line(bench, original, INC, 500)
    did(vault, "begin", more) and did(vault, "end", more, 500, 0)
    assert not did(vault, "take_back", more, 10_500, 0)
    assert did(vault, "take_back", more, 500, 0)
    assert did(vault, "complete", line(bench, original, CPL, 10_000))
    assert not did(vault, "take_back", more, 500, 0)
    assert shop.sums(original) == (10_000, 0)


def test_what_is_added_counts_on_the_card_but_is_no_debit(
    bench: VaultBench, vault: SqlVault
) -> None:
    original = debited(bench, bench.leased(), kind="hold")
    more = line(bench, original, INC, 500)
    today, tomorrow = int(f"{NOW:%Y%m%d}"), int(f"{NOW + timedelta(days=1):%Y%m%d}")
    over = replace(more, amount=Money(1_190_001, more.amount.currency))
    foreign = replace(over, amount=Money(1_190_001, currency("USD")))
    assert not did(vault, "spend_more", more, 500_001, today)
    assert not did(vault, "spend_more", over, 1, today)
    assert did(vault, "spend_more", foreign, 9_999_999, today)
    assert did(vault, "spend_more", more, 10_500, today)
    assert spent(bench) == (today, 10_500, 1)
    with vault.transaction() as tx:
        tx.give_back_more(more)
    assert spent(bench) == (today, 10_000, 1)
    assert did(vault, "spend_more", more, 10_500, tomorrow)
    with vault.transaction() as tx:
        tx.give_back_more(more)
    assert spent(bench) == (tomorrow, 500, 0)


def spent(bench: VaultBench) -> tuple[int, int, int]:
    with bench.database.reading() as connection:
        row = connection.exec_driver_sql("SELECT day, day_minor, day_debits FROM card").one()
    return int(row[0]), int(row[1]), int(row[2])


def test_of_two_that_want_the_last_unit_one_gets_it(bench: VaultBench, vault: SqlVault) -> None:
    """Each at its own connection, as two processes are."""
    batch = bench.leased()
    at_once = 1 if bench.database.url == "sqlite://" else 4  # in memory is one connection
    for place in range(5):
        original = debited(bench, batch, place, minor=100, kind="hold")
        rivals = [line(bench, original, CPL, minor) for minor in (100, 60, 40, 1)]
        with ThreadPoolExecutor(at_once) as threads:
            won = list(threads.map(lambda each: did(vault, "complete", each), rivals))
        assert sum(won) == 1
        assert Shop(bench).sums(original) == (rivals[won.index(True)].amount.minor, 0)


def test_a_wallet_hears_of_every_change_and_marks_only_what_it_heard(
    bench: VaultBench, vault: SqlVault
) -> None:
    original = debited(bench, bench.leased(), kind="hold")

    def news() -> list[tuple[int, int, int]]:
        lines = [line for _, line in vault.untold(9)]
        return [(line.edition, line.held_minor, line.refunded_minor) for line in lines]

    def tell() -> None:
        heard = [line for _, line in vault.untold(9)]
        with vault.transaction() as tx:
            tx.mark_told(heard)

    assert news() == [(0, 10_000, 0)]
    tell()
    refused, raised = line(bench, original, INC, 1), line(bench, original, INC, 500)
    assert did(vault, "begin", refused) and did(vault, "end", refused, 0, 0)
    assert did(vault, "begin", raised) and news() == []
    assert did(vault, "end", raised, 500, 0) and news() == [(1, 10_500, 0)]
    before = [each for _, each in vault.untold(9)]
    assert did(vault, "lower", line(bench, original, PART, 10_500, 9_000))
    with vault.transaction() as tx:
        tx.mark_told(before)  # it was lowered while the wallet was told that it was raised
    assert news() == [(2, 9_000, 0)]
    tell()
    assert did(vault, "complete", line(bench, original, CPL, 8_000)) and news() == [(3, 8_000, 0)]
    tell()
    refund = line(bench, original, RFD, 3_000)
    assert did(vault, "begin", refund) and did(vault, "end", refund, 0, 3_000)
    assert news() == [(4, 8_000, 3_000)]
    tell()
    assert did(vault, "take_back", refund, 0, 3_000) and news() == [(5, 8_000, 0)]
    tell()
    assert did(vault, "undo", Shop(bench).line(original)) and news() == [(6, 8_000, 0)]
    tell()
    assert news() == []
