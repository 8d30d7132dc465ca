"""The life of leases, on each database there is: every status write goes through the table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import text

from tests.unit.roles.network.follow_ups import RFD, Shop, debited, follow_up
from tests.unit.roles.tsp.debits import BAND, NOW, VaultBench, approval, reversal
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault import VaultTx
from zheton.core.debit import Admitted, Journalled
from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.batch import BUCKETS, GENERATIONS_MAX, Batch
from zheton.core.token.domain import Channel
from zheton.core.token.lifecycle import (
    ASKED_FOR,
    ENDED,
    PAYING,
    STANDING,
    BatchStatus,
    Cause,
    batch_before,
)
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Answer, Forward
from zheton.roles.tsp.age import age_all
from zheton.roles.tsp.dispute import close_dispute, open_dispute
from zheton.roles.tsp.lease import Use, lease, lease_end, leasing
from zheton.roles.tsp.state import Terms

WINDOW = timedelta(days=30)
LATER = NOW + timedelta(days=200)  # every lease of NOW is over, and has rested
S = BatchStatus


@pytest.fixture
def bench(url: str) -> Iterator[VaultBench]:
    database = Database(url)
    yield VaultBench(database)
    database.close()


def row(bench: VaultBench, batch: Batch) -> Batch:
    """A batch as it is now, also where it is nobody's."""
    query = (
        "SELECT generation, status, burnt, expiry FROM batch WHERE bin = :bin AND batch = :batch"
    )
    with bench.database.reading() as connection:
        found = connection.execute(text(query), {"bin": batch.bin, "batch": batch.batch}).one()
    return replace(
        batch,
        generation=found.generation,
        status=S(found.status),
        burnt=found.burnt,
        expiry=found.expiry,
    )


def put(bench: VaultBench, batch: Batch, **columns: object) -> None:
    """Change a row behind the store's back."""
    named = ", ".join(f"{name} = :{name}" for name in columns)
    change = f"UPDATE batch SET {named} WHERE bin = :bin AND batch = :batch"  # noqa: S608
    with bench.database.transaction() as connection:
        connection.execute(text(change), {**columns, "bin": batch.bin, "batch": batch.batch})


def terms(batch: Batch, now: datetime = LATER, key_version: int = 2) -> Terms:
    """What somebody else asks of a batch."""
    expiry, until = lease_end(now)
    use = Use(BAND.id, BAND.device, Channel.TILL)
    return Terms(
        batch.bin, batch.bucket, batch.card, batch.enrolment, use.device_id, use.device,
        use.channel, key_version, expiry, until,
    )  # fmt: skip


def leased_anew(bench: VaultBench, wanted: Terms, count: int = 9) -> list[Batch]:
    with bench.vault.transaction() as tx:
        return tx.lease_free(wanted, count)


def aged(bench: VaultBench, batch: Batch, now: datetime) -> BatchStatus:
    """What a batch is once time has done what it can at this moment."""
    with bench.vault.transaction() as tx:
        tx.expire(batch.bucket, now, 99)
        tx.rest(batch.bucket, now, WINDOW, 99)
        tx.free(batch.bucket, now, WINDOW, 99)
    return row(bench, batch).status


# The table of transitions

Verb = Callable[[VaultTx, Batch, Admitted], object]
Row = tuple[tuple[BatchStatus, ...], BatchStatus, Verb]


def asks(status: BatchStatus) -> Verb:
    return lambda tx, batch, _: tx.set_batch_status([batch], status)


VERBS: dict[str, Row] = {
    "burn": (PAYING, S.ACTIVE, lambda tx, _, claim: tx.burn([claim], NOW)),
    "burn the last": (PAYING, S.SPENT, lambda tx, _, claim: tx.burn([claim], NOW)),
    "expire": (STANDING, S.EXPIRED, lambda tx, b, _: tx.expire(b.bucket, LATER, 9)),
    "rest": (ENDED, S.RESTING, lambda tx, b, _: tx.rest(b.bucket, LATER, WINDOW, 9)),
    "free": ((S.RESTING,), S.FREE, lambda tx, b, _: tx.free(b.bucket, LATER, WINDOW, 9)),
    "lease": ((S.FREE,), S.OFFERED, lambda tx, b, _: tx.lease_free(terms(b), 9)),
    **{f"ask for {to}": (batch_before(to), to, asks(to)) for to in ASKED_FOR},
}


