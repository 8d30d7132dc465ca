"""Leasing: batches of a card's home bucket become its own until a date."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from zheton.core.errors import ConflictError
from zheton.core.scheme import Scheme
from zheton.core.token.batch import BATCH_SIZE, Batch
from zheton.core.token.domain import Channel, Device
from zheton.core.token.lifecycle import Actor, Cause
from zheton.roles.tsp.history import of_batch
from zheton.roles.tsp.ports import Keys, Vault, VaultTx
from zheton.roles.tsp.state import By, Enrolment, Terms

LEASE_MONTHS = 3
_ROUNDS_MAX = 32
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Use:
    """What a batch is leased for."""

    device_id: str
    device: Device
    channel: Channel


class BlockUsedUpError(ConflictError):
    """This process holds too few indexes of a BIN and bucket: a block has to be taken."""

    def __init__(self, token_bin: str, bucket: int, count: int, end: int) -> None:
        super().__init__("The indexes that this process holds are used up; do it again.")
        self.token_bin, self.bucket, self.count, self.end = token_bin, bucket, count, end


def leasing(vault: Vault, work: Callable[[VaultTx], Result]) -> Result:
    """The result of `work` in a transaction; done anew, with a block more, where `lease` wants one.

    A block is taken in a transaction of its own, so that its row in the database is locked for a
    moment and not for a lease. ConflictError if other threads get there first, again and again.
    """
    for _ in range(_ROUNDS_MAX):
        try:
            with vault.transaction() as tx:
                return work(tx)
        except BlockUsedUpError as wanted:
            vault.take_block(wanted.token_bin, wanted.bucket, wanted.count, wanted.end)
    raise ConflictError("Too many leases at the same moment; try again.")


def lease(
    tx: VaultTx,
    keys: Keys,
    scheme: Scheme,
    enrolment: Enrolment,
    use: Use,
    count: int,
    now: datetime,
) -> list[Batch]:
    """`count` batches in the home bucket, or as many as there are, written; called in `leasing`.

    Batches that have rested come first, as their next generation, under a later expiry and a newer
    issuer master key than their last; then indexes that were never used. The ranges are those of
    the enrolment's region, one after the other. ConflictError where all are used up.
    """
    expiry, until = lease_end(now)
    ranges = [
        Terms(
            bin=token_bin,
            bucket=enrolment.bucket,
            card=enrolment.card,
            enrolment=enrolment.id,
            device_id=use.device_id,
            device=use.device,
            channel=use.channel,
            key_version=keys.issuer_key_version(token_bin),
            expiry=expiry,
            until=until,
        )
        for token_bin in scheme.bins_in(enrolment.region)
    ]
    leased: list[Batch] = []
    for source in (tx.lease_free, partial(_fresh, tx, keys)):
        for terms in ranges:
            if len(leased) < count:
                leased += source(terms, count - len(leased))
    if not leased:
        raise ConflictError(
            f"{scheme.title} has no free numbers left for this card: every token BIN for "
            f"{enrolment.region or 'its region'} is used up; open another one."
        )
    by = By(Actor.WALLET, Cause.REPLENISHED, enrolment.requestor)
    tx.record([of_batch(None, each, enrolment.requestor, by, now) for each in leased])
    return leased


def _fresh(tx: VaultTx, keys: Keys, terms: Terms, count: int) -> list[Batch]:
    indexes = tx.hand_out(terms.bin, terms.bucket, count)
    if indexes is None:
        end = keys.token_range(terms.bin).size // BATCH_SIZE  # a last, partial batch is left alone
        raise BlockUsedUpError(terms.bin, terms.bucket, count, end)
    batches = [terms.fresh(index) for index in indexes]
    tx.add_batches(batches)
    return batches


def lease_month(expiry: str) -> str:
    """The month (YYMM) in which a lease of this expiry (YYMM) began.

    >>> lease_month("2702")
    '2611'
    """
    months = int(expiry[:2]) * 12 + int(expiry[2:]) - 1 - LEASE_MONTHS
    return f"{months // 12 % 100:02d}{months % 12 + 1:02d}"


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
