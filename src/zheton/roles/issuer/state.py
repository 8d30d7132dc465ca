"""What the issuer keeps: accounts, holds, the requests it answered, the presentments it took.

No card number is among it. The issuer has to find an account by a card number and never needs
the number back, so it keeps a keyed index (HMAC-SHA-256) and the last four digits: a stolen
back-up can't be enumerated without the key.
"""

import hmac
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from zheton.core.errors import ConfigurationError
from zheton.core.money import Money
from zheton.roles.issuer.exchange import Rates
from zheton.roles.issuer.ledger import Kind, LedgerAccount

INDEX_KEY_BYTES_MIN = 16


@dataclass(frozen=True, slots=True)
class Bank:
    """The issuer itself: the id under which it settles, its name, index key and rates."""

    participant: str
    name: str
    rates: Rates
    index_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.index_key) < INDEX_KEY_BYTES_MIN:
            raise ConfigurationError(
                f"The issuer's index key is under {INDEX_KEY_BYTES_MIN} bytes; make a new one."
            )

    def pan_index(self, pan: str) -> bytes:
        """The keyed index of a card number, 32 bytes."""
        return hmac.digest(self.index_key, b"pan/" + pan.encode("ascii"), "sha256")


class AccountStatus(StrEnum):
    """Whether a card may be used."""

    ACTIVE = "active"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Account:
    """A cardholder's account and its card. `expiry` is YYMM, amounts are minor units of `currency`.

    `credit_limit_minor` is how far the balance may fall below zero. `spent_minor` is what was
    authorised on `spent_on` (a date in UTC) and counts towards `daily_limit_minor`.
    """

    id: str
    holder: str = field(repr=False)
    pan_index: bytes = field(repr=False)
    last4: str
    expiry: str
    currency: str
    credit_limit_minor: int
    debit_limit_minor: int
    daily_limit_minor: int
    phone: str = field(repr=False)
    status: AccountStatus = AccountStatus.ACTIVE
    spent_on: date = date.min
    spent_minor: int = 0

    @property
    def money(self) -> LedgerAccount:
        """Where the cardholder's own money stands."""
        return LedgerAccount(Kind.CARDHOLDER, self.currency, self.id)

    @property
    def held(self) -> LedgerAccount:
        """Where the money of its holds stands."""
        return LedgerAccount(Kind.HOLDS, self.currency, self.id)

    def spent(self, day: date) -> int:
        """What was authorised on `day`, in minor units."""
        return self.spent_minor if self.spent_on == day else 0


class HoldStatus(StrEnum):
    """A hold ends once: reversed, or cleared by a presentment."""

    HELD = "held"
    COMPLETED = "completed"  # held still, and nothing raises or lowers it any more
    RELEASED = "released"
    CLEARED = "cleared"


HoldKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Hold:
    """Money promised to a merchant; found by acquirer (DE32) and retrieval reference (DE37).

    `minor` is in the account's currency, `amount` what the merchant asked for, both with what
    increments added and partial reversals gave back. `day_minor` is how much of `minor` was held
    on `held_on`, the last day on which it rose.
    """

    acquirer: str
    retrieval_reference: str
    account_id: str
    minor: int
    amount: Money
    held_on: date
    day_minor: int
    status: HoldStatus = HoldStatus.HELD

    @property
    def key(self) -> HoldKey:
        """Acquirer and retrieval reference."""
        return (self.acquirer, self.retrieval_reference)


class RequestKind(StrEnum):
    """What a message asked. `OVERTAKEN` marks an original whose reversal came first, `ADVISED` one

    that the network has decided, so that it holds nothing twice should it come after its advice.
    """

    PURCHASE = "purchase"
    INCREMENT = "increment"
    COMPLETION = "completion"
    REFUND = "refund"
    MAY_TOKENISE = "TAR"
    DELIVER_CODE = "ACN"
    TOKENISED = "TCN"
    REVERSAL = "reversal"
    PARTIAL_REVERSAL = "partial-reversal"
    OVERTAKEN = "overtaken"
    ADVICE = "advice"
    ADVISED = "advised"


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and what was answered, so that a repeat gets the same answer and moves nothing.

    `asked_minor` is DE4, which its reversal repeats.
    """

    id: str
    kind: RequestKind
    digest: bytes = field(repr=False)
    account_id: str
    response_code: str
    authorisation: str = ""
    delivery: str = ""
    asked_minor: int = 0


class Flag(StrEnum):
    """Why a presentment needs a person: part or all of it stands in suspense."""

    OVER_HOLD = "over-hold"
    NO_HOLD = "no-hold"
    DUPLICATE = "duplicate"
    UNKNOWN_CARD = "unknown-card"
    NO_RATE = "no-rate"


PresentedKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Presented:
    """A record of a clearing file as it was booked; `record` counts from 1."""

    file_id: str
    record: int
    acquirer: str
    retrieval_reference: str
    processing_code: str
    account_id: str
    flag: Flag | None

    @property
    def key(self) -> PresentedKey:
        """What a second presentment of the same debit or refund has in common with it."""
        return (self.acquirer, self.retrieval_reference, self.processing_code)
