"""What an acquirer's journal must do for what follows a sale, on each database there is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.database import Database
from zheton.core.errors import ConflictError
from zheton.core.follow_up import FollowUpKind
from zheton.core.money import money
from zheton.roles.acquirer.follow_up import FollowUp, Wish
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.state import Cause, Status

NOON = datetime(2019, 8, 20, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(microseconds=1)


@pytest.fixture
def store(url: str) -> Iterator[AcquirerDatabase]:
    database = Database(url)
    yield AcquirerDatabase(database)
    database.close()


def line(number: int, kind: FollowUpKind = FollowUpKind.REFUND, **changes: object) -> FollowUp:
    new = FollowUp(
        rrn=f"{number:012d}",
        wish=Wish(kind, "one", money("25", "RUB")),
        message_rrn=f"9{number:011d}",
        held_minor=10_000,
        stan="000001",
        transmitted="0820090000",
        sent_at=NOON,
        local_time=datetime.fromisoformat("2019-08-20T15:00:00"),
    )
    return replace(new, **changes)  # type: ignore[arg-type]


def keep(store: AcquirerStore, *lines: FollowUp) -> None:
    with store.transaction() as transaction:
        for each in lines:
            transaction.add_follow_up(each)


def test_every_part_of_a_line_survives_and_changes(store: AcquirerStore) -> None:
    new = line(1)
    keep(store, new)
    done = replace(
        new,
        status=Status.REVERSING,
        response_code="00",
        auth_code="A1B2C3",
        cause=Cause.ABANDONED,
        reversal_stan="000002",
        reversal_transmitted="0820090001",
        file_id="0" * 25,
    )
    with store.transaction() as transaction:
        assert transaction.follow_up(new.rrn, "one") == new
        assert transaction.follow_up(new.rrn, "two") is None
        transaction.put_follow_ups([done])
        transaction.put_follow_ups([])
    with store.transaction() as transaction:
        assert transaction.follow_up(new.rrn, "one") == done


def test_a_reference_is_taken_once_a_sale(store: AcquirerStore) -> None:
    keep(store, line(1), line(2))
    with pytest.raises(ConflictError):
        keep(store, line(1, FollowUpKind.INCREMENT))
    with store.transaction() as transaction:
        counts = [transaction.count_follow_ups(line(1).rrn, kind) for kind in FollowUpKind]
    assert counts == [int(kind is FollowUpKind.REFUND) for kind in FollowUpKind]


def test_lines_by_status_are_bounded_and_the_oldest_first(store: AcquirerStore) -> None:
    old, new, ended = line(2), line(1, sent_at=LATER), line(3, status=Status.DECLINED)
    keep(store, new, old, ended)
    with store.transaction() as transaction:
        assert transaction.follow_ups_with(Status.SENT, NOON, 9) == [old]
        assert transaction.follow_ups_with(Status.SENT, LATER, 9) == [old, new]
        assert transaction.follow_ups_with(Status.SENT, LATER, 1) == [old]
        assert transaction.follow_ups_with(Status.REVERSED, LATER, 9) == []


def test_refunds_are_presented_once_they_are_approved(store: AcquirerStore) -> None:
    approved = line(1, status=Status.APPROVED)
    raised = line(2, FollowUpKind.INCREMENT, status=Status.APPROVED)
    presented = line(3, status=Status.APPROVED, file_id="f")
    keep(store, approved, raised, presented, line(4))
    with store.transaction() as transaction:
        assert transaction.refunds_to_present(9) == [approved]
        assert transaction.refunds_to_present(0) == []
        assert transaction.refunds_of_file("f") == [presented]
        assert transaction.refunds_of_file("g") == []
