"""SQLite as a party's database: WAL, flushed commits, one writer at a time.

Every transaction takes the write lock at once (BEGIN IMMEDIATE), so that a reader can never turn
into a writer half-way and be refused.
"""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from zheton.core.errors import ConfigurationError, ZhetonError

BUSY_TIMEOUT_MS = 10_000
SQLITE_MIN = (3, 38, 0)
READING = {"zheton_reading": True}  # the options of a connection that only reads

# What an operator can do something about; every other error of SQLite is a fault of ours.
_TROUBLES = {
    sqlite3.SQLITE_BUSY: "stays locked by another process; end that process",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a back-up",
    sqlite3.SQLITE_NOTADB: "is no database, or damaged; restore it from a back-up",
    sqlite3.SQLITE_READONLY: "can't be written; give its folder and file to this user",
    sqlite3.SQLITE_PERM: "can't be opened; give its folder and file to this user",
    sqlite3.SQLITE_CANTOPEN: "can't be opened; give its folder and file to this user",
    sqlite3.SQLITE_FULL: "has no room left on its disk; make some",
    sqlite3.SQLITE_IOERR: "can't be read or written; look after its disk",
}
_PRIMARY = 0xFF  # SQLite's extended result codes have the primary one in their last byte


def open_engine(url: URL) -> Engine:
    """An engine for a file, or for a database in memory; ConfigurationError if SQLite is old."""
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        raise ConfigurationError(
            f"This Python has SQLite {sqlite3.sqlite_version}; Zheton needs 3.38 or newer "
            "(its statements read JSON). Take another build of Python."
        )
    options: dict[str, Any] = {"connect_args": {"check_same_thread": False}}
    if url.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool  # one connection, or each would see a database alone
    else:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, **options)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def name_of(url: URL) -> str:
    """How an operator knows the database."""
    return url.database or "in memory"


def explained(error: Exception, name: str, *, committing: bool) -> ZhetonError | None:
    """A sentence for an error of the file or its disk; None for a fault of ours."""
    del committing  # a COMMIT of SQLite that fails has kept nothing
    cause = error.orig if isinstance(error, DBAPIError) else error
    trouble = _TROUBLES.get(getattr(cause, "sqlite_errorcode", 0) & _PRIMARY)
    if trouble is None:
        return None
    return ConfigurationError(f"The database {name} {trouble}, or choose another --data.")


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    reading = connection.get_execution_options().get("zheton_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
