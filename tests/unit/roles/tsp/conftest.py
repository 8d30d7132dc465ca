"""A vault on a database in memory."""

from collections.abc import Iterator

import pytest

from tests.unit.roles.tsp.debits import VaultBench
from zheton.adapters.storage.database import Database


@pytest.fixture
def bench() -> Iterator[VaultBench]:
    database = Database("sqlite://")
    yield VaultBench(database)
    database.close()
