"""What an issuer lets the network approve while it can't be asked: stand-in processing.

It is the issuer's money, so it is the issuer that says how much: for its card numbers, in each of
the currencies that it lists. What it does not say is not allowed. The network can't see a balance,
so an allowance bounds what one card may cost its issuer on one UTC day.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zheton.core.debit import Debit
from zheton.core.token.domain import Channel


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of one currency: minor units for a debit and for a day, and debits a day."""

    debit_max_minor: int
    day_max_minor: int
    debits_per_day: int


@dataclass(frozen=True, slots=True)
class StandIn:
    """What one issuer allows. `by_currency` has numeric codes, `categories_refused` DE18's."""

    channels: frozenset[Channel]
    categories_refused: frozenset[str]
    by_currency: Mapping[str, Allowance]

    def allowance(self, debit: Debit) -> Allowance | None:
        """What a debit has to stay within; None where nothing of its kind is allowed."""
        found = self.by_currency.get(debit.amount.currency.numeric)
        if (
            found is None
            or debit.channel not in self.channels
            or debit.place.category in self.categories_refused
            or debit.amount.minor > found.debit_max_minor
        ):
            return None
        return found


@dataclass(frozen=True, slots=True)
class StandIns:
    """What each issuer allows, by the first digits (BIN) of its card numbers; empty for none."""

    by_bin: Mapping[str, StandIn]

    def allowance(self, pan: str, debit: Debit) -> Allowance | None:
        """What a debit of a card has to stay within; the longest BIN that fits says it."""
        for length in sorted({len(each) for each in self.by_bin}, reverse=True):
            if pan[:length] in self.by_bin:
                return self.by_bin[pan[:length]].allowance(debit)
        return None


NO_STAND_IN = StandIns({})
