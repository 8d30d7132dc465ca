"""The databases that every store has to work on, each empty when a test gets it.

Tables of PostgreSQL are made by the first test that wants them and emptied for the next: that is
ten times as fast as making them anew.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, delete, inspect, table, text
from sqlalchemy.engine import URL

KINDS = ("sqlite-file", "sqlite-memory", "postgresql")


@pytest.fixture(scope="session")
def postgresql_session(postgresql_server: URL) -> Iterator[tuple[str, Engine]]:
    """The URL of a schema of this session's own, and the way to empty it."""
    schema = f"zheton_test_{uuid4().hex[:12]}"
    engine = create_engine(
        postgresql_server.set(drivername="postgresql+psycopg"),
        connect_args={"options": f"-c search_path={schema}"},
    )
    url = postgresql_server.update_query_dict({"schema": schema})
    yield url.render_as_string(hide_password=False), engine
    with engine.begin() as connection:
        connection.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
    engine.dispose()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of the kind."""
    if kind == "sqlite-memory":
        return "sqlite://"
    if kind == "sqlite-file":
        return f"sqlite:///{tmp_path}/store.db"
    named: tuple[str, Engine] = request.getfixturevalue("postgresql_session")
    _empty(named[1])
    return named[0]


def _empty(engine: Engine) -> None:
    with engine.begin() as connection:
        tables = inspect(connection).get_table_names()
        for name in tables:
            if not name.endswith("_revision"):
                connection.execute(delete(table(name)))
