"""Where and how much a number may pay: the controls that are bound to it (EMVCo: token domain)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from zheton.core.decline import Decline, Reason
from zheton.core.money import Money

VELOCITY_MAX = 32  # moments that a card's row remembers
VELOCITY_MINUTES_MAX = 7 * 24 * 60


class Channel(StrEnum):
    """Where a debit is made."""

    TILL = "till"
    ONLINE = "online"


class Device(StrEnum):
    """The class of the device that carries the numbers."""

    BAND = "band"
    WATCH = "watch"
    RING = "ring"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a card may spend by its numbers, over all its batches and devices, a UTC day.

    Amounts are minor units of `currency` (ISO 4217 numeric); a debit in another currency counts
    towards the numbers of debits alone, for the vault knows no rates. Of `velocity_debits` (0: as
    many as there are) no more are taken in any `velocity_minutes`.
    """

    currency: str
    debit_max_minor: int
    day_max_minor: int
    debits_per_day: int
    velocity_debits: int = 0
    velocity_minutes: int = 0

    def minor(self, amount: Money) -> int:
        """What the amount counts towards the limits of the card."""
        return amount.minor if amount.currency.numeric == self.currency else 0


@dataclass(frozen=True, slots=True)
class Counted:
    """What a card's row has counted; `recent`: the last debits under a velocity, newest first."""

    active: bool
    limits: Limits
    day: int  # YYYYMMDD, UTC
    day_minor: int
    day_debits: int
    recent: tuple[datetime, ...]


def refuse_channel(bound: Channel, presented: Channel) -> Decline | None:
    """The refusal of a number that comes through another channel than the one it was made for."""
    if bound is presented:
        return None
    return Decline(
        Reason.DOMAIN_CHANNEL,
        f"This number is for the channel {bound}, not {presented}.",
        "domain-channel",
    )


def refuse_amount(limits: Limits, amount: Money) -> Decline | None:
    """The refusal of a single debit above the limit of its card."""
    if limits.minor(amount) <= limits.debit_max_minor:
        return None
    return Decline(
        Reason.AMOUNT_LIMIT, "The amount is above the limit of one debit.", "domain-amount"
    )


def refuse_counted(counted: Counted, amount: Money, now: datetime) -> Decline:
    """Why a card's row took no debit: the first count, in this order, that has no room for it."""
    limits, minor = counted.limits, counted.limits.minor(amount)
    today = counted.day == int(f"{now:%Y%m%d}")
    if not counted.active:
        return Decline(Reason.SUSPENDED, "The card behind this number was suspended meanwhile.")
    if minor + (counted.day_minor if today else 0) > limits.day_max_minor:
        text = "The amount is above what the card's limit leaves today."
        return Decline(Reason.DAY_AMOUNT, text, "card.dayMinor")
    if (counted.day_debits if today else 0) >= limits.debits_per_day:
        text = "The card has made all the debits of today."
        return Decline(Reason.DAY_COUNT, text, "card.dayCount")
    text = (
        f"No more than {limits.velocity_debits} debits are taken in any "
        f"{timedelta(minutes=limits.velocity_minutes)}."
    )
    return Decline(Reason.VELOCITY, text, "card.velocity")
