"""Money as a count of minor units, and the currencies of ISO 4217 that the product meets."""

import re
from dataclasses import dataclass
from decimal import Decimal

from zheton.core.errors import ConfigurationError

AMOUNT_MINOR_MAX = 999_999_999_999  # ISO 8583 DE4 and EMV 9F02 are n 12


@dataclass(frozen=True, slots=True)
class Currency:
    """One currency of ISO 4217: alphabetic code, numeric code (3 digits) and its minor digits."""

    code: str
    numeric: str
    exponent: int


_TABLE = (
    Currency("AED", "784", 2),
    Currency("AMD", "051", 2),
    Currency("BYN", "933", 2),
    Currency("CHF", "756", 2),
    Currency("CNY", "156", 2),
    Currency("EUR", "978", 2),
    Currency("GBP", "826", 2),
    Currency("HKD", "344", 2),
    Currency("INR", "356", 2),
    Currency("JPY", "392", 0),
    Currency("KRW", "410", 0),
    Currency("KWD", "414", 3),
    Currency("KZT", "398", 2),
    Currency("PLN", "985", 2),
    Currency("RUB", "643", 2),
    Currency("SGD", "702", 2),
    Currency("TRY", "949", 2),
    Currency("UAH", "980", 2),
    Currency("USD", "840", 2),
)
BY_CODE = {currency.code: currency for currency in _TABLE}
BY_NUMERIC = {currency.numeric: currency for currency in _TABLE}

# What people write; Decimal would take 1e3, 1_000 and every script's digits as well.
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?").fullmatch


def currency(name: str) -> Currency:
    """The currency of an alphabetic or numeric ISO 4217 code; ConfigurationError if unknown.

    >>> currency("RUB").numeric, currency("392").code
    ('643', 'JPY')
    """
    found = BY_CODE.get(name.upper()) or BY_NUMERIC.get(name)
    if found is None:
        known = ", ".join(sorted(BY_CODE))
        raise ConfigurationError(f"{name!r} is no currency that Zheton knows; it knows {known}.")
    return found


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency in minor units, never negative."""

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        if not 0 <= self.minor <= AMOUNT_MINOR_MAX:
            raise ConfigurationError(
                f"An amount lies between 0 and {AMOUNT_MINOR_MAX} minor units (n 12)."
            )

    def __str__(self) -> str:
        """The amount as a person reads it.

        >>> str(Money(35000, currency("RUB"))), str(Money(120, currency("JPY")))
        ('350.00 RUB', '120 JPY')
        """
        major = Decimal(self.minor).scaleb(-self.currency.exponent)
        return f"{major:.{self.currency.exponent}f} {self.currency.code}"


def money(amount: str, currency_name: str) -> Money:
    """An amount that a person wrote, in major units; ConfigurationError if it can't be paid.

    >>> money("350", "RUB").minor
    35000
    """
    unit = currency(currency_name)
    if _AMOUNT(amount) is None:
        raise ConfigurationError(f"{amount!r} is no amount; write it as 350 or 350.00.")
    minor = Decimal(amount).scaleb(unit.exponent)
    if minor != minor.to_integral_value():
        raise ConfigurationError(f"{unit.code} has {unit.exponent} digits after the point.")
    return Money(int(minor), unit)