def test_no_verb_leads_where_the_table_does_not(bench: VaultBench) -> None:
    batch = bench.leased()
    debit, card = bench.read(bench.at_till(batch, 63)), bench.card_behind(batch)
    for (name, (allowed, after, verb)), before in product(VERBS.items(), BatchStatus):
        burnt = (1 << 63) - 1 if name == "burn the last" else 0
        put(bench, batch, status=before, burnt=burnt, key_version=1, expiry="1912", due_ms=0)
        was = row(bench, batch)
        claim = Admitted(debit, was.generation, card, None)
        refused = False
        try:
            with bench.vault.transaction() as tx:
                verb(tx, was, claim)
        except ConflictError:
            refused = True
        now, may = row(bench, batch), before in allowed
        assert now.status is (after if may else before), (name, before)
        assert now.generation == was.generation + (may and name == "lease"), (name, before)
        assert refused == (name.startswith("ask") and not may), (name, before)


def test_a_status_is_changed_in_the_generation_that_was_meant(bench: VaultBench) -> None:
    batch = bench.leased()
    with pytest.raises(ConflictError), bench.vault.transaction() as tx:
        tx.set_batch_status([replace(batch, generation=1)], BatchStatus.SUSPENDED)
    assert row(bench, batch).status is BatchStatus.OFFERED


def test_nobody_asks_for_what_debits_and_time_do(bench: VaultBench) -> None:
    batch = bench.leased()
    for status in set(BatchStatus) - set(ASKED_FOR):
        with bench.vault.transaction() as tx, pytest.raises(ConflictError, match="alone"):
            tx.set_batch_status([batch], status)


def test_the_verbs_make_every_step_of_the_table() -> None:
    made = {(before, after) for allowed, after, _ in VERBS.values() for before in allowed}
    table = {(before, after) for after in BatchStatus for before in batch_before(after)}
    assert made - table == {(S.ACTIVE, S.ACTIVE)}  # a burn among others changes no status
    assert table <= made


# Age


def paid(bench: VaultBench, batch: Batch, place: int = 0, now: datetime = NOW) -> Journalled:
    """A debit that its issuer has approved."""
    (step,) = authorise(bench.switch, [bench.at_till(batch, place)], now)
    assert isinstance(step, Forward)
    complete(bench.switch, [Answered(step, approval(step.message))], now)
    return step.line


def test_a_lease_ends_rests_and_becomes_free(bench: VaultBench) -> None:
    batch = bench.leased()
    assert aged(bench, batch, batch.until - timedelta(seconds=1)) is S.OFFERED
    late, cleared = paid(bench, batch), batch.until - timedelta(days=1)
    with bench.vault.transaction() as tx:
        tx.touch([(late.at, 0)], cleared)
    assert aged(bench, batch, batch.until) is S.RESTING
    assert aged(bench, batch, cleared + WINDOW) is S.FREE
    assert bench.vault.leases([late.at]) == {}
    assert bench.vault.of_number(late.at) == []


def test_the_window_counts_from_the_last_event(bench: VaultBench) -> None:
    batch = bench.leased()
    line = paid(bench, batch)
    put(bench, batch, status=S.SPENT, due_ms=0)
    reversed_at = NOW + timedelta(days=20)
    with bench.vault.transaction() as tx:
        assert tx.touch([(line.at, 0)], reversed_at) == {line.at}
        assert tx.touch([(line.at, 1)], reversed_at) == set()
    assert aged(bench, batch, reversed_at + WINDOW - timedelta(milliseconds=1)) is S.RESTING
    assert aged(bench, batch, reversed_at + WINDOW) is S.FREE
    with bench.vault.transaction() as tx:
        assert tx.touch([(line.at, 0)], LATER) == set()


def test_a_debit_under_way_keeps_its_batch(bench: VaultBench) -> None:
    batch = bench.leased()
    (step,) = authorise(bench.switch, [bench.at_till(batch)], NOW)
    assert isinstance(step, Forward)
    put(bench, batch, status=S.SPENT, due_ms=0)
    assert aged(bench, batch, LATER) is S.RESTING
    answered = LATER + timedelta(days=1)
    complete(bench.switch, [Answered(step, approval(step.message))], answered)
    assert aged(bench, batch, answered + WINDOW - timedelta(milliseconds=1)) is S.RESTING
    assert aged(bench, batch, answered + WINDOW) is S.FREE


