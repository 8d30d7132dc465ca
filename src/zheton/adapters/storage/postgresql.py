"""PostgreSQL as a party's database: flushed commits, bounded waiting, errors that name no secret.

Transactions run under READ COMMITTED: the conditional updates decide, not what was read before. A
URL may ask for more (`?options=-c default_transaction_isolation=...`): what was then changed by
others meanwhile ends a transaction (40001), and it is done again.
A URL may name a schema (`?schema=vault`): several parties, or several installations, may then
share one database and still have nothing in common.
"""

import re
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from zheton.adapters.storage.interrupted import InterruptedTransactionError
from zheton.core.errors import ConfigurationError, ConflictError, UnreachableError, ZhetonError

POOL_SIZE, POOL_OVERFLOW = 4, 8
WAIT_S = 10  # for a connection of the pool, for the server's answer to a new one, for a lock
SERVER_MIN = 14
READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}  # one snapshot
PUBLIC = "public"

# An acknowledged burn is on the disk (of the standby too, where the server has a synchronous one).
# The statements are short: compiling them (jit) costs more than it brings. A client that hangs
# with locks in its hands is ended by the server.
_SETTINGS = {
    "synchronous_commit": "on",
    "jit": "off",
    "lock_timeout": f"{WAIT_S}s",
    "idle_in_transaction_session_timeout": f"{6 * WAIT_S}s",
    "timezone": "UTC",
}
_ISOLATION = (
    "-c default_transaction_isolation=read\\ committed"  # unless the URL's options say more
)
_SCHEMA = re.compile("[a-z][a-z0-9_]{0,47}")

# The server's error codes (PostgreSQL, appendix A), whole or by their class.
_ROLLED_BACK = {"40001", "40P01"}
_GONE = {"57P01", "57P02", "57P03", "25P03"}
_CONNECTION_CLASS = "08"
_INTERNAL = "XX000"  # at COMMIT a distributed server may have committed in part
_TROUBLES: dict[str, tuple[type[ZhetonError], str]] = {
    "55P03": (UnreachableError, "keeps a row locked; another process holds it too long"),
    "53100": (UnreachableError, "has no room left on its disk; make some"),
    "53200": (UnreachableError, "has no memory left; give its server more"),
    "53300": (UnreachableError, "has no connection left; raise its max_connections"),
    "25006": (ConfigurationError, "is read-only: a standby; name the primary in the URL"),
    "25P02": (ConflictError, "had refused a statement, so nothing of the transaction was kept"),
    "42501": (
        ConfigurationError,
        "does not let this user make or change tables; grant it CREATE and its schema",
    ),
}
# What libpq tells of a connection that did not come about has no code, but these words.
_REFUSALS: tuple[tuple[str, type[ZhetonError], str], ...] = (
    ("password", ConfigurationError, "refuses the user or the password; correct them in the URL"),
    ("authentication", ConfigurationError, "refuses the user; correct the URL or its pg_hba.conf"),
    ("pg_hba.conf", ConfigurationError, "lets nobody in from here; add a line to its pg_hba.conf"),
    ("role", ConfigurationError, "does not know the user; create it, or correct the URL"),
    ("database", ConfigurationError, "is not on its server; create it (createdb)"),
    ("too many", UnreachableError, "has no connection left; raise its max_connections"),
)


def open_engine(url: URL) -> Engine:
    """An engine with a bounded pool; it connects when it is first used.

    ConfigurationError if the schema's name is none, or a setting of the URL is unknown.
    """
    schema, query = schema_of(url), {k: v for k, v in url.query.items() if k != "schema"}
    settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    asked = query.pop("options", "")
    arguments = {
        "connect_timeout": WAIT_S,
        "keepalives_idle": WAIT_S,
        "tcp_user_timeout": WAIT_S * 1000,
        "application_name": "zheton",
        "options": f"{_ISOLATION} {asked} {settings} -c search_path={schema}",
    }
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query=query),
        connect_args={name: value for name, value in arguments.items() if name not in query},
        hide_parameters=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=WAIT_S,
    )
    event.listen(engine, "connect", _refuse_old)
    event.listen(engine, "commit", _refuse_failed)
    return engine


def schema_of(url: URL) -> str:
    """The schema that a URL names; ConfigurationError if it is no plain name."""
    schema = url.query.get("schema", PUBLIC)
    if not isinstance(schema, str) or not _SCHEMA.fullmatch(schema):
        raise ConfigurationError(
            "The schema in the database's URL must be one name of small letters, digits and _."
        )
    return schema


def name_of(url: URL) -> str:
    """How an operator knows the database; without user and password."""
    host = url.host or url.query.get("host", "localhost")
    schema = f", schema {url.query['schema']}" if "schema" in url.query else ""
    return f"{url.database or ''} at {host}{f':{url.port}' if url.port else ''}{schema}".strip()


def explained(error: Exception, name: str, *, committing: bool) -> ZhetonError | None:
    """A sentence for what is no fault of ours; None for a fault of ours.

    Only names of ours get into it: the server's own words may quote a row.
    """
    if isinstance(error, PoolTimeoutError):
        return UnreachableError(
            f"The database {name} has all {POOL_SIZE + POOL_OVERFLOW} connections busy; "
            "try again later."
        )
    if not isinstance(error, DBAPIError):
        return None
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state in _TROUBLES:
        kind, trouble = _TROUBLES[state]
        return kind(f"The database {name} {trouble}.")
    if state in _ROLLED_BACK:
        return InterruptedTransactionError(
            f"The database {name} ended a transaction in favour of another one; try again.",
            outcome_unknown=False,
        )
    lost = error.connection_invalidated or state in _GONE or state.startswith(_CONNECTION_CLASS)
    if lost or (committing and state == _INTERNAL):
        return InterruptedTransactionError(
            f"The connection to the database {name} was lost; try again when it is there.",
            outcome_unknown=committing,
        )
    return _unconnected(error, name) if not state else None


def _unconnected(error: DBAPIError, name: str) -> ZhetonError | None:
    """Why no connection came about; None if that is not what has happened."""
    if not _is_operational(error.orig):
        return None
    told = str(error.orig)
    for words, kind, trouble in _REFUSALS:
        if f"FATAL:  {words}" in told or (words in told and "FATAL" in told):
            return kind(f"The database {name} {trouble}.")
    return InterruptedTransactionError(
        f"The database {name} does not answer: start its server, or correct the URL.",
        outcome_unknown=False,
    )


def _is_operational(error: BaseException | None) -> bool:
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


def _refuse_failed(connection: Connection) -> None:
    """ConflictError instead of the silent ROLLBACK that a COMMIT after an error is."""
    driver: Any = connection.connection.dbapi_connection
    if driver.info.transaction_status.name == "INERROR":
        raise ConflictError("A statement of this transaction failed, so nothing of it was kept.")


def _refuse_old(connection: Any, _record: object) -> None:
    """ConfigurationError if the server is older than what the statements were written for."""
    version = connection.info.server_version // 10_000
    if version < SERVER_MIN:
        raise ConfigurationError(
            f"This PostgreSQL is version {version}; Zheton needs {SERVER_MIN} or newer."
        )
