"""What every acquirer store must do, run on each one there is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.database import Database
from zheton.core.clearing import CardAcceptor
from zheton.core.errors import ConflictError
from zheton.core.money import money
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.state import Cause, Record, Status

NOON = datetime(2019, 8, 20, 9, 0, tzinfo=UTC)
SHOP = CardAcceptor("MSKCOFFEE", "Kofeynya", "Moscow", "RUS", "5814", "MSK00001")
Open = Callable[[], AcquirerStore]


@pytest.fixture
def reopen(url: str) -> Iterator[Open]:
    """Opens the same store again; what lasts is opened as another process would."""
    databases: list[Database] = []

    def open_again() -> AcquirerStore:
        if not databases or url != "sqlite://":
            databases.append(Database(url))
        return AcquirerDatabase(databases[-1])

    yield open_again
    for database in databases:
        database.close()


@pytest.fixture
def store(reopen: Open) -> AcquirerStore:
    return reopen()


def record(count: int, **changes: object) -> Record:
    made = Record(
        rrn=f"{count:012d}",
        stan=f"{count:06d}",
        transmitted="0820090000",
        sent_at=NOON,
        acquirer_id="400001",
        acceptor=SHOP,
        channel=Channel.TILL,
        amount=money("350", "RUB"),
        number="5413330089010012",
        expiry="2812",
        local_time=datetime.fromisoformat("2019-08-20T12:00:00"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def keep(store: AcquirerStore, *records: Record) -> None:
    with store.transaction() as transaction:
        transaction.add(records)


def test_every_part_of_a_record_survives(store: AcquirerStore, reopen: Open) -> None:
    full = record(
        1,
        status=Status.REVERSING,
        response_code="00",
        auth_code="A1B2C3",
        par="V" * 29,
        cause=Cause.CANCELLED,
        reversal_stan="000002",
        reversal_transmitted="0820090001",
        file_id="0" * 25,
        preauthorised=True,
        completed=True,
        changed_minor=-1_000,
        refunded_minor=999_999_999_999,
        under_way="checkout-7",
    )
    keep(store, full, record(2))
    with reopen().transaction() as transaction:
        assert transaction.find({"000000000001", "000000000002", "0" * 12}) == [full, record(2)]


def test_put_changes_what_may_change(store: AcquirerStore) -> None:
    keep(store, record(1), record(2))
    approved = record(1, status=Status.APPROVED, auth_code="123456", par="P" * 29)
    with store.transaction() as transaction:
        transaction.put([approved])
        transaction.put([])
        assert transaction.find({approved.rrn, record(2).rrn}) == [approved, record(2)]


def test_a_retrieval_reference_is_taken_once(store: AcquirerStore) -> None:
    keep(store, record(1))
    with pytest.raises(ConflictError) as caught, store.transaction() as transaction:
        transaction.add([record(2), record(1)])
    assert "5413330089010012" not in str(caught.value)
    with store.transaction() as transaction:
        assert transaction.find({record(2).rrn}) == []


def test_a_transaction_that_raises_leaves_nothing(store: AcquirerStore) -> None:
    with pytest.raises(RuntimeError), store.transaction() as transaction:
        transaction.add([record(1)])
        transaction.take("trace", 5)
        raise RuntimeError("power cut")
    with store.transaction() as transaction:
        assert transaction.find({record(1).rrn}) == []
        assert transaction.take("trace", 1) == 1


def test_counters_never_give_a_number_twice(store: AcquirerStore, reopen: Open) -> None:
    with store.transaction() as transaction:
        assert [transaction.take("trace", n) for n in (3, 0, 1)] == [1, 4, 4]
        assert transaction.take("file/2019-08-20", 1) == 1
    with reopen().transaction() as transaction:
        assert transaction.take("trace", 2) == 5


def test_many_keys_are_found(store: AcquirerStore) -> None:
    records = [record(count) for count in range(1000)]
    keep(store, *records)
    with store.transaction() as transaction:
        assert transaction.find({each.rrn for each in records}) == records


def test_records_by_status_are_bounded_and_in_order(store: AcquirerStore) -> None:
    keep(store, record(3), record(1), record(2), record(4, status=Status.DECLINED))
    with store.transaction() as transaction:
        assert transaction.with_status(Status.SENT, 2) == [record(1), record(2)]
        assert transaction.with_status(Status.SENT, 0) == []
        assert transaction.with_status(Status.REVERSED, 9) == []


def test_records_sent_before_a_moment_in_any_zone(store: AcquirerStore) -> None:
    late = record(2, sent_at=NOON + timedelta(milliseconds=1))
    keep(store, record(1), late, record(3, status=Status.APPROVED))
    moscow = (NOON + timedelta(milliseconds=1)).astimezone(timezone(timedelta(hours=3)))
    with store.transaction() as transaction:
        assert transaction.sent_before(NOON, 9) == []
        assert transaction.sent_before(moscow, 9) == [record(1)]
        assert transaction.sent_before(NOON + timedelta(days=1), 9) == [record(1), late]


def test_what_is_to_be_presented(store: AcquirerStore) -> None:
    midnight = datetime.fromisoformat("2019-08-21T00:00:00")
    approved = record(1, status=Status.APPROVED, local_time=midnight - timedelta(seconds=1))
    tomorrow = record(2, status=Status.APPROVED, local_time=midnight)
    cleared = record(3, status=Status.CLEARED, file_id="f")
    held = replace(approved, rrn="4".zfill(12), preauthorised=True)
    completed = replace(held, rrn="5".zfill(12), completed=True)
    busy = replace(completed, rrn="7".zfill(12), under_way="refund-1")
    keep(store, approved, tomorrow, cleared, held, completed, record(6), busy)
    with store.transaction() as transaction:
        assert transaction.to_present(date(2019, 8, 20), 9) == [approved, completed]
        assert transaction.to_present(date(2019, 8, 21), 9) == [approved, tomorrow, completed]
        assert transaction.to_present(date(2019, 8, 21), 1) == [approved]
        assert transaction.of_file("f") == [cleared]
        assert transaction.of_file("g") == []
