"""What is PostgreSQL's alone: what goes wrong with a server, and transactions that it ends."""

from collections.abc import Callable, Iterator
from threading import Barrier, Thread

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url

from zheton.adapters.storage import postgresql, vault_postgresql, vault_sqlite
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.interrupted import (
    PATIENCE_S,
    TRIES,
    InterruptedTransactionError,
    OvertakenError,
    repeated,
)
from zheton.core.errors import ConfigurationError, ConflictError, UnreachableError, ZhetonError

SECRET = "s3cret-Passw0rd"
ROWS = 2


@pytest.fixture
def database(postgresql_session: tuple[str, object]) -> Iterator[Database]:
    opened = Database(postgresql_session[0])
    schema = make_url(opened.url).query["schema"]
    with opened.transaction() as connection:
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
        connection.execute(text("CREATE TABLE race (id integer PRIMARY KEY, n integer NOT NULL)"))
        connection.execute(text("INSERT INTO race VALUES (0, 0), (1, 0)"))
    yield opened
    with opened.transaction() as connection:
        connection.execute(text("DROP TABLE race"))
    opened.close()


def add(connection: Connection, row: int) -> None:
    connection.execute(text("UPDATE race SET n = n + 1 WHERE id = :id"), {"id": row})


def done_again(database: Database, work: Callable[[Connection], None]) -> None:
    """Work in a transaction, again where that was ended."""

    def once() -> None:
        with database.transaction() as connection:
            work(connection)

    repeated(once)


def total(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT sum(n) FROM race")).scalar_one())


def test_every_statement_of_the_vault_is_in_both_files() -> None:
    names = {name for name in vars(vault_postgresql) if name.isupper() and name[0] != "_"}
    assert names <= set(vars(vault_sqlite))
    assert names >= {"LEASES", "BURN", "SPEND", "BIND_SHOP", "FINISH", "SEEN", "APPEND"}


def test_a_commit_is_flushed_and_waiting_is_bounded(database: Database) -> None:
    with database.transaction() as connection:
        for name, value in {
            "synchronous_commit": "on",
            "jit": "off",
            "transaction_isolation": "read committed",
            "lock_timeout": "10s",
        }.items():
            assert connection.execute(text(f"SHOW {name}")).scalar_one() == value
    assert database.engine.pool.status()


def test_reading_is_one_moment_and_writes_nothing(database: Database) -> None:
    with database.reading() as connection:
        connection.execute(text("SELECT 1 FROM race")).all()
        with database.transaction() as other:
            add(other, 0)
        assert connection.execute(text("SELECT sum(n) FROM race")).scalar_one() == 0
    assert total(database) == 1


def test_two_that_wait_for_each_other_both_end_well(database: Database) -> None:
    met = Barrier(2, timeout=30)
    tries: list[int] = []

    def crosswise(first: int) -> None:
        attempts = 0

        def work(connection: Connection) -> None:
            nonlocal attempts
            attempts += 1
            add(connection, first)
            if attempts == 1:
                met.wait()
            add(connection, 1 - first)

        done_again(database, work)
        tries.append(attempts)

    threads = [Thread(target=crosswise, args=(first,)) for first in range(ROWS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total(database) == 2 * ROWS
    assert sorted(tries) == [1, 2]


def test_a_connection_that_is_cut_is_made_anew(database: Database) -> None:
    attempts = 0

    def work(connection: Connection) -> None:
        nonlocal attempts
        attempts += 1
        add(connection, 0)
        if attempts == 1:
            own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with database.transaction() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
            add(connection, 1)

    done_again(database, work)
    assert (attempts, total(database)) == (2, 1)


def test_a_commit_without_an_answer_is_an_unknown_outcome(database: Database) -> None:
    with pytest.raises(InterruptedTransactionError) as caught, database.transaction() as connection:
        add(connection, 0)
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with database.transaction() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own})
    assert caught.value.outcome_unknown


def test_a_transaction_that_failed_is_not_committed_in_silence(database: Database) -> None:
    with pytest.raises(ConflictError), database.transaction() as connection:
        add(connection, 0)
        with pytest.raises(Exception, match="race_pkey"):
            connection.execute(text("INSERT INTO race VALUES (0, 0)"))
    assert total(database) == 0


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (InterruptedTransactionError("cut", outcome_unknown=True), 1),
        (InterruptedTransactionError("cut", outcome_unknown=False), TRIES),
        (OvertakenError("there already"), TRIES),
        (ConflictError("suspended"), 1),
    ],
)
def test_work_is_done_again_where_that_is_safe(error: ZhetonError, tries: int) -> None:
    done: list[int] = []
    pauses: list[float] = []

    def work() -> None:
        done.append(1)
        raise error

    with pytest.raises(type(error)):
        repeated(work, pause=pauses.append)
    assert len(done) == tries
    assert len(pauses) == tries - 1
    assert all(pause <= 1.0 for pause in pauses)


def test_nobody_waits_for_ever_for_work_that_takes_long() -> None:
    moment = 0.0

    def work() -> None:
        nonlocal moment
        moment += PATIENCE_S / 2 + 1
        raise InterruptedTransactionError("away", outcome_unknown=False)

    with pytest.raises(InterruptedTransactionError):
        repeated(work, pause=lambda _: None, elapsed_s=lambda: moment)
    assert moment == PATIENCE_S + 2


def complaint(url: URL) -> ZhetonError:
    database = Database(url.render_as_string(hide_password=False))
    with pytest.raises(ZhetonError) as caught, database.transaction():
        raise AssertionError
    database.close()
    return caught.value


def test_what_is_wrong_with_a_server_is_told_without_its_password(postgresql_server: URL) -> None:
    with_secret = postgresql_server.set(password=SECRET)
    away = with_secret.set(host="127.0.0.1", port=1, query={})
    missing = complaint(with_secret.set(database="nowhere"))
    stranger = complaint(with_secret.set(username="stranger"))
    silent = complaint(away)
    assert isinstance(missing, ConfigurationError) and "createdb" in str(missing)
    assert isinstance(stranger, ConfigurationError)
    assert isinstance(silent, UnreachableError) and "127.0.0.1:1" in str(silent)
    for told in (missing, stranger, silent):
        assert SECRET not in str(told)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql:/zheton:{SECRET}@host",
        f"postgresql://zheton:{SECRET}@host:port/name",
        f"mysql://zheton:{SECRET}@host/name",
        f"postgresql://zheton:{SECRET}@host/name?schema=a;b",
    ],
)
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Database(url)
    assert SECRET not in str(caught.value)


def test_an_old_server_is_refused() -> None:
    class Info:
        server_version = 130_012

    class Old:
        info = Info()

    with pytest.raises(ConfigurationError, match="version 13"):
        postgresql._refuse_old(Old(), None)
