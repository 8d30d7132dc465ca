"""Every history of tables, walked both ways on every database, and what is refused."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.migration import (
    HEADS,
    downgrade,
    revision,
    scripts,
    upgrade,
    version_table,
)
from zheton.adapters.storage.revise import TABLES, differences, tables
from zheton.core.errors import ConfigurationError

_SHAPE = {
    "sqlite": (
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%\\_revision%' ESCAPE '\\'"
        " AND sql IS NOT NULL"
    ),
    "postgresql": (
        "SELECT table_name || '.' || column_name, concat_ws(' ', data_type,"
        " character_maximum_length, is_nullable, column_default)"
        " FROM information_schema.columns WHERE table_schema = current_schema()"
        " AND table_name NOT LIKE '%\\_revision'"
        " UNION ALL SELECT indexname, indexdef FROM pg_indexes"
        " WHERE schemaname = current_schema() AND tablename NOT LIKE '%\\_revision'"
    ),
}


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Nothing in it, not even tables."""
    opened = Database(url)
    _clear(opened)
    yield opened
    _clear(opened)
    opened.close()


def test_an_empty_database_is_known(database: Database) -> None:
    assert database.is_empty()
    database.create(tables("wallet"))
    assert not database.is_empty()


def _clear(database: Database) -> None:
    for history in HEADS:
        with database.engine.begin() as connection:
            connection.execute(text(f'DROP TABLE IF EXISTS "{version_table(history)}"'))
            tables(history).drop_all(connection)


def shape(connection: Connection, history: str) -> dict[str, str]:
    """Tables, columns and indexes as the database tells them; receipts go with every history."""
    rows = connection.execute(text(_SHAPE[connection.dialect.name]))
    told = {name: " ".join(told.replace("\t", "").split()) for name, told in rows}
    beside = "" if history == "receipt" else "receipt"
    return {name: text for name, text in told.items() if not beside or beside not in name}


def missing(connection: Connection, history: str) -> list[object]:
    """What Alembic finds different from the tables as they have to be."""
    names = set(tables(history).tables)
    options = {
        "compare_server_default": True,
        "version_table": version_table(history),
        "include_name": lambda name, kind, _parents: kind != "table" or name in names,
    }
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, tables(history)))


@pytest.mark.parametrize("history", HEADS)
def test_all_revisions_lead_to_the_tables_as_they_are(database: Database, history: str) -> None:
    database.create(tables(history))
    with database.reading() as connection:
        made = shape(connection, history)
        assert missing(connection, history) == []
    _clear(database)
    with database.engine.begin() as connection:
        upgrade(connection, history)
    with database.reading() as connection:
        assert missing(connection, history) == []
        assert shape(connection, history) == made
    assert made


@pytest.mark.parametrize("history", HEADS)
def test_the_way_back_leads_to_nothing_and_forth_again(database: Database, history: str) -> None:
    database.create(tables(history))
    with database.engine.begin() as connection:
        downgrade(connection, history)
    with database.reading() as connection:
        left = set(inspect(connection).get_table_names()) - {"receipt"}
        assert left <= {version_table(history), version_table("receipt")}
        assert not left & set(tables(history).tables)
        assert revision(connection, history) is None
    database.create(tables(history))
    with database.reading() as connection:
        assert revision(connection, history) == HEADS[history]


@pytest.mark.parametrize("history", HEADS)
def test_a_database_of_a_newer_zheton_is_left_alone(database: Database, history: str) -> None:
    database.create(tables(history))
    with database.engine.begin() as connection:
        connection.execute(text(f"UPDATE {version_table(history)} SET version_num = '9999'"))  # noqa: S608
    with pytest.raises(ConfigurationError, match="a newer Zheton"):
        database.create(tables(history))


def test_tables_without_a_revision_are_left_alone(database: Database) -> None:
    with database.engine.begin() as connection:
        tables("wallet").create_all(connection)
    with pytest.raises(ConfigurationError, match="another version"):
        database.create(tables("wallet"))


@pytest.mark.parametrize("history", TABLES)
def test_the_newest_revision_is_named(history: str) -> None:
    assert set(TABLES) == set(HEADS)
    assert scripts(history).get_current_head() == HEADS[history]
    assert differences(history).upgrade_ops.is_empty()
