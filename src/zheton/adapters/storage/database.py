"""One party's database: how it is opened, and what a transaction is.

SQLite and PostgreSQL differ in how they are opened, in what they call their troubles, and in the
words of some statements; all else is the same for both. A database says which revision of its
tables it has (`migration`), and one of a newer Zheton is not opened.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, MetaData, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from zheton.adapters.storage import migration, postgresql, sqlite
from zheton.adapters.storage.interrupted import repeated
from zheton.core.errors import ConfigurationError, ZhetonError

Result = TypeVar("Result")


class Backend(Protocol):
    """What the module of one kind of database has."""

    @property
    def READING(self) -> dict[str, Any]:
        """The execution options of a connection that only reads."""

    def open_engine(self, url: URL) -> Engine:
        """The engine of a URL."""

    def name_of(self, url: URL) -> str:
        """How an operator knows the database; no secret is in it."""

    def explained(self, error: Exception, name: str, *, committing: bool) -> ZhetonError | None:
        """A sentence for an error that is no fault of ours."""


BACKENDS: dict[str, Backend] = {
    "sqlite": sqlite,
    "postgresql": postgresql,
    "postgres": postgresql,
}


class Database:
    """A database by its URL; safe to share by threads.

    `sqlite:///file`, `sqlite://` in memory, `postgresql://user:password@host/database?schema=name`.
    """

    def __init__(self, url: str) -> None:
        parsed = parse(url)
        self.url = url
        self._backend = BACKENDS[parsed.get_backend_name()]
        self.name = self._backend.name_of(parsed)
        self.engine = self._backend.open_engine(parsed)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot to read from: it takes no lock and sees the last commit."""
        with self._explained(), self.engine.connect() as connection:
            yield connection.execution_options(**self._backend.READING)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: committed (and flushed) when the block ends, rolled back if it raises.

        InterruptedTransactionError if the database ended it.
        """
        with self._explained() as progress, self.engine.begin() as connection:
            yield connection
            progress["committing"] = True

    def repeat(self, work: Callable[[Connection], Result], *, looks_first: bool) -> Result:
        """The result of `work` in a transaction, done again where that is safe (`repeated`)."""

        def once() -> Result:
            with self.transaction() as connection:
                return work(connection)

        return repeated(once, looks_first=looks_first)

    def create(self, metadata: MetaData) -> None:
        """Bring tables to their newest revision; ConfigurationError if they can't be brought.

        `metadata.info["history"]` names the history of these tables.
        """
        history = metadata.info["history"]
        with self.reading() as connection:
            current = migration.is_current(connection, history)
        if not current:
            with self.transaction() as connection:
                migration.bring_up(connection, metadata, self.name)

    def is_empty(self) -> bool:
        """Whether nobody has made any tables here yet."""
        with self.reading() as connection:
            return not inspect(connection).get_table_names()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[dict[str, bool]]:
        """Errors of the server, the file and its disk become a sentence."""
        progress = {"committing": False}
        try:
            yield progress
        except Exception as error:
            told = self._backend.explained(error, self.name, **progress)
            if told is None:
                raise
            raise told from error


def parse(url: str) -> URL:
    """A database's URL in its parts; ConfigurationError if it is none, without quoting it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            "This is no database URL; write it as sqlite:///var/vault.db or "
            "postgresql://user:password@host/database."
        ) from error.__cause__  # the error itself quotes the URL, which may hold a password
    if parsed.get_backend_name() not in BACKENDS:
        raise ConfigurationError(
            f"Zheton keeps nothing in {parsed.get_backend_name()}; write a URL of sqlite or "
            "postgresql."
        )
    return parsed
