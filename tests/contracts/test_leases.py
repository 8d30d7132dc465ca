"""The life of leases, on each database there is: every status write goes through the table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import text

from tests.unit.roles.tsp.debits import BAND, NOW, VaultBench
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault import VaultTx
from zheton.core.debit import Admitted
from zheton.core.errors import ConflictError
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Channel
from zheton.core.token.lifecycle import (
    ASKED_FOR,
    ENDED,
    PAYING,
    STANDING,
    BatchStatus,
    batch_before,
)
from zheton.roles.tsp.lease import Use, lease_end
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
