"""What may become of a batch and of a card: a table of transitions; anything else is refused.

Who suspends a thing holds it, and lifts that hold alone: a cardholder who has found the band again
does not undo what the issuer did for fraud. It is active again when nobody holds it any more.
"""

from enum import Enum, IntFlag, StrEnum

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


PAYING = (BatchStatus.OFFERED, BatchStatus.PROVISIONED, BatchStatus.ACTIVE)
STANDING = (*PAYING, BatchStatus.SUSPENDED)
ENDED = (BatchStatus.SPENT, BatchStatus.EXPIRED, BatchStatus.DELETED)
# What somebody may ask for. All else comes of debits (spent) or of time (expired, resting, free),
# and `offered` of a lease.
ASKED_FOR = (
    BatchStatus.PROVISIONED,
    BatchStatus.ACTIVE,
    BatchStatus.SUSPENDED,
    BatchStatus.DELETED,
)
_BATCH: dict[BatchStatus, set[BatchStatus]] = {
    BatchStatus.OFFERED: {
        BatchStatus.PROVISIONED,
        BatchStatus.ACTIVE,
        BatchStatus.SUSPENDED,
        *ENDED,
    },
    BatchStatus.PROVISIONED: {BatchStatus.ACTIVE, BatchStatus.SUSPENDED, *ENDED},
    BatchStatus.ACTIVE: {BatchStatus.SUSPENDED, *ENDED},
    BatchStatus.SUSPENDED: {BatchStatus.ACTIVE, BatchStatus.EXPIRED, BatchStatus.DELETED},
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


def batch_may(before: BatchStatus, after: BatchStatus) -> None:
    """Pass if a batch may go from `before` to `after`; else ConflictError."""
    if after not in _BATCH[before]:
        raise ConflictError(f"A batch that is {before} can't become {after}.")


def batch_before(after: BatchStatus) -> tuple[BatchStatus, ...]:
    """The statuses from which a batch may become `after`: what a conditional update asks for.

    >>> [str(status) for status in batch_before(BatchStatus.FREE)]
    ['resting']
    """
    return tuple(before for before, allowed in _BATCH.items() if after in allowed)


def card_may(before: CardStatus, after: CardStatus) -> None:
    """Pass if a card may go from `before` to `after`; else ConflictError."""
    if after not in _CARD[before]:
        raise ConflictError(f"A card that is {before} can't become {after}.")


class Actor(StrEnum):
    """In whose name a card, a claim to it, a device or a batch is changed."""

    CARDHOLDER = "cardholder"
    WALLET = "wallet"
    ISSUER = "issuer"
    TOKEN_SERVICE = "token-service"  # noqa: S105 a kind, no secret


class Cause(StrEnum):
    """Why it is changed: what a caller may say, and after it what the token service says itself."""

    CARDHOLDER_REQUEST = "cardholder-request"
    DEVICE_LOST = "device-lost"
    DEVICE_STOLEN = "device-stolen"
    DEVICE_FOUND = "device-found"
    DEVICE_REPLACED = "device-replaced"
    CARD_LOST = "card-lost"
    CARD_STOLEN = "card-stolen"
    FRAUD_SUSPECTED = "fraud-suspected"
    FRAUD_CLEARED = "fraud-cleared"
    ACCOUNT_CLOSED = "account-closed"
    ACCOUNT_REOPENED = "account-reopened"
    SERVICE_ENDED = "service-ended"
    OTHER = "other"
    ENROLLED = "enrolled"
    IDENTIFIED = "identified"
    REPLENISHED = "replenished"
    RESTORED = "restored"  # the vault was put back from a copy, and nobody knows what is out
    SCHEDULE = "schedule"  # the passing of time: a lease that ended, a rest that is over


ASKED = tuple(list(Cause)[: list(Cause).index(Cause.OTHER) + 1])  # what a caller may say


class Hold(IntFlag):
    """Who holds a thing suspended; a batch is also held by what it belongs to."""

    NOBODY = 0
    CARDHOLDER = 1
    WALLET = 2
    ISSUER = 4
    TOKEN_SERVICE = 8
    TOKEN = 16
    DEVICE = 32

    @classmethod
    def of(cls, actor: Actor) -> "Hold":
        """The hold of an actor."""
        return cls[actor.name]

    @property
    def names(self) -> list[str]:
        """Who they are, as the API says it.

        >>> (Hold.ISSUER | Hold.TOKEN_SERVICE).names
        ['issuer', 'token-service']
        """
        return [str(one.name).lower().replace("_", "-") for one in type(self) if one & self]


class Verb(Enum):
    """What a caller may ask for."""

    SUSPEND = "suspend"
    UNSUSPEND = "unsuspend"
    DELETE = "delete"


def held_after(held: Hold, verb: Verb, by: Hold) -> Hold:
    """Who holds a thing after somebody suspends it, lifts the own hold, or deletes it.

    ConflictError if it is held by them already, or not at all.

    >>> held_after(Hold.ISSUER | Hold.CARDHOLDER, Verb.UNSUSPEND, Hold.CARDHOLDER).names
    ['issuer']
    """
    if verb is Verb.DELETE:
        return Hold.NOBODY
    if verb is Verb.SUSPEND:
        if by in held:
            raise ConflictError("It is suspended already, in the name of the same.")
        return held | by
    if by not in held:
        others = ", ".join(held.names)
        detail = f"; it is suspended by {others}" if held else ""
        raise ConflictError(f"It is not suspended in this name{detail}.")
    return held & ~by


def card_after(before: CardStatus, held: Hold, verb: Verb, by: Hold) -> tuple[CardStatus, Hold]:
    """Status and holders of a card, a claim or a device that somebody changes.

    ConflictError as the table of transitions and `held_after` have it.
    """
    if verb is not Verb.DELETE and before is CardStatus.IDENTIFYING:
        raise ConflictError("The card waits for its code; only the code makes it active.")
    if before is CardStatus.DELETED:
        raise ConflictError("It is deleted, and that is final.")
    holders = held_after(held, verb, by)
    if verb is Verb.DELETE:
        return CardStatus.DELETED, holders
    return (CardStatus.SUSPENDED if holders else CardStatus.ACTIVE), holders


def batch_after(before: BatchStatus, held: Hold, verb: Verb, by: Hold) -> tuple[BatchStatus, Hold]:
    """Status and holders of a batch that somebody changes, or what it belongs to.

    ConflictError as the table of transitions and `held_after` have it.
    """
    holders = held_after(held, verb, by)
    wanted = BatchStatus.SUSPENDED if holders else BatchStatus.ACTIVE
    wanted = BatchStatus.DELETED if verb is Verb.DELETE else wanted
    if wanted is not before or verb is Verb.DELETE:
        batch_may(before, wanted)
    return wanted, holders
