"""Where and how much a number may pay: the controls that are bound to it (EMVCo: token domain)."""

from dataclasses import dataclass
from enum import StrEnum

from zheton.core.decline import Decline, Reason
from zheton.core.money import Money


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
    towards `debits_per_day` alone, for the vault knows no rates.
    """

    currency: str
    debit_max_minor: int
    day_max_minor: int
    debits_per_day: int

    def minor(self, amount: Money) -> int:
        """What the amount counts towards the limits of the card."""
        return amount.minor if amount.currency.numeric == self.currency else 0


def refuse_channel(bound: Channel, presented: Channel) -> Decline | None:
    """The refusal of a number that comes through another channel than the one it was made for."""
    if bound is presented:
        return None
    return Decline(
        Reason.DOMAIN, f"This number is for the channel {bound}, not {presented}.", "domain-channel"
    )


def refuse_amount(limits: Limits, amount: Money) -> Decline | None:
    """The refusal of a single debit above the limit of its card."""
    if limits.minor(amount) <= limits.debit_max_minor:
        return None
    return Decline(
        Reason.AMOUNT_LIMIT, "The amount is above the limit of one debit.", "domain-amount"
    )
