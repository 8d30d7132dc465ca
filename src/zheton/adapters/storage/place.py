"""Where each party's tables lie, given one URL for a whole installation.

In PostgreSQL a party has a schema of the named database: one database is what an operator asks
for, backs up and points `--database` at, and parties still share no table and no transaction. The
URL's own `?schema=` stands before the party's, so that several installations may share a database.
In SQLite a party has a file of its own, or all would wait for one writer.
"""

from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.schema import DropSchema

from zheton.adapters.storage.database import parse
from zheton.core.errors import ConfigurationError


def place_of(url: str, party: str) -> str:
    """The URL of a party's database; ConfigurationError if the URL is none.

    >>> place_of("postgresql://zheton@db/pay", "vault")
    'postgresql://zheton@db/pay?schema=vault'
    >>> place_of("postgresql://zheton@db/pay?schema=lab", "vault")
    'postgresql://zheton@db/pay?schema=lab_vault'
    >>> place_of("sqlite:///var/zheton.db", "vault")
    'sqlite:///var/zheton-vault.db'
    """
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite":
        before = parsed.query.get("schema", "")
        placed = parsed.update_query_dict({"schema": f"{before}_{party}" if before else party})
        return placed.render_as_string(hide_password=False)
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationError("Parties can't meet in memory; name a file: sqlite:///zheton.db.")
    file = Path(str(parsed.database))
    placed = parsed.set(database=str(file.with_name(f"{file.stem}-{party}{file.suffix}")))
    return placed.render_as_string(hide_password=False)


def drop(url: str) -> None:
    """Drop the schema that a URL names, and all that is in it; nothing if there is none."""
    parsed = parse(url)
    named = str(parsed.query["schema"])
    query = {name: value for name, value in parsed.query.items() if name != "schema"}
    engine = create_engine(parsed.set(drivername="postgresql+psycopg", query=query))
    with engine.begin() as connection:
        connection.execute(DropSchema(named, cascade=True, if_exists=True))
    engine.dispose()
