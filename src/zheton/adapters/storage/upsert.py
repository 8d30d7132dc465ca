"""INSERT ... ON CONFLICT in the words of the database at hand: SQLAlchemy has a class for each."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table) -> Any:
    """An insert that has `on_conflict_do_update`; both databases mean the same by it."""
    kinds = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return kinds[connection.dialect.name](table)
