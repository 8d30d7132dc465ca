"""Exchange rates as fractions of whole numbers; no floating point comes near money."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from zheton.core.errors import ConfigurationError
from zheton.core.money import Currency, Money, currency


@dataclass(frozen=True, slots=True)
class Rates:
    """What a minor unit of one currency (first) costs in minor units of another (second).

    Each rate is a numerator and a denominator.
    """

    by_pair: Mapping[tuple[str, str], tuple[int, int]]

    def bill(self, amount: Money, billed_in: Currency) -> int | None:
        """An amount in minor units of the account's currency, or None where there is no rate.

        Half a minor unit is rounded up, as Regulation (EC) No 1103/97, article 5, does it; what
        costs something costs at least one minor unit.
        """
        if amount.currency == billed_in:
            return amount.minor
        rate = self.by_pair.get((amount.currency.code, billed_in.code))
        if rate is None:
            return None
        numerator, denominator = rate
        rounded = (2 * amount.minor * numerator + denominator) // (2 * denominator)
        return max(rounded, min(amount.minor, 1))


def rates(table: Mapping[str, str]) -> Rates:
    """Rates of a table such as {"CNY/RUB": "9.35"}: one yuan costs 9.35 roubles.

    ConfigurationError names the line that is wrong.

    >>> from zheton.core.money import money
    >>> rates({"CNY/RUB": "9.35"}).bill(money("1.01", "CNY"), currency("RUB"))
    944
    """
    by_pair = {}
    for pair, text in table.items():
        first, _, second = pair.partition("/")
        sold, billed = currency(first), currency(second)
        try:
            rate = Decimal(text)
        except InvalidOperation:
            raise ConfigurationError(f"The rate {pair} is no number; write it as 9.35.") from None
        if not (rate.is_finite() and 0 < rate < 10**9):
            raise ConfigurationError(f"The rate {pair} lies not between 0 and 10^9.")
        in_minor = rate.scaleb(billed.exponent - sold.exponent)
        by_pair[sold.code, billed.code] = in_minor.as_integer_ratio()
    return Rates(by_pair)
