"""Suspension, deletion and their history in the vault's database: single operations.

What is read in order to be changed is read with its row locked (FOR UPDATE, which SQLite need not
be told), and the change holds on condition that the row is still what was read.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, insert, not_, select, update

from zheton.adapters.storage.upsert import upsert
from zheton.adapters.storage.vault_change_tables import change_counter, status_change
from zheton.adapters.storage.vault_rows import (
    bucket_of,
    from_ms,
    read_batch,
    read_card,
    read_device,
    read_enrolment,
    to_ms,
)
from zheton.adapters.storage.vault_tables import batch, card, card_index, device, enrolment
from zheton.core.token.batch import BUCKETS, Batch
from zheton.core.token.lifecycle import ENDED, Actor, Cause, batch_before
from zheton.roles.tsp.state import By, Card, Change, Enrolment, Kind, RegisteredDevice

_LIVE = ("offered", "provisioned", "active", "suspended")


class ChangeTx:
    """What the lifecycle verbs ask of a transaction (`roles.tsp.change_ports.ChangeTx`)."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def held_enrolment(self, enrolment_id: str, *, sharing: bool = False) -> Enrolment | None:
        """A claim by its id, its row locked; `sharing` lets others read it with a lock as well."""
        row = self._first(
            select(enrolment)
            .where(enrolment.c.bucket == bucket_of(enrolment_id))
            .where(enrolment.c.enrolment == enrolment_id)
            .with_for_update(read=sharing)
        )
        return read_enrolment(row) if row else None

    def held_device(self, device_id: str, *, sharing: bool = False) -> RegisteredDevice | None:
        """A device by its id, its row locked; `sharing` lets others read it with a lock as well."""
        row = self._first(
            select(device).where(device.c.device == device_id).with_for_update(read=sharing)
        )
        return read_device(row) if row else None

    def card_by_par(self, par: str) -> Card | None:
        """The card of a payment account reference that is not deleted; else one that is."""
        deleted = card.c.status == "deleted"
        row = self._first(select(card).where(card.c.par == par).order_by(deleted).limit(1))
        return read_card(row) if row else None

    def enrolments_of(self, behind: Card) -> list[Enrolment]:
        """The claims to a card that are not deleted, locked, in the order of their ids."""
        rows = self._all(
            select(enrolment)
            .where(enrolment.c.bucket == behind.bucket, enrolment.c.card == behind.id)
            .where(enrolment.c.status != "deleted")
            .order_by(enrolment.c.enrolment)
            .with_for_update()
        )
        return [read_enrolment(row) for row in rows]

    def held_batches(self, claim: Enrolment) -> list[Batch]:
        """The leases of a claim that may pay or are suspended, locked in key order."""
        return self._batches(batch.c.bucket == claim.bucket, batch.c.enrolment == claim.id)

    def held_batches_on(self, device_id: str, bucket: int) -> list[Batch]:
        """The same of a device, in one bucket."""
        return self._batches(batch.c.bucket == bucket, batch.c.device == device_id)

    def held_batch(self, token_bin: str, index: int, generation: int) -> Batch | None:
        """One lease, whatever its status, locked."""
        row = self._first(
            select(batch)
            .where(batch.c.bucket == index % BUCKETS, batch.c.bin == token_bin)
            .where(batch.c.batch == index, batch.c.generation == generation)
            .with_for_update()
        )
        return read_batch(row) if row else None

    def buckets_of_device(self, device_id: str) -> list[int]:
        """Where a device's live batches lie."""
        found = self.connection.execute(
            select(batch.c.bucket)
            .where(batch.c.device == device_id, batch.c.status.in_(_LIVE))
            .distinct()
            .order_by(batch.c.bucket)
        )
        return list(found.scalars())

    def change_card(self, before: Card, after: Card, at: datetime) -> bool:
        """Write status and holders of `after` where they are still those of `before`."""
        changed = self.connection.execute(
            update(card)
            .where(card.c.bucket == before.bucket, card.c.card == before.id)
            .where(card.c.status == before.status, card.c.held == int(before.held))
            .values(status=after.status, held=int(after.held), changed_ms=to_ms(at))
        )
        return changed.rowcount == 1

    def forget_index(self, gone: Card) -> None:
        """Let a card be found by its number no more."""
        self.connection.execute(
            delete(card_index).where(
                card_index.c.card_bucket == gone.bucket, card_index.c.card == gone.id
            )
        )

    def scrub_cards(self, last_day: int, count: int) -> int:
        """Erase the sealed numbers of at most `count` deleted cards that paid last before a day.

        `last_day` is a date as a number, YYYYMMDD; returns how many were erased. A card is left
        alone while a lease that it paid by is not over, as in a dispute.
        """
        not_over = exists().where(
            enrolment.c.bucket == card.c.bucket,
            enrolment.c.card == card.c.card,
            batch.c.bucket == enrolment.c.bucket,
            batch.c.enrolment == enrolment.c.enrolment,
            batch.c.status != "free",
            batch.c.last_event_ms > 0,
        )
        done = and_(card.c.status == "deleted", card.c.day < last_day, not_(not_over))
        due = select(card.c.bucket, card.c.card).where(done, card.c.sealed_pan != b"").limit(count)
        erased = 0
        for bucket, name in self.connection.execute(due).all():
            erased += self.connection.execute(
                update(card)
                .where(card.c.bucket == bucket, card.c.card == name, done)
                .values(sealed_pan=b"")
            ).rowcount
        return erased

    def paid_last(self, behind: Card) -> int:
        """The day that a card paid last, YYYYMMDD; 0 if it never did."""
        query = select(card.c.day).where(card.c.bucket == behind.bucket, card.c.card == behind.id)
        return int(self.connection.execute(query).scalar() or 0)

    def change_device(
        self, before: RegisteredDevice, after: RegisteredDevice, at: datetime
    ) -> bool:
        """Write what of a device changes, where it has not changed since `before` was read."""
        changed = self.connection.execute(
            update(device)
            .where(device.c.device == before.id, device.c.version == before.version)
            .values(
                status=after.status,
                held=int(after.held),
                settled=after.settled,
                version=after.version,
                changed_ms=to_ms(at),
            )
        )
        return changed.rowcount == 1

    def unsettled_devices(self, count: int) -> list[str]:
        """At most `count` devices whose batches do not all follow yet."""
        found = self.connection.execute(
            select(device.c.device).where(device.c.settled.is_(False)).limit(count)
        )
        return list(found.scalars())

    def change_batch(self, before: Batch, after: Batch) -> bool:
        """Write status and holders of `after` where they are still those of `before`.

        A status that the table of transitions does not allow from there is not written.
        """
        allowed = (*batch_before(after.status), after.status)
        ending = {"due_ms": 0} if after.status in ENDED else {}  # the rest begins at once
        changed = self.connection.execute(
            update(batch)
            .where(batch.c.bucket == before.bucket, batch.c.bin == before.bin)
            .where(batch.c.batch == before.batch, batch.c.generation == before.generation)
            .where(batch.c.status == before.status, batch.c.held == int(before.held))
            .where(batch.c.status.in_(allowed))
            .values(status=after.status, held=int(after.held), **ending)
        )
        return changed.rowcount == 1

    def record(self, changes: Sequence[Change]) -> None:
        """Append to the status history, and so to the events of who may read them."""
        counted: dict[tuple[int, str], list[Change]] = {}
        for one in changes:
            counted.setdefault((one.bucket, one.requestor), []).append(one)
        # In the order of their keys, so that two transactions never wait for each other crosswise.
        for (bucket, requestor), lines in sorted(counted.items()):
            first = self._count(bucket, requestor, len(lines))
            rows = [_line(one, first + i) for i, one in enumerate(lines)]
            self.connection.execute(insert(status_change), rows)

    def last_change(self, bucket: int, subject: str) -> Change | None:
        """The newest line of a subject."""
        row = self._first(
            select(status_change)
            .where(status_change.c.bucket == bucket, status_change.c.subject == subject)
            .order_by(status_change.c.ordinal.desc())
            .limit(1)
        )
        return read_change(row) if row else None

    def _count(self, bucket: int, requestor: str, count: int) -> int:
        """Take the next `count` ordinals of a bucket and a requestor; the first of them."""
        made = upsert(self.connection, change_counter).values(
            bucket=bucket, requestor=requestor, next_ordinal=count + 1
        )
        statement = made.on_conflict_do_update(
            index_elements=["bucket", "requestor"],
            set_={"next_ordinal": change_counter.c.next_ordinal + count},
        ).returning(change_counter.c.next_ordinal)
        return int(self.connection.execute(statement).scalar_one()) - count

    def _batches(self, *conditions: Any) -> list[Batch]:
        rows = self._all(
            select(batch)
            .where(*conditions, batch.c.status.in_(_LIVE))
            .order_by(batch.c.bin, batch.c.batch)
            .with_for_update()
        )
        return [read_batch(row) for row in rows]

    def _first(self, statement: Any) -> Any:
        return self.connection.execute(statement).mappings().first()

    def _all(self, statement: Any) -> Any:
        return self.connection.execute(statement).mappings()


def _line(one: Change, ordinal: int) -> dict[str, Any]:
    return {
        "bucket": one.bucket,
        "requestor": one.requestor,
        "ordinal": ordinal,
        "kind": one.kind,
        "subject": one.subject,
        "token": one.token,
        "status_before": one.before,
        "status_after": one.after,
        "at_ms": to_ms(one.at),
        "actor": one.by.actor,
        "actor_id": one.by.id,
        "cause": one.by.cause,
    }


def read_change(row: Any) -> Change:
    """A row of `status_change`."""
    return Change(
        bucket=row["bucket"],
        kind=Kind(row["kind"]),
        subject=row["subject"],
        requestor=row["requestor"],
        token=row["token"],
        before=row["status_before"],
        after=row["status_after"],
        at=from_ms(row["at_ms"]),
        by=By(Actor(row["actor"]), Cause(row["cause"]), row["actor_id"]),
        ordinal=row["ordinal"],
    )
