"""What a recovery does to the vault's database: a row that says so, then one transaction a bucket,

then the row that says it is over. Cut anywhere it is taken up again behind the last bucket done.

A batch that the copy has as ended, or at rest, or free may have been leased anew in the lost time,
as its next generation. Such a one, and every one that is voided, rests a whole window from now; and
it is noted as of the newest issuer key, so that whoever gets it next has it under a key that nobody
had in the lost time, and under a later expiry date.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, text, update

from zheton.adapters.storage.upsert import upsert
from zheton.adapters.storage.vault_change_tables import change_counter
from zheton.adapters.storage.vault_changes import ChangeTx
from zheton.adapters.storage.vault_rows import read_batch, to_ms
from zheton.adapters.storage.vault_tables import batch, enrolment, incarnation
from zheton.core.token.batch import BUCKETS, Batch
from zheton.core.token.lifecycle import ENDED, STANDING, BatchStatus
from zheton.roles.tsp.state import Terms

ROWS_A_STATEMENT = 500
# Readers of events remember how far they came; the lost lines had these numbers.
EVENTS_SKIPPED = 1_000_000
_SKIP = text(
    "INSERT INTO batch_counter (bucket, bin, next_ordinal) VALUES (:bucket, :bin, :to)"
    " ON CONFLICT (bucket, bin) DO UPDATE SET next_ordinal = excluded.next_ordinal"
    " WHERE batch_counter.next_ordinal < excluded.next_ordinal"
)


class RecoveryTx(ChangeTx):
    """Single operations of one transaction (`roles.tsp.recover.RecoveryTx`)."""

    def close(self, number: int) -> None:
        """Note that the life of this number begins with a recovery, which is not over."""
        self._set(number=number, recovering=True, buckets_done=0)

    def out(self, bucket: int) -> list[tuple[Batch, str]]:
        """The batches of a bucket that may be out, each with the wallet of its claim."""
        rows = self.connection.execute(
            select(batch, enrolment.c.requestor)
            .join(
                enrolment,
                and_(
                    enrolment.c.bucket == batch.c.bucket,
                    enrolment.c.enrolment == batch.c.enrolment,
                ),
                isouter=True,
            )
            .where(batch.c.bucket == bucket, batch.c.status.in_(STANDING))
            .order_by(batch.c.bin, batch.c.batch)
        ).mappings()
        return [(read_batch(row), row["requestor"] or "") for row in rows]

    def void(self, bucket: int, key_versions: Mapping[str, int], at: datetime) -> None:
        """End what may be out of a bucket, and lay to rest what may have been leased anew.

        Codes that wait for a cardholder are used up: their tries may have been.
        """
        mine = batch.c.bucket == bucket
        for token_bin, version in key_versions.items():
            of_bin = and_(mine, batch.c.bin == token_bin, _may_be_twice(at))
            self.connection.execute(
                update(batch)
                .where(of_bin)
                .values(key_version=version, last_event_ms=to_ms(at), due_ms=0)
            )
        for before, after in (
            (STANDING, BatchStatus.DELETED),
            ((BatchStatus.FREE,), BatchStatus.RESTING),
        ):
            self.connection.execute(
                update(batch)
                .where(mine, batch.c.status.in_(before))
                .values(status=after, held=0, last_event_ms=to_ms(at), due_ms=0)
            )
        self.connection.execute(
            update(enrolment)
            .where(enrolment.c.bucket == bucket, enrolment.c.status == "identifying")
            .values(tries_left=0)
        )
        self.connection.execute(
            update(change_counter)
            .where(change_counter.c.bucket == bucket)
            .values(next_ordinal=change_counter.c.next_ordinal + EVENTS_SKIPPED)
        )

    def skip(self, nobody: Terms, first: int, to: int, at: datetime) -> None:
        """Hand out no batch from one ordinal up to another: they rest, as if leased to `nobody`."""
        named = {"bucket": nobody.bucket, "bin": nobody.bin}
        self.connection.execute(_SKIP, {**named, "to": to})
        lease = {
            **named, "generation": 0, "status": BatchStatus.RESTING, "card": nobody.card,
            "enrolment": nobody.enrolment, "device": nobody.device_id,
            "device_class": nobody.device, "channel": nobody.channel,
            "key_version": nobody.key_version, "expiry": nobody.expiry,
            "until_ms": to_ms(nobody.until), "last_event_ms": to_ms(at), "due_ms": 0,
        }  # fmt: skip
        insert = upsert(self.connection, batch).on_conflict_do_nothing()
        for start in range(first, to, ROWS_A_STATEMENT):
            ordinals = range(start, min(start + ROWS_A_STATEMENT, to))
            rows = [{**lease, "batch": n * BUCKETS + nobody.bucket} for n in ordinals]
            self.connection.execute(insert, rows)

    def bucket_done(self, count: int) -> None:
        """Note that so many buckets are done."""
        self._set(buckets_done=count)

    def open(self, at: datetime) -> None:
        """Note that the recovery is over."""
        self._set(
            recovering=False, buckets_done=0, mark=incarnation.c.mark + 1, marked_ms=to_ms(at)
        )

    def _set(self, **values: object) -> None:
        self.connection.execute(update(incarnation).values(values))


def _may_be_twice(at: datetime) -> ColumnElement[bool]:
    """Whether a batch may be out, or may have been leased anew since the copy was made."""
    return or_(
        batch.c.status.in_((*STANDING, BatchStatus.FREE)),
        and_(batch.c.status == BatchStatus.RESTING, batch.c.due_ms <= to_ms(at)),
        # Ended, and not at rest yet: how long it has to rest by now only the lost rows knew.
        batch.c.status.in_(ENDED),
    )
