"""What the network remembers of clearing: files, and what became of each record.

The tables may live in any database of the network's; they share nothing with others in it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
    tuple_,
)
from sqlalchemy.exc import IntegrityError

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.interrupted import OvertakenError
from zheton.core.decline import Decline, Reason
from zheton.roles.network.clear import DebitKey, FileVerdicts, Verdict

METADATA = MetaData(info={"history": "clearing"})
KEYS_A_STATEMENT = 300

FILES = Table(
    "clearing_files",
    METADATA,
    Column("id", String(25), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
)
RECORDS = Table(
    "clearing_records",
    METADATA,
    Column("file_id", String(25), primary_key=True),
    Column("record", Integer, primary_key=True),
    Column("acquirer", String(11), nullable=False),
    Column("retrieval_reference", String(12), nullable=False),
    Column("processing_code", String(6), nullable=False),
    Column("issuer", String(32), nullable=False),
    Column("reason", String(32)),
    Column("text", String(200), nullable=False),
)
_KEY = (RECORDS.c.acquirer, RECORDS.c.retrieval_reference, RECORDS.c.processing_code)
_IS_CLEARED = RECORDS.c.issuer != ""
# A debit clears once, whoever asks and however many ask at the same time.
Index("cleared_once", *_KEY, unique=True, sqlite_where=_IS_CLEARED, postgresql_where=_IS_CLEARED)


class ClearingDatabase:
    """The network's clearing store; makes its tables when it is opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(METADATA)

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """A transaction: durable when the block has ended, undone if it raises."""
        with self._database.transaction() as connection:
            yield Transaction(connection)


class Transaction:
    """The single operations of `roles.network.clear.ClearingTransaction` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def file(self, file_id: str) -> FileVerdicts | None:
        """What became of a file."""
        query = select(FILES.c.fingerprint).where(FILES.c.id == file_id)
        fingerprint = self._connection.execute(query).scalar_one_or_none()
        if fingerprint is None:
            return None
        records = select(RECORDS).where(RECORDS.c.file_id == file_id).order_by(RECORDS.c.record)
        rows = self._connection.execute(records)
        return FileVerdicts(bytes(fingerprint), [_verdict(row) for row in rows])

    def cleared(self, keys: Collection[DebitKey]) -> Collection[DebitKey]:
        """Which of these debits were cleared."""
        ordered, found = list(keys), []
        for start in range(0, len(ordered), KEYS_A_STATEMENT):
            part = ordered[start : start + KEYS_A_STATEMENT]
            query = select(*_KEY).where(_IS_CLEARED, tuple_(*_KEY).in_(part))
            found += [(row[0], row[1], row[2]) for row in self._connection.execute(query)]
        return found

    def add_file(self, file_id: str, verdicts: FileVerdicts) -> None:
        """Keep a file's verdicts."""
        rows = [_row(file_id, verdict) for verdict in verdicts.verdicts]
        try:
            self._connection.execute(
                insert(FILES), [{"id": file_id, "fingerprint": verdicts.fingerprint}]
            )
            if rows:
                self._connection.execute(insert(RECORDS), rows)
        except IntegrityError as error:
            raise OvertakenError(
                f"Clearing file {file_id} or one of its debits was cleared meanwhile; send the "
                "file again."
            ) from error.__cause__


def _verdict(row: Any) -> Verdict:
    decline = Decline(Reason(row.reason), row.text) if row.reason else None
    return Verdict(
        record=row.record,
        acquirer=row.acquirer,
        retrieval_reference=row.retrieval_reference,
        processing_code=row.processing_code,
        issuer=row.issuer,
        decline=decline,
    )


def _row(file_id: str, verdict: Verdict) -> dict[str, Any]:
    decline = verdict.decline
    return {
        "file_id": file_id,
        "record": verdict.record,
        "acquirer": verdict.acquirer,
        "retrieval_reference": verdict.retrieval_reference,
        "processing_code": verdict.processing_code,
        "issuer": verdict.issuer,
        "reason": decline.reason.value if decline else None,
        "text": decline.text if decline else "",
    }
