"""Controls as people and programs write them: a JSON document, read strictly.

Controls decide whether money moves, so nothing in a document is guessed or passed over: an unknown
name, a wrong type or an empty list is an EncodeError that names the field (RFC 6901 without the
slashes: `regions.only.2`). Every list, number and text has a bound, and so has the whole.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from zheton.core.country import country
from zheton.core.errors import ConfigurationError, EncodeError
from zheton.core.money import AMOUNT_MINOR_MAX, currency
from zheton.core.token.controls import EVERYTHING, Controls, Selection, merchant_key
from zheton.core.token.domain import VELOCITY_MAX, VELOCITY_MINUTES_MAX, Channel, Device

ENTRIES_MAX = 64  # of one list
DAY_COUNT_MAX = 10_000
_PLAIN = ("from", "until", "channels", "devices", "debitMinor")
_SELECTED = ("regions", "currencies", "merchants", "categories")
_COUNTED = ("dayMinor", "dayCount", "velocity")  # on the card's row, so of a card alone
_CATEGORY = re.compile(r"[0-9]{4}(-[0-9]{4})?")
_MERCHANT = re.compile(r"[0-9]{1,11}/[!-~]([ -~]{0,13}[!-~])?")  # DE32, DE42
_E = TypeVar("_E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Counts:
    """What of a card's document its row has to count; None leaves the operator's limit."""

    debit_max_minor: int | None = None
    day_max_minor: int | None = None
    debits_per_day: int | None = None
    velocity_debits: int = 0  # 0: any number
    velocity_minutes: int = 0


def read_controls(document: object, *, counted: bool) -> tuple[Controls, Counts]:
    """The controls of a document; `counted` allows the fields that only a whole card can have.

    >>> read_controls({"channels": ["online"]}, counted=False)[0].channels
    frozenset({<Channel.ONLINE: 'online'>})
    """
    fields = _object(document, "controls", (*_PLAIN, *_SELECTED, *(_COUNTED if counted else ())))
    since, until = (_day(fields, name) for name in ("from", "until"))
    if since and until and until <= since:
        raise EncodeError("is the first day on which nothing pays, so after `from`", field="until")
    debit_max = _number(fields, "debitMinor", AMOUNT_MINOR_MAX)
    controls = Controls(
        since=since,
        until=until,
        channels=_members(fields, "channels", Channel),
        devices=_members(fields, "devices", Device),
        regions=_selection(fields, "regions", _region),
        currencies=_selection(fields, "currencies", _currency),
        merchants=_selection(fields, "merchants", _merchant),
        categories=_selection(fields, "categories", _category),
        debit_max_minor=debit_max,
    )
    debits, minutes = _velocity(fields)
    return controls, Counts(
        debit_max,
        _number(fields, "dayMinor", AMOUNT_MINOR_MAX),
        _number(fields, "dayCount", DAY_COUNT_MAX),
        debits,
        minutes,
    )


def _object(value: object, field: str, known: Collection[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise EncodeError("is an object", field=field)
    if not set(value) <= set(known):  # the name is the sender's own, so it is not repeated
        raise EncodeError(f"has a field that is none of {', '.join(known)}", field=field)
    return value


def _entries(value: object, field: str) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= ENTRIES_MAX:
        raise EncodeError(f"is a list of 1 to {ENTRIES_MAX} texts", field=field)
    for n, each in enumerate(value):
        if not isinstance(each, str):
            raise EncodeError("is a text", field=f"{field}.{n}")
    return value


def _members(fields: Mapping[str, Any], name: str, kind: type[_E]) -> frozenset[_E] | None:
    if name not in fields:
        return None
    known = {each.value: each for each in kind}
    for n, entry in enumerate(_entries(fields[name], name)):
        if entry not in known:
            raise EncodeError(f"is one of {', '.join(known)}", field=f"{name}.{n}")
    return frozenset(known[entry] for entry in fields[name])


def _selection(
    fields: Mapping[str, Any], name: str, read: Callable[[str], tuple[str, str]]
) -> Selection:
    if name not in fields:
        return EVERYTHING
    value = _object(fields[name], name, ("only", "never"))
    if len(value) != 1:
        raise EncodeError("has either `only` or `never`", field=name)
    ((way, listed),) = value.items()
    spans = []
    for n, entry in enumerate(_entries(listed, f"{name}.{way}")):
        try:
            spans.append(read(entry))
        except (ConfigurationError, ValueError):
            raise EncodeError(_SHAPES[name], field=f"{name}.{way}.{n}") from None
    values = frozenset(low for low, high in spans if low == high)
    return Selection(way == "only", values, tuple(s for s in spans if s[0] != s[1]))


_SHAPES = {
    "regions": "is a country of ISO 3166-1 by two capital letters",
    "currencies": "is a currency of ISO 4217 by three capital letters",
    "merchants": "is the acquirer (DE32), a slash and the merchant (DE42)",
    "categories": "is a merchant category (MCC, four digits) or a range such as 5811-5814",
}


def _region(entry: str) -> tuple[str, str]:
    return _exactly(entry, country(entry).alpha2)


def _currency(entry: str) -> tuple[str, str]:
    return _exactly(entry, currency(entry).code)


def _merchant(entry: str) -> tuple[str, str]:
    _exactly(entry, entry if _MERCHANT.fullmatch(entry) else "")
    acquirer, _, merchant = entry.partition("/")
    key = merchant_key(acquirer, merchant)
    return key, key


def _category(entry: str) -> tuple[str, str]:
    _exactly(entry, entry if _CATEGORY.fullmatch(entry) else "")
    low, _, high = entry.partition("-")
    if high and high < low:
        raise ValueError
    return low, high or low


def _exactly(entry: str, meant: str) -> tuple[str, str]:
    """The one spelling that a control may have; ValueError for another."""
    if entry != meant:
        raise ValueError
    return entry, entry


def _day(fields: Mapping[str, Any], name: str) -> date | None:
    if name not in fields:
        return None
    try:
        day = date.fromisoformat(fields[name])
    except (TypeError, ValueError):
        day = None
    if day is None or day.isoformat() != fields[name]:
        raise EncodeError("is a day as YYYY-MM-DD", field=name)
    return day


def _number(fields: Mapping[str, Any], name: str, most: int) -> int | None:
    value = fields.get(name)
    if name not in fields:
        return None
    if type(value) is not int or not 0 <= value <= most:  # True is an int to isinstance
        raise EncodeError(f"is a whole number from 0 to {most}", field=name)
    return value


def _velocity(fields: Mapping[str, Any]) -> tuple[int, int]:
    if "velocity" not in fields:
        return 0, 0
    value = _object(fields["velocity"], "velocity", ("debits", "minutes"))
    for name, most in (("debits", VELOCITY_MAX), ("minutes", VELOCITY_MINUTES_MAX)):
        if type(value.get(name)) is not int or not 1 <= value[name] <= most:
            field = f"velocity.{name}"
            raise EncodeError(f"is a whole number from 1 to {most}", field=field)
    return value["debits"], value["minutes"]
