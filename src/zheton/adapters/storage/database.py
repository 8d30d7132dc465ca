"""One party's database: how it is opened, and what a transaction is.

SQLite and PostgreSQL differ in how they are opened, in what they call their troubles, and in the
words of some statements; all else is the same for both. A database says which revision of its
tables it has (`migration`), and one of a newer Zheton is not opened.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, MetaData, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from zheton.adapters.storage import migration, postgresql, receipt, sqlite
from zheton.adapters.storage.interrupted import InterruptedTransactionError, repeated
from zheton.adapters.storage.receipt import Receipt
from zheton.core.errors import ConfigurationError, ZhetonError


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


@dataclass(slots=True)
class _Progress:
    """How far a transaction has come."""

    committing: bool = False
    receipt: Receipt | None = None


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
        self._has_receipts = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot to read from: it takes no lock and sees the last commit."""
        with self._explained(), self.engine.connect() as connection:
            yield connection.execution_options(**self._backend.READING)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: committed (and flushed) when the block ends, rolled back if it raises.

        InterruptedTransactionError if the database ended it. Where the answer to the COMMIT got
        lost, the transaction's receipt is looked up, and the block ends well if it was kept.
        """
        with self._explained() as progress, self.engine.begin() as connection:
            yield connection
            if self._has_receipts:
                progress.receipt = receipt.write(connection)
            progress.committing = True

    def create(self, metadata: MetaData) -> None:
        """Bring tables to their newest revision; ConfigurationError if they can't be brought.

        `metadata.info["history"]` names the history of these tables.
        """
        self._bring_up(metadata)
        if self.engine.dialect.name != "sqlite" and not self._has_receipts:
            self._bring_up(receipt.metadata)
            with self.transaction() as connection:
                receipt.forget_old(connection)
            self._has_receipts = True

    def is_empty(self) -> bool:
        """Whether nobody has made any tables here yet."""
        with self.reading() as connection:
            return not inspect(connection).get_table_names()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _bring_up(self, metadata: MetaData) -> None:
        with self.reading() as connection:
            current = migration.is_current(connection, metadata.info["history"])
        if not current:
            with self.transaction() as connection:
                migration.bring_up(connection, metadata, self.name)

    @contextmanager
    def _explained(self) -> Iterator[_Progress]:
        """Errors of the server, the file and its disk become a sentence."""
        progress = _Progress()
        try:
            yield progress
        except Exception as error:
            told = self._backend.explained(error, self.name, committing=progress.committing)
            if told is None:
                raise
            if isinstance(told, InterruptedTransactionError) and told.outcome_unknown:
                if self._was_kept(progress.receipt):
                    return
                told = InterruptedTransactionError(str(told), outcome_unknown=False)
            raise told from error

    def _was_kept(self, lost: Receipt | None) -> bool:
        """Whether a transaction was committed whose COMMIT got no answer.

        InterruptedTransactionError, with an unknown outcome, while nobody can tell.
        """
        if not self._has_receipts:
            raise self._unknown()
        if lost is None:  # it wrote nothing, so all of that was kept
            return True

        def ask() -> bool:
            with self._explained(), self.engine.begin() as connection:
                return receipt.was_kept(connection, lost)

        try:
            return repeated(ask)
        except ZhetonError as error:
            raise self._unknown() from error

    def _unknown(self) -> InterruptedTransactionError:
        return InterruptedTransactionError(
            f"The connection to the database {self.name} was lost at a COMMIT, and nobody can tell "
            "yet whether it was kept; look after its server.",
            outcome_unknown=True,
        )


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
