"""One debit inside the vault boundary: the records that network and token service share.

The network reads a `Debit` out of a message; the token service examines it and answers with an
`Admitted` or a decline; the network burns, journals and forwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from zheton.core.decline import Decline
from zheton.core.money import Money
from zheton.core.token.batch import Slot, slot
from zheton.core.token.domain import Channel, Limits
from zheton.core.token.pan import Pan


@dataclass(frozen=True, slots=True)
class Place:
    """Where a debit comes from: who acquires it, at which till, in which country.

    `country` is alpha-2; a reversal says neither country nor category nor name: "" there.
    """

    acquirer: str
    terminal: str
    merchant: str
    merchant_name: str
    country: str
    category: str


@dataclass(frozen=True, slots=True)
class Location:
    """Where a number lies in its range: what is stored and compared instead of its digits."""

    bin: str
    index: int

    @property
    def slot(self) -> Slot:
        """Its batch and place."""
        return slot(self.index)

    @property
    def bucket(self) -> int:
        """The home bucket of its batch and card."""
        return self.slot.bucket


@dataclass(frozen=True, slots=True)
class Debit:
    """One request for money as the message says it.

    `number` has 16 digits, `expiry` is YYMM, `chip` the data objects of DE55 (None online), `code`
    the dynamic code of an online number. `repeat_key` is equal for a message and its repeats,
    `digest` for those of them that ask for the same.
    """

    number: str = field(repr=False)
    at: Location
    expiry: str
    sequence: str
    amount: Money
    channel: Channel
    place: Place
    stan: str
    transmitted: str
    retrieval_reference: str
    chip: Mapping[int, bytes] | None = field(repr=False)
    code: str | None = field(repr=False)
    repeat_key: str
    digest: bytes = field(repr=False)
    preauthorised: bool = False


@dataclass(frozen=True, slots=True)
class CardBehind:
    """What the network needs of the card behind a number; the PAN stays sealed until it is due."""

    id: str
    bucket: int
    par: str
    network: str
    limits: Limits
    expiry: str
    sealed_pan: bytes = field(repr=False)
    pan_key_version: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A debit whose number is live and whose proof is right: the number will be burnt.

    `refusal` says why the debit is declined all the same: a valid proof burns its number whatever
    the decision. `session_key` answers the chip (ARPC), None online; `binds_shop` is set where
    presenting the number binds it to the merchant.
    """

    debit: Debit
    generation: int
    card: CardBehind
    session_key: bytes | None = field(repr=False)
    binds_shop: bool = False
    refusal: Decline | None = None


@dataclass(frozen=True, slots=True)
class RevealedCard:
    """What the issuer needs to know of the card behind a number."""

    pan: Pan
    expiry: str


class DebitState(StrEnum):
    """Where a debit stands in the network's journal."""

    PENDING = "pending"  # burnt, and the issuer may have heard of it
    APPROVED = "approved"
    DECLINED = "declined"
    TIMED_OUT = "timed-out"  # declined; reversed at the issuer, if it may have heard of it
    REVERSED = "reversed"
    BLOCKED = "blocked"  # its reversal came first


class Advice(StrEnum):
    """What the issuer has heard of a debit that the network approved for it (0120)."""

    NONE = ""  # the issuer decided by itself, or nobody approved
    DUE = "due"
    SENT = "sent"  # at least once, and not confirmed
    HEARD = "heard"
    DROPPED = "dropped"  # the debit was reversed before the issuer confirmed that it had heard


@dataclass(frozen=True, slots=True)
class Journalled:
    """A debit as the network's journal keeps it; the number is kept as its slot, not as digits.

    A preauthorisation waits for its completion. `changed_minor` is what increments added and
    partial reversals and the completion took away, `refunded_minor` what refunds gave back;
    `under_way` names the follow-up that its issuer is being asked about. `edition` counts what has
    changed for its cardholder since its outcome.
    """

    debit: str
    repeat_key: str
    digest: bytes
    at: Location
    generation: int
    card: str
    par: str
    state: DebitState
    amount: Money
    place: Place
    stan: str
    transmitted: str
    retrieval_reference: str
    received_at: datetime
    response_code: str = ""
    auth_code: str = ""
    issuer_authentication_data: bytes = b""
    reason: str = ""
    advice: Advice = Advice.NONE
    preauthorised: bool = False
    completed: bool = False
    changed_minor: int = 0
    refunded_minor: int = 0
    under_way: str = ""
    edition: int = 0

    @property
    def held_minor(self) -> int:
        """What its merchant may take, in minor units, as it stands now."""
        return self.amount.minor + self.changed_minor
