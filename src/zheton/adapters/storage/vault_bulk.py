"""One statement for a whole group, in the words of the database that it is run on.

SQLite takes the group as one JSON array (`vault_sqlite`), PostgreSQL as one array a column
(`vault_postgresql`), in binary. Either way its text is always the same, so it stays compiled.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, TextClause, text

from zheton.adapters.storage import vault_postgresql, vault_sqlite


@dataclass(frozen=True, slots=True)
class Bulk:
    """A statement in the words of each database."""

    sqlite: TextClause
    postgresql: str


def bulk(name: str) -> Bulk:
    """The statement that both files of statements have under a name."""
    return Bulk(text(getattr(vault_sqlite, name)), getattr(vault_postgresql, name))


def run(connection: Connection, statement: Bulk, entries: Sequence[Sequence[Any]]) -> list[Any]:
    """The rows of a statement for a list of entries; no entries, no round trip."""
    if not entries:
        return []
    if connection.dialect.name == "sqlite":
        result = connection.execute(statement.sqlite, {"entries": json.dumps(entries)})
    else:
        columns = {f"c{i}": list(column) for i, column in enumerate(zip(*entries, strict=True))}
        result = connection.exec_driver_sql(statement.postgresql, columns)
    return list(result.mappings())
