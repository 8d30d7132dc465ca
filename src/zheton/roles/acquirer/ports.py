"""What the acquirer needs of the world: a journal that survives."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from zheton.core.follow_up import FollowUpKind
from zheton.roles.acquirer.follow_up import FollowUp
from zheton.roles.acquirer.state import Record, Status


class AcquirerTx(Protocol):
    """Single operations within one transaction. Records come in the order of `rrn`, locked."""

    def take(self, counter: str, count: int) -> int:
        """The first of `count` numbers of a named counter that nobody gets again; from 1 on.

        Taking none costs nothing and names the next.
        """
        ...

    def add(self, records: Sequence[Record]) -> None:
        """New records; ConflictError if a retrieval reference is there already."""
        ...

    def put(self, records: Sequence[Record]) -> None:
        """Records as they are now, in place of what they were."""
        ...

    def find(self, rrns: Collection[str]) -> Sequence[Record]:
        """Records by retrieval reference; unknown ones are left out."""
        ...

    def with_status(self, status: Status, limit: int) -> Sequence[Record]:
        """Up to `limit` records that stand so."""
        ...

    def sent_before(self, moment: datetime, limit: int) -> Sequence[Record]:
        """Up to `limit` records still `sent` that were sent before a moment (UTC)."""
        ...

    def to_present(self, until: date, limit: int) -> Sequence[Record]:
        """Up to `limit` records to present: approved on a local date up to `until`.

        Those that are preauthorised only when they are completed, and none with a follow-up under
        way.
        """
        ...

    def of_file(self, file_id: str) -> Sequence[Record]:
        """The records that a clearing file presents."""
        ...

    def add_follow_up(self, line: FollowUp) -> None:
        """A new follow-up; ConflictError if its sale has one of this reference already."""
        ...

    def put_follow_ups(self, lines: Sequence[FollowUp]) -> None:
        """Follow-ups as they are now, in place of what they were."""
        ...

    def follow_up(self, rrn: str, reference: str) -> FollowUp | None:
        """A follow-up of a sale by the shop's reference."""
        ...

    def count_follow_ups(self, rrn: str, kind: FollowUpKind) -> int:
        """How many follow-ups of a kind a sale has."""
        ...

    def follow_ups_with(self, status: Status, before: datetime, limit: int) -> Sequence[FollowUp]:
        """Up to `limit` follow-ups that stand so and were sent before a moment, oldest first."""
        ...

    def refunds_to_present(self, limit: int) -> Sequence[FollowUp]:
        """Up to `limit` approved refunds that are in no file yet."""
        ...

    def refunds_of_file(self, file_id: str) -> Sequence[FollowUp]:
        """The refunds that a clearing file presents."""
        ...


class AcquirerStore(Protocol):
    """The acquirer's database."""

    def transaction(self) -> AbstractContextManager[AcquirerTx]:
        """A transaction: durable when the block has ended, undone if it raises."""
        ...
