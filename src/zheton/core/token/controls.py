"""What a cardholder or an operator lets numbers do: where, at whom, in what, when, by which device.

A `Controls` holds for a whole card, or for the numbers of one token alone; a debit has to pass
both. It only ever narrows: what the number itself is bound to, the rollout policy and the
operator's limits refuse all the same. What is counted (amount and number of debits a day, velocity)
is not decided here, for only the card's row knows it when the debit is taken
(`domain.refuse_counted`).

The order of the checks is that of `_ORDER`, so that a debit with several faults is refused for
the first; the card's controls come before the token's.
"""

from dataclasses import dataclass
from datetime import date

from zheton.core.decline import Decline, Reason
from zheton.core.token.domain import Channel, Device


@dataclass(frozen=True, slots=True)
class Selection:
    """Some values and ranges of them: with `only` just these pass, otherwise all but these.

    >>> Selection(only=False, values=frozenset({"7995"}), ranges=(("5812", "5814"),)).lets("5813")
    False
    """

    only: bool
    values: frozenset[str]
    ranges: tuple[tuple[str, str], ...] = ()

    def lets(self, value: str) -> bool:
        """Whether a value passes."""
        named = value in self.values or any(low <= value <= high for low, high in self.ranges)
        return named is self.only


EVERYTHING = Selection(only=False, values=frozenset())


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What of a debit the controls look at.

    `day` is the UTC date, `region` alpha-2, `currency` the ISO 4217 letters, `merchant` as
    `merchant_key` writes it, `category` the MCC (DE18), `minor` in the card's currency, else 0.
    """

    day: date
    channel: Channel
    device: Device
    region: str
    currency: str
    merchant: str
    category: str
    minor: int


@dataclass(frozen=True, slots=True)
class Controls:
    """One set of controls; what it does not name is free.

    It holds from the day `since` (inclusive) to `until` (exclusive), in UTC; on other days
    nothing pays.
    """

    since: date | None = None
    until: date | None = None
    channels: frozenset[Channel] | None = None
    devices: frozenset[Device] | None = None
    regions: Selection = EVERYTHING
    currencies: Selection = EVERYTHING
    merchants: Selection = EVERYTHING
    categories: Selection = EVERYTHING
    debit_max_minor: int | None = None


_ORDER = (
    ("dates", Reason.DOMAIN_DATES, "It does not pay on this day."),
    ("channels", Reason.DOMAIN_CHANNEL, "It does not pay by this channel."),
    ("devices", Reason.DOMAIN_DEVICE, "It does not pay by this kind of device."),
    ("regions", Reason.DOMAIN_REGION, "It does not pay in this country."),
    ("currencies", Reason.DOMAIN_CURRENCY, "It does not pay in this currency."),
    ("merchants", Reason.DOMAIN_MERCHANT, "It does not pay at this merchant."),
    ("categories", Reason.DOMAIN_CATEGORY, "It does not pay at this kind of merchant."),
    ("debitMinor", Reason.AMOUNT_LIMIT, "The amount is above the limit of one debit."),
)


def merchant_key(acquirer: str, merchant: str) -> str:
    """A merchant as controls name it: DE32 without leading zeros, a slash, DE42 without padding.

    >>> merchant_key("0400001", "MSKCOFFEE      ")
    '400001/MSKCOFFEE'
    """
    return f"{acquirer.strip().lstrip('0')}/{merchant.strip()}"


def refuse(controls: Controls, scope: str, seen: Circumstances) -> Decline | None:
    """The refusal by the first control that a debit fails; its rule is `scope` and the field."""
    for (field, reason, text), passes in zip(_ORDER, _passed(controls, seen), strict=True):
        if not passes:
            return Decline(reason, f"By the {scope}'s controls: {text}", f"{scope}.{field}")
    return None


def _passed(controls: Controls, seen: Circumstances) -> tuple[bool, ...]:
    """For each check of `_ORDER`, whether the debit passes it."""
    begun = controls.since is None or controls.since <= seen.day
    over = controls.until is not None and controls.until <= seen.day
    return (
        begun and not over,
        controls.channels is None or seen.channel in controls.channels,
        controls.devices is None or seen.device in controls.devices,
        controls.regions.lets(seen.region),
        controls.currencies.lets(seen.currency),
        controls.merchants.lets(seen.merchant),
        controls.categories.lets(seen.category),
        controls.debit_max_minor is None or seen.minor <= controls.debit_max_minor,
    )
