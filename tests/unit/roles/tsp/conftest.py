"""A vault on a database in memory."""

from collections.abc import Iterator

import pytest

from tests.unit.roles.tsp.debits import VaultBench
from zheton.adapters.storage.database import Database


@pytest.fixture
def database() -> Iterator[Database]:
    opened = Database("sqlite://")
    yield opened
    opened.close()


@pytest.fixture
def bench(database: Database) -> VaultBench:
    return VaultBench(database)
