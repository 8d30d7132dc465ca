"""Values in words that EMV and ISO 8583 share: money, countries, currencies, dates, numbers."""

from datetime import date

from zheton.core import country as countries
from zheton.core.errors import ConfigurationError
from zheton.core.money import BY_NUMERIC, Money


def amount(minor: str, currency: str | None) -> str:
    """An amount of minor units; `currency` is numeric, None where the message does not say.

    >>> amount("000000035000", "643"), amount("000000035000", None)
    ('350.00 RUB', '35000 minor units')
    """
    unit = BY_NUMERIC.get(currency or "")
    if not _digits(minor) or len(minor) > 12:
        return ""
    return str(Money(int(minor), unit)) if unit else f"{int(minor)} minor units"


def currency(numeric: str) -> str:
    """The alphabetic code of a numeric one; n 4 of EMV has a zero before it.

    >>> currency("0643")
    'RUB'
    """
    unit = BY_NUMERIC.get(numeric[-3:])
    return unit.code if unit else ""


def country(code: str) -> str:
    """The name of a country by number (3 digits, or 4 with a zero) or letters.

    >>> country("0643"), country("RUS")
    ('Russia', 'Russia')
    """
    try:
        return countries.country(code[-3:]).name
    except ConfigurationError:
        return ""


def day(digits: str) -> str:
    """A date written YYMMDD, or YYMM.

    >>> day("301231"), day("3012")
    ('2030-12-31', '2030-12')
    """
    if not _digits(digits) or len(digits) not in (4, 6):
        return ""
    try:
        whole = date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:] or 1))
    except ValueError:
        return "no date of the calendar"
    return whole.isoformat() if len(digits) == 6 else f"{whole:%Y-%m}"


def clock(digits: str) -> str:
    """A time written hhmmss.

    >>> clock("093000")
    '09:30:00'
    """
    return (
        f"{digits[:2]}:{digits[2:4]}:{digits[4:]}" if _digits(digits) and len(digits) == 6 else ""
    )


def moment(digits: str) -> str:
    """A moment written MMDDhhmmss.

    >>> moment("1122093000")
    '11-22 09:30:00 UTC'
    """
    if not _digits(digits) or len(digits) != 10:
        return ""
    return f"{digits[:2]}-{digits[2:4]} {clock(digits[4:])} UTC"


def count(number: int, noun: str) -> str:
    """A count and its noun.

    >>> count(1, "byte"), count(2, "byte")
    ('1 byte', '2 bytes')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def short(text: str, most: int = 64) -> str:
    """A text cut to a bound, printable.

    >>> short("abcdef", 4)
    'abc…'
    """
    printable = "".join(sign if sign.isprintable() else "·" for sign in text[: most + 1])
    return printable if len(text) <= most else printable[: most - 1] + "…"


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