@pytest.mark.parametrize(
    "change",
    [
        "debit SET reversal_due = true",
        "debit SET advice = 'due'",
        "debit SET advice = 'sent'",
        "follow_up SET state = 'pending'",
        "follow_up SET issuer_due = true",
    ],
)
def test_what_an_issuer_has_not_heard_keeps_the_batch(bench: VaultBench, change: str) -> None:
    batch = bench.leased()
    shop, original = Shop(bench), debited(bench, batch)
    assert shop.ask(follow_up(original, RFD, 1)) == "00"
    put(bench, batch, status=S.SPENT, due_ms=0)
    with bench.database.transaction() as connection:
        connection.execute(text(f"UPDATE {change}"))
    assert aged(bench, batch, LATER) is S.RESTING
    with bench.database.transaction() as connection:
        connection.execute(text("UPDATE debit SET reversal_due = false, advice = 'heard'"))
        connection.execute(text("UPDATE follow_up SET state = 'approved', issuer_due = false"))
    assert aged(bench, batch, LATER + timedelta(hours=23)) is S.RESTING
    assert aged(bench, batch, LATER + timedelta(days=1)) is S.FREE


def test_a_dispute_stops_the_clock_and_starts_it_anew(bench: VaultBench) -> None:
    batch = bench.leased()
    line = paid(bench, batch)
    put(bench, batch, status=S.SPENT, due_ms=0)
    with bench.vault.transaction() as tx:
        assert open_dispute(tx, batch.enrolment, line.debit, NOW)
        assert not open_dispute(tx, batch.enrolment, line.debit, NOW)
    assert aged(bench, batch, LATER) is S.RESTING
    closed = LATER + timedelta(days=30)
    with bench.vault.transaction() as tx:
        assert close_dispute(tx, batch.enrolment, line.debit, closed)
        assert not close_dispute(tx, batch.enrolment, line.debit, closed)
        assert open_dispute(tx, batch.enrolment, line.debit, closed)
        assert close_dispute(tx, batch.enrolment, line.debit, closed)
    assert aged(bench, batch, closed + WINDOW - timedelta(milliseconds=1)) is S.RESTING
    assert aged(bench, batch, closed + WINDOW) is S.FREE
    with pytest.raises(NotFoundError), bench.vault.transaction() as tx:
        open_dispute(tx, batch.enrolment, line.debit, closed + WINDOW)


def test_a_debit_is_disputed_by_its_own_token_alone(bench: VaultBench) -> None:
    line = paid(bench, bench.leased())
    other, _ = bench.enrolled(serial=2)
    with pytest.raises(NotFoundError), bench.vault.transaction() as tx:
        open_dispute(tx, other.id, line.debit, NOW)


def test_time_finds_every_bucket_and_records_what_it_does(bench: VaultBench) -> None:
    batches = [bench.leased(serial=serial) for serial in range(1, 5)]
    assert bench.vault.buckets_due(NOW) == []
    assert set(bench.vault.buckets_due(LATER)) == {batch.bucket for batch in batches}
    assert age_all(bench.vault, LATER, WINDOW) == 3 * len(batches)
    assert age_all(bench.vault, LATER, WINDOW) == 0
    assert {row(bench, batch).status for batch in batches} == {S.FREE}
    with bench.vault.transaction() as tx:
        last = tx.last_change(batches[0].bucket, batches[0].name)
    assert last is not None
    assert (last.before, last.after, last.by.cause) == (S.RESTING, S.FREE, Cause.SCHEDULE)


def test_a_step_takes_a_bounded_number(bench: VaultBench) -> None:
    batches = [bench.leased() for _ in range(5)]
    with bench.vault.transaction() as tx:
        assert [tx.expire(batches[0].bucket, LATER, 2) for _ in range(4)] == [2, 2, 1, 0]


# Leased anew


def freed(bench: VaultBench, batch: Batch) -> None:
    put(bench, batch, status=S.FREE, burnt=-1, given=64, due_ms=None)


def test_a_free_batch_begins_its_next_generation(bench: VaultBench) -> None:
    batch, other = bench.leased(), bench.leased()
    freed(bench, batch)
    (again,) = leased_anew(bench, terms(batch))
    assert (again.batch, again.generation, again.status) == (batch.batch, 1, S.OFFERED)
    assert (again.burnt, again.key_version, again.expiry) == (0, 2, lease_end(LATER)[0])
    assert leased_anew(bench, terms(batch)) == []
    assert row(bench, other).generation == 0


