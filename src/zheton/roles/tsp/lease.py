"""Leasing: batches of a card's home bucket become its own until a date."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime

from zheton.core.errors import ConflictError
from zheton.core.scheme import Scheme
from zheton.core.token.batch import BATCH_SIZE, Batch
from zheton.core.token.domain import Channel, Device
from zheton.core.token.lifecycle import Actor, BatchStatus, Cause
from zheton.roles.tsp.history import of_batch
from zheton.roles.tsp.ports import Keys, VaultTx
from zheton.roles.tsp.state import By, Enrolment

LEASE_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Use:
    """What a batch is leased for."""

    device_id: str
    device: Device
    channel: Channel


def lease(
    tx: VaultTx,
    keys: Keys,
    scheme: Scheme,
    enrolment: Enrolment,
    use: Use,
    count: int,
    now: datetime,
) -> list[Batch]:
    """`count` new batches in the home bucket, written; ConflictError where no range has room."""
    expiry, until = lease_end(now)
    for token_bin in scheme.token_bins:
        end = keys.token_range(token_bin).size // BATCH_SIZE  # a last, partial batch is left alone
        indexes = tx.next_batches(token_bin, enrolment.bucket, count, end)
        if not indexes:
            continue
        batches = [
            Batch(
                bin=token_bin,
                batch=index,
                generation=0,
                status=BatchStatus.OFFERED,
                card=enrolment.card,
                enrolment=enrolment.id,
                device_id=use.device_id,
                device=use.device,
                channel=use.channel,
                key_version=keys.issuer_key_version(token_bin),
                expiry=expiry,
                until=until,
            )
            for index in indexes
        ]
        tx.add_batches(batches)
        by = By(Actor.WALLET, Cause.REPLENISHED, enrolment.requestor)
        tx.record([of_batch(None, each, enrolment.requestor, by, now) for each in batches])
        return batches
    raise ConflictError(f"{scheme.title} has no free numbers left; open another token BIN.")


def lease_end(now: datetime) -> tuple[str, datetime]:
    """Expiry (YYMM) of a lease that begins now, and the moment it ends: that month's last second.

    >>> from datetime import timezone
    >>> lease_end(datetime(2026, 11, 22, tzinfo=timezone.utc))[0]
    '2702'
    """
    months = now.year * 12 + now.month - 1 + LEASE_MONTHS
    year, month = months // 12, months % 12 + 1
    last = monthrange(year, month)[1]
    return f"{year % 100:02d}{month:02d}", datetime(year, month, last, 23, 59, 59, tzinfo=UTC)
