"""What works in the background goes on after an error that nobody has foreseen."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from zheton.adapters.clock import SystemClock
from zheton.adapters.merchants_file import load_merchants
from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.database import Database
from zheton.adapters.tcp.link import IsoLink
from zheton.apps.nodes import acquirer as acquirer_node
from zheton.apps.nodes import audit as audit_node
from zheton.apps.nodes.acquirer import AcquirerNode
from zheton.apps.nodes.audit import Checkpointer
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.token.audit.chain import Tip
from zheton.core.token.audit.epochs import Signer
from zheton.roles.acquirer.ports import AcquirerTx
from zheton.roles.tsp.audit import Auditor, BucketView, Row

LIMIT_S = 20.0


class Failing:
    """A journal that counts its transactions, and has a row that nobody can read."""

    def __init__(self, store: AcquirerDatabase) -> None:
        self._store, self.asked, self.broken = store, 0, False

    def transaction(self) -> AbstractContextManager[AcquirerTx]:
        self.asked += 1
        if self.broken:
            raise LookupError("a row that nobody can read")
        return self._store.transaction()


def test_an_acquirer_goes_on_reversing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquirer_node, "REVERSAL_EVERY_S", 0.01)
    clock, database = SystemClock(), Database(f"sqlite:///{tmp_path}/acquirer.db")
    store = Failing(AcquirerDatabase(database))

    async def play() -> None:
        link = IsoLink("127.0.0.1", 1, DIALECT, clock.now)
        node = AcquirerNode(load_merchants().acquirer, store, link, clock)
        await node.start()
        for broken in (True, False, True):
            store.broken, before = broken, store.asked
            while store.asked < before + 5:  # noqa: ASYNC110 - the database has no event
                await asyncio.sleep(0.005)
        store.broken = False
        await node.close()

    asyncio.run(asyncio.wait_for(play(), LIMIT_S))
    database.close()


class Unreadable:
    """A log, its checkpoints and keys that nobody can read."""

    asked = 0

    def tips(self) -> Mapping[int, Tip]:
        self.asked += 1
        raise LookupError("a row that nobody can read")

    def reading(self, bucket: int) -> AbstractContextManager[BucketView]:
        raise LookupError("a row that nobody can read")

    def extending(self) -> AbstractContextManager[Row]:
        raise LookupError("a file that nobody can read")

    def audit_signer(self) -> Signer:
        raise LookupError("a key that nobody can read")


def test_who_signs_checkpoints_goes_on_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_node, "LOOK_EVERY_S", 0.005)
    log = Unreadable()

    async def play() -> None:
        checkpointer = Checkpointer(Auditor(log, log, log), SystemClock())
        await checkpointer.start()
        while log.asked < 3:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
        await checkpointer.close()

    asyncio.run(asyncio.wait_for(play(), LIMIT_S))