def test_all_places_of_an_online_batch_are_there_in_its_next_generation(bench: VaultBench) -> None:
    batch = bench.leased()
    freed(bench, batch)
    leased_anew(bench, replace(terms(batch), channel=Channel.ONLINE))
    with bench.vault.transaction() as tx:
        found = tx.enrolment(batch.enrolment)
        assert found is not None
        taken = tx.take_online_place(found[0], LATER)
    assert taken is not None
    assert (taken[0].generation, taken[1]) == (1, 0)


def test_only_under_a_later_expiry_another_key_and_a_generation(bench: VaultBench) -> None:
    batch = bench.leased()
    freed(bench, batch)
    assert leased_anew(bench, terms(batch, now=NOW)) == []
    assert leased_anew(bench, terms(batch, key_version=batch.key_version)) == []
    assert leased_anew(bench, replace(terms(batch), bucket=(batch.bucket + 1) % BUCKETS)) == []
    put(bench, batch, generation=GENERATIONS_MAX)
    assert leased_anew(bench, terms(batch)) == []
    put(bench, batch, generation=GENERATIONS_MAX - 1)
    assert [each.generation for each in leased_anew(bench, terms(batch))] == [GENERATIONS_MAX]


def test_an_online_number_and_a_refund_end_with_their_lease(bench: VaultBench) -> None:
    batch = bench.leased()
    refund = follow_up(debited(bench, batch), RFD, 1)
    assert Shop(bench).ask(refund) == "00"
    bench.online()
    put(bench, batch, status=S.SPENT, due_ms=0)
    with bench.database.transaction() as connection:
        connection.execute(text("UPDATE batch SET status = 'spent', due_ms = 0"))
    (line,) = bench.vault.follow_ups_of(bench.read(bench.at_till(batch)).at)
    assert aged(bench, batch, LATER) is S.FREE
    with bench.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM online_number")).scalar_one() == 0
    assert bench.vault.follow_ups_of(line.at) == []
    assert bench.vault.follow_ups_seen([(line.at.bucket, line.repeat_key)]) == {}
    leased_anew(bench, terms(batch))
    assert Shop(bench).ask(refund, now=LATER) == "54"


def test_what_was_before_is_found_by_nobody_after(bench: VaultBench) -> None:
    """A late reversal, a late clearing and a repeat of the last lessee's debit find nothing."""
    batch = bench.leased()
    request = bench.at_till(batch)
    (step,) = authorise(bench.switch, [request], NOW)
    assert isinstance(step, Forward)
    complete(bench.switch, [Answered(step, approval(step.message))], NOW)
    put(bench, batch, status=S.SPENT, due_ms=0)
    assert aged(bench, batch, LATER) is S.FREE
    assert reverse(bench.switch, reversal(request), LATER).text(39) == "14"
    leased_anew(bench, terms(batch))
    at = step.line.at
    assert bench.vault.of_number(at) == []
    assert bench.vault.untold(99) == []
    assert bench.vault.seen([(at.bucket, step.line.repeat_key)]) == {}
    assert reverse(bench.switch, reversal(request), LATER).text(39) == "25"
    assert bench.vault.reversals_due(9) == []
    (answer,) = authorise(bench.switch, [request], LATER)
    assert isinstance(answer, Answer)
    assert answer.message.text(39) != "00"


# Ranges


def test_a_lease_goes_on_to_the_next_range_of_its_region(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    network = bench.rules.schemes.named("mastercard")
    other = "62355312"  # the one other range that this vault has keys for
    use = Use(BAND.id, BAND.device, Channel.TILL)

    def bins(regions: str, token_bins: tuple[str, ...] = (other, "520473")) -> list[str]:
        kept = ((other, frozenset({regions})),)
        scheme = replace(network, token_bins=token_bins, bin_regions=kept)
        leased = leasing(
            bench.vault, lambda tx: lease(tx, bench.keys, scheme, enrolment, use, 2, NOW)
        )
        return [batch.bin for batch in leased]

    assert bins("CN") == ["520473"] * 2
    assert bins("RU") == [other] * 2
    used_up = 10**9
    with bench.database.transaction() as connection:
        query = "UPDATE batch_counter SET next_ordinal = :end WHERE bin = :bin"
        connection.execute(text(query), {"end": used_up, "bin": other})
    while "520473" not in (last := bins("RU")):
        assert last[0] == other  # what this process held of it is handed out to the end
    with bench.database.transaction() as connection:
        connection.execute(text("UPDATE batch_counter SET next_ordinal = :end"), {"end": used_up})
    with pytest.raises(ConflictError, match="every token BIN for RU is used up"):
        while True:
            bins("RU")
