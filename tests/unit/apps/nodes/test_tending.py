"""What the token service does on its own, at once when it starts: for what an earlier run left."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.unit.roles.tsp.debits import BAND, NOW, VaultBench
from zheton.adapters.clock import ManualClock
from zheton.adapters.storage.database import Database
from zheton.apps.nodes.tending import Tender
from zheton.core.token.lifecycle import Actor, BatchStatus, Cause, Verb
from zheton.roles.tsp.devices import change_device
from zheton.roles.tsp.look import batches_of
from zheton.roles.tsp.once import at_once
from zheton.roles.tsp.state import By, Once
from zheton.roles.tsp.suspend import change_card

LIMIT_S = 20.0


def test_it_finishes_forgets_and_erases(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/vault.db")
    bench = VaultBench(database)
    batch, (_, closed) = bench.leased(), bench.enrolled(serial=2)
    by = By(Actor.ISSUER, Cause.ACCOUNT_CLOSED)
    with bench.vault.transaction() as tx:
        change_device(tx, BAND.id, Verb.SUSPEND, by, NOW)
        change_card(tx, closed.par, Verb.DELETE, by, NOW)
    at_once(bench.vault, Once("wallet", "key", "aa", NOW), NOW, lambda _: "kept")

    def done() -> bool:
        with bench.vault.transaction() as tx:
            card = tx.card(closed.id)
            kept = tx.kept_answer(Once("wallet", "key", "aa", NOW))
        (after,) = batches_of(bench.vault, batch.enrolment)
        erased = card is not None and not card.sealed_pan
        return erased and kept is None and after.status is BatchStatus.SUSPENDED

    async def run() -> None:
        tender = Tender(bench.vault, ManualClock(NOW + timedelta(days=2)))
        await tender.start()
        async with asyncio.timeout(LIMIT_S):
            while not done():  # noqa: ASYNC110 - the database has no event
                await asyncio.sleep(0.005)
        await tender.close()

    assert not done()
    asyncio.run(run())
    database.close()
