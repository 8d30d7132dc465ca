"""What the acquirer knows: merchants and tills, sales as tills tell them, and its journal.

One-time numbers stand in the journal in the clear, as clearing and refunds need them again. They
are spent by then: the card number behind them never comes here.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from zheton.core.clearing import CardAcceptor
from zheton.core.country import Country
from zheton.core.errors import ConfigurationError, EncodeError
from zheton.core.money import Currency, Money
from zheton.core.token.domain import Channel

_NUMBER = re.compile("[0-9]{12,19}").fullmatch
_EXPIRY = re.compile("[0-9]{2}(0[1-9]|1[0-2])").fullmatch
_TRACK2 = re.compile("[0-9]{12,19}=[0-9]{0,24}").fullmatch
_CODE = re.compile("[0-9]{3,12}").fullmatch
TRACK2_MAX = 37
CHIP_BYTES_MAX = 255


def _require(ok: object, field_name: str, problem: str) -> None:
    if not ok:
        raise EncodeError(problem, field=field_name)


@dataclass(frozen=True, slots=True)
class Acquirer:
    """The acquiring institution; `id` is DE32, up to 11 digits."""

    id: str

    def __post_init__(self) -> None:
        if re.fullmatch("[1-9][0-9]{0,10}", self.id) is None:
            raise ConfigurationError("An acquirer's id is up to 11 digits and starts with no zero.")


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant (DE42, DE43, DE18) and the one currency it sells in."""

    id: str
    name: str
    city: str
    country: Country
    category: str
    currency: Currency


@dataclass(frozen=True, slots=True)
class Till:
    """One point of sale: DE41, its merchant, and whether it has a reader or is a web shop.

    EncodeError where a part of either does not fit its data element.
    """

    terminal: str
    merchant: Merchant
    channel: Channel

    def __post_init__(self) -> None:
        _ = self.acceptor  # checks the lengths that DE41 to DE43 leave

    @property
    def acceptor(self) -> CardAcceptor:
        """The merchant and this till as messages and clearing name them."""
        shop = self.merchant
        return CardAcceptor(
            shop.id, shop.name, shop.city, shop.country.alpha3, shop.category, self.terminal
        )


@dataclass(frozen=True, slots=True)
class ChipEntry:
    """What the terminal read: number, expiry YYMM, sequence number, track 2 and DE55."""

    number: str = field(repr=False)
    expiry: str
    psn: int | None
    track2: str | None = field(repr=False)
    chip: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_number(self.number, self.expiry)
        track2 = self.track2
        fits = track2 is None or (_TRACK2(track2) and len(track2) <= TRACK2_MAX)
        _require(fits, "DE35", "track 2 is the number, `=` and more digits, 37 at most")
        _require(self.psn is None or 0 <= self.psn <= 99, "DE23", "is 0 to 99")
        _require(1 <= len(self.chip) <= CHIP_BYTES_MAX, "DE55", "chip data are 1 to 255 bytes")


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """What a buyer gave to a web shop: number, expiry YYMM and the dynamic code."""

    number: str = field(repr=False)
    expiry: str
    code: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_number(self.number, self.expiry)
        _require(_CODE(self.code), "DE48.92", "a dynamic code is 3 to 12 digits")


def _check_number(number: str, expiry: str) -> None:
    _require(_NUMBER(number), "DE2", "a number is 12 to 19 digits")
    _require(_EXPIRY(expiry), "DE14", "an expiry is YYMM")


@dataclass(frozen=True, slots=True)
class Sale:
    """One sale to authorise. `local_time` is the till's own clock: whole seconds, no zone.

    One that is `preauthorised` only holds its amount, until it is completed.
    """

    till: Till
    amount: Money
    entry: ChipEntry | CodeEntry
    local_time: datetime
    preauthorised: bool = False

    def __post_init__(self) -> None:
        entered = Channel.TILL if isinstance(self.entry, ChipEntry) else Channel.ONLINE
        _require(entered is self.till.channel, "DE22", "a till reads chips, a web shop takes codes")
        _require(self.amount.minor > 0, "DE4", "a sale is of more than nothing")
        own = self.till.merchant.currency
        _require(self.amount.currency == own, "DE49", f"this merchant sells in {own.code}")
        whole = self.local_time.tzinfo is None and not self.local_time.microsecond
        _require(whole, "DE12", "local time is in whole seconds, without a zone")


class Status(StrEnum):
    """Where a sale stands.

    sent -> approved -> cleared, or sent -> declined; what is not sure to be either goes, from
    sent or from approved, -> reversal-due -> reversing -> reversed.
    """

    SENT = "sent"
    APPROVED = "approved"
    DECLINED = "declined"
    REVERSAL_DUE = "reversal-due"
    REVERSING = "reversing"
    REVERSED = "reversed"
    CLEARED = "cleared"


class Cause(StrEnum):
    """Why a sale is reversed."""

    NO_ANSWER = "no-answer"
    ANSWER_DISAGREES = "answer-disagrees"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"  # the acquirer stopped while it waited for the answer


@dataclass(frozen=True, slots=True)
class Record:
    """One sale in the journal, found by its retrieval reference number (DE37).

    `stan` and `transmitted` are DE11 and DE7 of the 0100; a reversal has its own, "" until there
    is one. `file_id` names the clearing file that presented it. What follow-ups did to it is in
    `changed_minor` (to what is held or captured), `refunded_minor` and `completed`; `under_way` is
    the shop's reference of the one that has no outcome yet.
    """

    rrn: str
    stan: str
    transmitted: str
    sent_at: datetime
    acquirer_id: str
    acceptor: CardAcceptor
    channel: Channel
    amount: Money
    number: str = field(repr=False)
    expiry: str
    local_time: datetime
    status: Status = Status.SENT
    response_code: str = ""
    auth_code: str = ""
    par: str = ""
    cause: Cause | None = None
    reversal_stan: str = ""
    reversal_transmitted: str = ""
    file_id: str = ""
    preauthorised: bool = False
    completed: bool = False
    changed_minor: int = 0
    refunded_minor: int = 0
    under_way: str = ""

    @property
    def held(self) -> Money:
        """What the merchant may take, or has taken, as it stands now."""
        return Money(self.amount.minor + self.changed_minor, self.amount.currency)

    @property
    def masked_number(self) -> str:
        """What a receipt shows of the number: its last four digits."""
        return "*" * (len(self.number) - 4) + self.number[-4:]
