"""What the acquirer needs of the world: a journal that survives."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

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
        """Up to `limit` records with something to present.

        Either approved on a local date up to `until`, or with a refund in no file yet.
        """
        ...

    def of_file(self, file_id: str) -> Sequence[Record]:
        """The records whose sale or refund a clearing file presents."""
        ...


class AcquirerStore(Protocol):
    """The acquirer's database."""

    def transaction(self) -> AbstractContextManager[AcquirerTx]:
        """A transaction: durable when the block has ended, undone if it raises."""
        ...
