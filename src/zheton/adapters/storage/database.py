"""One party's database: how it is opened, and what a transaction is.

SQLite runs in WAL mode with `synchronous=FULL`: a commit that returned is on the disk. Every
transaction takes the write lock at once (BEGIN IMMEDIATE), so that a reader can never turn into
a writer half-way and be refused. A file says which format it has, and none but ours is opened.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from zheton.core.errors import ConfigurationError

BUSY_TIMEOUT_MS = 10_000
FORMAT = 1  # of the tables of all parties; SQLite keeps it as `user_version`

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
SQLITE_MIN = (3, 38, 0)


class Database:
    """A database by its URL (`sqlite:///file`, `sqlite://` in memory); safe to share by threads."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigurationError(
                f"{url!r} is no database URL; write it as sqlite:///var/vault.db."
            ) from error
        if sqlite3.sqlite_version_info < SQLITE_MIN:
            raise ConfigurationError(
                f"This Python has SQLite {sqlite3.sqlite_version}; Zheton needs 3.38 or newer "
                "(its statements read JSON). Take another build of Python."
            )
        if parsed.get_backend_name() != "sqlite":
            raise ConfigurationError("Only SQLite is there so far; write sqlite:///file.")
        options: dict[str, Any] = {"connect_args": {"check_same_thread": False}}
        if parsed.database in (None, "", ":memory:"):
            options["poolclass"] = StaticPool  # one connection, or each would see a database alone
        else:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        self.url = url
        self.engine = create_engine(parsed, hide_parameters=True, **options)
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin_immediate)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot to read from: it takes no lock and sees the last commit."""
        with self._explained(), self.engine.connect() as connection:
            yield connection.execution_options(zheton_reading=True)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: committed (and flushed) when the block ends, rolled back if it raises."""
        with self._explained(), self.engine.begin() as connection:
            yield connection

    def create(self, metadata: MetaData) -> None:
        """Make the tables that are not there yet; ConfigurationError if the format is not ours."""
        with self.transaction() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            fresh = not connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").first()
            if found != FORMAT and not fresh:
                raise ConfigurationError(
                    f"The database {self._name} has format {found} and not {FORMAT}: another "
                    "version of Zheton made it; use that one, or start anew with another --data."
                )
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={FORMAT}")

    @property
    def _name(self) -> str:
        return self.engine.url.database or "in memory"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of the file and its disk become a sentence; ConfigurationError."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY
            if code not in _TROUBLES:
                raise
            told = f"The database {self._name} {_TROUBLES[code]}, or choose another --data."
            raise ConfigurationError(told) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


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
