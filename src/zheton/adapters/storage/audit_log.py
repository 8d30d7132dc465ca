"""Reading the detokenisation log: one bucket at a time, each at one moment.

Every chain lies in one bucket, so nothing here needs a moment of the whole database.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, select

from zheton.adapters.storage.audit_tables import audit_card, audit_entry, audit_head, metadata
from zheton.adapters.storage.database import Database
from zheton.core.errors import VerificationError
from zheton.core.token.audit.chain import NO_ENTRIES, CardTip, Tip
from zheton.core.token.audit.entry import NOTHING_BEFORE, Entry, Resolution, first_hash
from zheton.core.token.audit.inspect import Stored

ROWS_A_FETCH = 1000
_ID_BYTES = 16


def create_tables(database: Database) -> None:
    """Make the log's tables where they are missing."""
    database.create(metadata)


class SqlAuditLog:
    """The log in any database that `Database` opens (`roles.tsp.audit.AuditLog`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        create_tables(database)

    def tips(self) -> Mapping[int, Tip]:
        """Where the chain of each bucket ends that has entries."""
        with self._database.reading() as connection:
            rows = connection.execute(select(audit_head).where(audit_head.c.entries > 0))
            return {row.bucket: Tip(row.entries, bytes(row.head)) for row in rows}

    @contextmanager
    def reading(self, bucket: int) -> Iterator["BucketView"]:
        """One bucket as it is at this moment."""
        with self._database.reading() as connection:
            yield BucketView(connection, bucket)


class BucketView:
    """One bucket of the log, at one moment."""

    def __init__(self, connection: Connection, bucket: int) -> None:
        self._connection, self.bucket = connection, bucket

    def tip(self) -> Tip:
        """Where its chain ends, as its head says."""
        query = select(audit_head).where(audit_head.c.bucket == self.bucket)
        row = self._connection.execute(query).first()
        return Tip(row.entries, bytes(row.head)) if row else Tip.empty(self.bucket)

    def hash_at(self, seq: int) -> bytes:
        """The stored hash of an entry; what the first follows for 0, NOTHING_BEFORE for none."""
        if seq == 0:
            return first_hash(self.bucket)
        query = select(audit_entry.c.hash).where(*self._is(seq))
        found = self._connection.execute(query).scalar()
        return NOTHING_BEFORE if found is None else bytes(found)

    def cards(self, first: str, last: str) -> Mapping[str, CardTip]:
        """Where the chains of the cards end whose ids lie between two, both included."""
        query = select(audit_card).where(
            audit_card.c.bucket == self.bucket,
            audit_card.c.card.between(bytes.fromhex(first), bytes.fromhex(last)),
        )
        return {
            bytes(row.card).hex(): CardTip(row.entries, row.last, bytes(row.head))
            for row in self._connection.execute(query)
        }

    def changed(self, after: int) -> set[str]:
        """The cards that have entries behind a place of the chain."""
        query = (
            select(audit_entry.c.card)
            .distinct()
            .where(audit_entry.c.bucket == self.bucket, audit_entry.c.seq > after)
        )
        return {bytes(card).hex() for card in self._connection.execute(query).scalars()}

    def rows(self) -> Iterator[Stored]:
        """Every entry in its order; VerificationError at one that holds no entry at all."""
        query = (
            select(audit_entry)
            .where(audit_entry.c.bucket == self.bucket)
            .order_by(audit_entry.c.seq)
            .execution_options(yield_per=ROWS_A_FETCH)
        )
        for row in self._connection.execute(query):
            yield Stored(row.seq, row.card_seq, row.card_before, _what(row), bytes(row.hash))

    def of_card(self, card: str) -> list[Entry]:
        """A card's entries, the oldest first, as far as they can be followed back."""
        query = select(audit_card).where(
            audit_card.c.bucket == self.bucket, audit_card.c.card == bytes.fromhex(card)
        )
        end = self._connection.execute(query).first()
        seq = end.last if end else NO_ENTRIES.last
        rows: list[Any] = []
        while seq:
            row = self._connection.execute(select(audit_entry).where(*self._is(seq))).first()
            if row is None or row.card_before >= seq:
                break
            rows.append(row)
            seq = row.card_before
        entries, before = [], NOTHING_BEFORE
        for row in reversed(rows):
            previous = self.hash_at(row.seq - 1)
            entries.append(
                Entry(row.seq, previous, row.card_seq, row.card_before, before, _what(row))
            )
            before = bytes(row.hash)
        return entries

    def _is(self, seq: int) -> tuple[Any, Any]:
        return audit_entry.c.bucket == self.bucket, audit_entry.c.seq == seq


def _what(row: Any) -> Resolution:
    card, reference = row.card, row.reference
    if not (isinstance(card, bytes) and isinstance(reference, bytes) and len(card) == _ID_BYTES):
        raise VerificationError(f"bucket {row.bucket}, entry {row.seq}: the row holds no entry.")
    return Resolution(
        row.at_ms, row.who, row.purpose, reference.hex(), card.hex(), row.bin, row.number_index
    )
