"""The histories of the tables: which revision a database has, and the way to the newest one.

Each history is a folder of Alembic revisions in `migrations`, and a table of one row that says how
far a database has come. Alembic itself is imported only where a database is not at the newest.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
)

from zheton.core.errors import ConfigurationError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

FOLDER = Path(__file__).with_name("migrations")
# The newest revision of each history; what the network cleared shares nothing with the vault.
HEADS = {
    "acquirer": "0001",
    "audit": "0001",
    "clearing": "0001",
    "issuer": "0001",
    "receipt": "0001",
    "vault": "0001",
    "wallet": "0001",
}
_LOCK = 0x7A_68_65_74  # "zhet": one process at a time changes the tables of a PostgreSQL database


def version_table(history: str) -> str:
    """The name of the table that says how far a history has come."""
    return f"{history}_revision"


def revision(connection: Connection, history: str) -> str | None:
    """The revision of a database; None where the history has not begun."""
    if not inspect(connection).has_table(version_table(history)):
        return None
    version = _versions(history).c.version_num
    return connection.execute(select(version)).scalar_one_or_none()


def is_current(connection: Connection, history: str) -> bool:
    """Whether nothing has to be done."""
    return revision(connection, history) == HEADS[history]


def bring_up(connection: Connection, metadata: MetaData, name: str) -> None:
    """Bring tables to their newest revision, in the transaction of `connection`.

    An empty database gets the tables as they are now, which is where all revisions lead to.
    """
    history = metadata.info["history"]
    _alone(connection)
    found = revision(connection, history)
    if found is None:
        _begin(connection, metadata, name)
    elif found != HEADS[history]:
        _refuse_unknown(history, found, name)
        upgrade(connection, history)


def upgrade(connection: Connection, history: str, to: str = "head") -> None:
    """Walk a history forwards."""
    script = scripts(history)
    # Alembic keeps its walks under private names; its own commands call them so too.
    _walk(connection, history, lambda current, _context: script._upgrade_revs(to, current))


def downgrade(connection: Connection, history: str, to: str = "base") -> None:
    """Walk a history backwards; what only newer tables can hold is lost."""
    script = scripts(history)
    _walk(connection, history, lambda current, _context: script._downgrade_revs(to, current))


def scripts(history: str) -> "ScriptDirectory":
    """The revisions of a history."""
    from alembic.script import ScriptDirectory

    folder = str(FOLDER / history)
    return ScriptDirectory(folder, version_locations=[folder])


def _walk(connection: Connection, history: str, steps: Callable[[Any, Any], Any]) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    options = {"fn": steps, "version_table": version_table(history)}
    context = MigrationContext.configure(connection, opts=options)
    with Operations.context(context):
        context.run_migrations()


def _begin(connection: Connection, metadata: MetaData, name: str) -> None:
    history = metadata.info["history"]
    there = set(inspect(connection).get_table_names()) & set(metadata.tables)
    if there:
        raise ConfigurationError(
            f"The database {name} has tables without a revision: another version of Zheton made "
            "it; use that one, or start anew with another --data or --database."
        )
    metadata.create_all(connection)
    versions = _versions(history)
    versions.create(connection, checkfirst=True)
    connection.execute(insert(versions), {"version_num": HEADS[history]})


def _alone(connection: Connection) -> None:
    """SQLite has one writer anyhow; PostgreSQL gets a lock, and the schema that its URL names."""
    if connection.dialect.name != "postgresql":
        return
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if connection.execute(text("SELECT current_schema()")).scalar_one() is None:
        wanted = connection.execute(text("SHOW search_path")).scalar_one()
        connection.execute(text(f'CREATE SCHEMA "{wanted}"'))


def _refuse_unknown(history: str, found: str, name: str) -> None:
    known = {script.revision for script in scripts(history).walk_revisions()}
    if found not in known:
        raise ConfigurationError(
            f"The database {name} is of a newer Zheton ({history}, revision {found}); use that "
            "one, or restore a back-up of this one's time."
        )


def _versions(history: str) -> Table:
    version = Column("version_num", String(32), primary_key=True)
    return Table(version_table(history), MetaData(), version)
