"""The life of leases in the vault's database: leasing, status, age, and leasing anew.

Every statement that writes a status asks, in the same breath, for the statuses from which the table
of transitions allows it (`core.token.lifecycle`). Those that take rows by their age or their
freedom take a bounded number, locked in the order of their keys, as the burns lock theirs.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    delete,
    exists,
    insert,
    not_,
    or_,
    select,
    text,
    tuple_,
    update,
)

from zheton.adapters.storage.index_blocks import IndexBlocks
from zheton.adapters.storage.vault_changes import ChangeTx
from zheton.adapters.storage.vault_follow_up_tables import follow_up
from zheton.adapters.storage.vault_rows import read_batch, to_ms
from zheton.adapters.storage.vault_tables import batch, debit, dispute, enrolment, online_number
from zheton.core.errors import ConflictError
from zheton.core.token.batch import BATCH_SIZE, GENERATIONS_MAX, Batch
from zheton.core.token.lifecycle import ASKED_FOR, ENDED, STANDING, BatchStatus, batch_before
from zheton.roles.tsp.history import SCHEDULE, of_batch
from zheton.roles.tsp.state import Change, Enrolment, Terms

_NEVER = 0
_LOOK_AGAIN = timedelta(days=1)  # at a batch that a debit under way or a dispute keeps from rest
_IS_FREE = text("status = 'free'")  # the very words of the index


class BatchTx(ChangeTx):
    """What of a transaction concerns batches (`roles.tsp.ports.VaultTx`)."""

    def __init__(self, connection: Connection, blocks: IndexBlocks) -> None:
        super().__init__(connection)
        self._blocks = blocks
        self.leased_anew = False

    def hand_out(self, token_bin: str, bucket: int, count: int) -> list[int] | None:
        """Batch indexes out of the blocks that this process holds (`IndexBlocks.hand_out`)."""
        return self._blocks.hand_out(token_bin, bucket, count)

    def add_batches(self, batches: Sequence[Batch]) -> None:
        """Leases of indexes that had none before; the table itself lets each have one row."""
        for new in batches:
            named = {"bucket": new.bucket, "bin": new.bin, "batch": new.batch}
            values = named | {"generation": new.generation} | _lease(new)
            self.connection.execute(insert(batch), values)

    def lease_free(self, terms: Terms, count: int) -> list[Batch]:
        """At most `count` free batches leased anew, each as its next generation.

        Only those whose last expiry lies before the new one, whose key version is older, and that
        have a generation left. What another process is just taking is left to it.
        """
        may = and_(
            batch.c.bucket == terms.bucket,
            batch.c.bin == terms.bin,
            _IS_FREE,
            batch.c.expiry < terms.expiry,
            batch.c.key_version < terms.key_version,
            batch.c.generation < GENERATIONS_MAX,
        )
        free = select(batch.c.batch).where(may).order_by(batch.c.batch).limit(count)
        taken = free.with_for_update(skip_locked=True).cte("taken")
        rows = self.connection.execute(
            update(batch)
            .where(may, batch.c.batch.in_(select(taken.c.batch)))
            .values(generation=batch.c.generation + 1, **_lease(terms))
            .values(burnt=0, given=0, held=0, last_event_ms=_NEVER)
            .returning(batch)
        ).mappings()
        leased = sorted((read_batch(row) for row in rows), key=lambda each: each.batch)
        self.leased_anew = self.leased_anew or bool(leased)
        return leased

    def batches_of(self, claim: Enrolment) -> list[Batch]:
        """The leases of an enrolment that may still pay or are suspended."""
        rows = self.connection.execute(standing_of(claim)).mappings()
        return [read_batch(row) for row in rows]

    def set_batch_status(self, batches: Sequence[Batch], status: BatchStatus) -> None:
        """Change the status of leases; ConflictError, and the transaction is void, where one may
        not go there from where it is, or is another generation by now.

        For what somebody asks for (`ASKED_FOR`); what debits and time do has verbs of its own.
        """
        if status not in ASKED_FOR:
            raise ConflictError(f"A batch becomes {status} by its debits or by time alone.")
        ending = {"due_ms": _NEVER} if status in ENDED else {}
        for one in batches:
            changed = self.connection.execute(
                update(batch)
                .where(batch.c.bucket == one.bucket, batch.c.bin == one.bin)
                .where(batch.c.batch == one.batch, batch.c.generation == one.generation)
                .where(batch.c.status.in_(batch_before(status)))
                .values(status=status, **ending)
            )
            if changed.rowcount != 1:
                raise ConflictError(f"A batch that is {one.status} can't become {status}.")

    def expire(self, bucket: int, now: datetime, count: int) -> int:
        """End at most `count` leases whose date has passed; how many."""
        over = and_(
            batch.c.status.in_(batch_before(BatchStatus.EXPIRED)), batch.c.until_ms <= to_ms(now)
        )
        return len(self._age(bucket, now, count, over, status=BatchStatus.EXPIRED, due_ms=_NEVER))

    def rest(self, bucket: int, now: datetime, window: timedelta, count: int) -> int:
        """Lay at most `count` ended batches to rest, until a window after their last event."""
        ended = batch.c.status.in_(batch_before(BatchStatus.RESTING))
        due = case(
            (batch.c.last_event_ms == _NEVER, _NEVER),
            else_=batch.c.last_event_ms + _ms(window),
        )
        return len(self._age(bucket, now, count, ended, status=BatchStatus.RESTING, due_ms=due))

    def free(self, bucket: int, now: datetime, window: timedelta, count: int) -> int:
        """Free at most `count` batches that have rested; how many were looked at.

        One stays at rest while a debit of it is under way, a reversal or an advice of one has not
        been heard, a dispute is open, or its last event lies less than a window back; it is looked
        at again a day later. With a freed one ends all that its lease left: its online numbers, and
        what its journal lines could be found by.
        """
        rests = batch.c.status.in_(batch_before(BatchStatus.FREE))
        is_fresh = batch.c.last_event_ms > to_ms(now - window)
        kept = or_(is_fresh, _has_open_debits(), _is_disputed())
        freed = self._age(
            bucket, now, count, and_(rests, not_(kept)), status=BatchStatus.FREE, due_ms=None
        )
        for row in freed:
            self._forget(row)
        again = case(
            (is_fresh, batch.c.last_event_ms + _ms(window)), else_=to_ms(now + _LOOK_AGAIN)
        )
        return len(freed) + len(self._age(bucket, now, count, and_(rests, kept), due_ms=again))

    def _age(
        self, bucket: int, now: datetime, count: int, which: ColumnElement[bool], **values: Any
    ) -> list[Any]:
        """The rows that were due, as they were; each change of status is in the history."""
        due = and_(batch.c.bucket == bucket, batch.c.due_ms <= to_ms(now), which)
        claim = and_(
            enrolment.c.bucket == batch.c.bucket, enrolment.c.enrolment == batch.c.enrolment
        )
        rows = self.connection.execute(
            select(batch, enrolment.c.requestor)
            .join_from(batch, enrolment, claim, isouter=True)
            .where(due)
            .order_by(batch.c.bin, batch.c.batch)
            .limit(count)
            .with_for_update(of=batch)
        )
        found = list(rows.mappings())
        keys = [(row["bin"], row["batch"]) for row in found]
        if not keys:
            return []
        these = tuple_(batch.c.bin, batch.c.batch).in_(keys)
        self.connection.execute(update(batch).where(due, these).values(values))
        if "status" in values:
            self.record([_aged(row, values["status"], now) for row in found])
        return found

    def _forget(self, lease: Any) -> None:
        """What a lease that is over leaves behind, for nobody to find by the number any more.

        The journal keeps its lines, but under keys that no message has: DE7 has no year, so the
        repeat key of a debit may come again. Nobody is left to be told of them.
        """
        numbers = lease["batch"] * BATCH_SIZE, (lease["batch"] + 1) * BATCH_SIZE
        of_lease = {
            table: and_(
                table.c.bucket == lease["bucket"],
                table.c.bin == lease["bin"],
                table.c.number_index >= numbers[0],
                table.c.number_index < numbers[1],
                table.c.generation == lease["generation"],
            )
            for table in (online_number, debit, follow_up)
        }
        over = f"#{lease['generation']}"
        self.connection.execute(delete(online_number).where(of_lease[online_number]))
        self.connection.execute(
            update(debit)
            .where(of_lease[debit])
            .values(told=True, repeat_key=debit.c.repeat_key + over)
        )
        self.connection.execute(
            update(follow_up)
            .where(of_lease[follow_up])
            .values(
                repeat_key=follow_up.c.repeat_key + over, debit_key=follow_up.c.debit_key + over
            )
        )


def _aged(row: Any, status: BatchStatus, now: datetime) -> Change:
    before = read_batch(row)
    after, owner = replace(before, status=status), row["requestor"] or ""
    return of_batch(before, after, owner, SCHEDULE, now)


def standing_of(claim: Enrolment) -> Select[Any]:
    """The query for the leases of an enrolment that may still pay or are suspended."""
    return (
        select(batch)
        .where(batch.c.bucket == claim.bucket, batch.c.enrolment == claim.id)
        .where(batch.c.status.in_(STANDING))
        .order_by(batch.c.bin, batch.c.batch)
    )


def _lease(terms: Terms | Batch) -> dict[str, Any]:
    """What a lease says of whom it is for, and until when."""
    return {
        "status": BatchStatus.OFFERED,
        "card": terms.card,
        "enrolment": terms.enrolment,
        "device": terms.device_id,
        "device_class": terms.device,
        "channel": terms.channel,
        "key_version": terms.key_version,
        "expiry": terms.expiry,
        "until_ms": to_ms(terms.until),
        "due_ms": to_ms(terms.until),
    }


def _has_open_debits() -> ColumnElement[bool]:
    to_advise = debit.c.advice.in_(("due", "sent"))
    is_open = or_(debit.c.state == "pending", debit.c.reversal_due, to_advise)
    is_followed = or_(follow_up.c.state == "pending", follow_up.c.issuer_due)
    return or_(
        exists().where(_is_of_lease(debit), is_open),
        exists().where(_is_of_lease(follow_up), is_followed),
    )


def _is_disputed() -> ColumnElement[bool]:
    return exists().where(_is_of_lease(dispute), dispute.c.closed_ms.is_(None))


def _is_of_lease(table: Table) -> ColumnElement[bool]:
    """Whether a row of another table is of a number of the batch's present generation."""
    first = batch.c.batch * BATCH_SIZE
    return and_(
        table.c.bucket == batch.c.bucket,
        table.c.bin == batch.c.bin,
        table.c.number_index >= first,
        table.c.number_index < first + BATCH_SIZE,
        table.c.generation == batch.c.generation,
    )


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
