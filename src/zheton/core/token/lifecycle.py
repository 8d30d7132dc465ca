"""What may become of a batch and of a card: a table of transitions; anything else is refused."""

from enum import StrEnum

from zheton.core.errors import ConflictError


class BatchStatus(StrEnum):
    """The life of a lease (docs/one-time-number.md); `free` is the next generation waiting."""

    OFFERED = "offered"
    PROVISIONED = "provisioned"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    SPENT = "spent"
    EXPIRED = "expired"
    DELETED = "deleted"
    RESTING = "resting"
    FREE = "free"


class CardStatus(StrEnum):
    """The life of an enrolled card at the token service."""

    IDENTIFYING = "identifying"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


_ENDED = {BatchStatus.SPENT, BatchStatus.EXPIRED, BatchStatus.DELETED}
_BATCH: dict[BatchStatus, set[BatchStatus]] = {
    BatchStatus.OFFERED: {
        BatchStatus.PROVISIONED,
        BatchStatus.ACTIVE,
        BatchStatus.SUSPENDED,
        *_ENDED,
    },
    BatchStatus.PROVISIONED: {BatchStatus.ACTIVE, BatchStatus.SUSPENDED, *_ENDED},
    BatchStatus.ACTIVE: {BatchStatus.SUSPENDED, *_ENDED},
    BatchStatus.SUSPENDED: {BatchStatus.ACTIVE, *_ENDED},
    BatchStatus.SPENT: {BatchStatus.RESTING},
    BatchStatus.EXPIRED: {BatchStatus.RESTING},
    BatchStatus.DELETED: {BatchStatus.RESTING},
    BatchStatus.RESTING: {BatchStatus.FREE},
    BatchStatus.FREE: {BatchStatus.OFFERED},
}
_CARD: dict[CardStatus, set[CardStatus]] = {
    CardStatus.IDENTIFYING: {CardStatus.ACTIVE, CardStatus.DELETED},
    CardStatus.ACTIVE: {CardStatus.SUSPENDED, CardStatus.DELETED},
    CardStatus.SUSPENDED: {CardStatus.ACTIVE, CardStatus.DELETED},
    CardStatus.DELETED: set(),
}
PAYING = (BatchStatus.OFFERED, BatchStatus.PROVISIONED, BatchStatus.ACTIVE)


def batch_may(before: BatchStatus, after: BatchStatus) -> None:
    """Pass if a batch may go from `before` to `after`; else ConflictError."""
    if after not in _BATCH[before]:
        raise ConflictError(f"A batch that is {before} can't become {after}.")


def card_may(before: CardStatus, after: CardStatus) -> None:
    """Pass if a card may go from `before` to `after`; else ConflictError."""
    if after not in _CARD[before]:
        raise ConflictError(f"A card that is {before} can't become {after}.")
