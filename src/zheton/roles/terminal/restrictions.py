"""Processing restrictions: version, usage control, dates (EMV Book 3, 10.4)."""

from collections.abc import Mapping
from datetime import date

from zheton.core.emv import tags
from zheton.core.errors import DecodeError
from zheton.roles.terminal.state import Setup
from zheton.roles.terminal.tvr import Tvr

_CENTURY_PIVOT = 50  # EMV Book 4, 6.7.3: 00 to 49 are of this century

# Application usage control, byte 1 (EMV Book 3, annex C2)
_DOMESTIC_GOODS_OR_SERVICES = 0x20 | 0x08
_INTERNATIONAL_GOODS_OR_SERVICES = 0x10 | 0x04
_NOT_AN_ATM = 0x01


def check(card: Mapping[int, bytes], setup: Setup) -> Tvr:
    """The bits of TVR byte 2 that these data and this till set; DecodeError if a date is none."""
    return _version(card, setup) | _usage(card, setup) | _dates(card, setup.transaction.day)


def expiry_date(card: Mapping[int, bytes]) -> date:
    """The application expiration date (5F24): the last day on which the application is good."""
    return _date(card, tags.APPLICATION_EXPIRATION_DATE)


def _version(card: Mapping[int, bytes], setup: Setup) -> Tvr:
    """10.4.1: without 9F08 the versions are presumed equal."""
    version = card.get(tags.APPLICATION_VERSION_NUMBER_CARD)
    if version is None or version == setup.combination.application_version:
        return Tvr.NONE
    return Tvr.APPLICATION_VERSIONS_DIFFER


def _usage(card: Mapping[int, bytes], setup: Setup) -> Tvr:
    """10.4.2: may this card buy goods or services here? (A till is no ATM and gives no cash.)"""
    control = card.get(tags.APPLICATION_USAGE_CONTROL)
    if control is None:
        return Tvr.NONE
    allowed = bool(control[0] & _NOT_AN_ATM)
    issuer_country = card.get(tags.ISSUER_COUNTRY_CODE)
    if issuer_country is not None:
        domestic = issuer_country == bytes.fromhex(setup.config.country.zfill(4))
        wanted = _DOMESTIC_GOODS_OR_SERVICES if domestic else _INTERNATIONAL_GOODS_OR_SERVICES
        allowed = allowed and bool(control[0] & wanted)
    return Tvr.NONE if allowed else Tvr.SERVICE_NOT_ALLOWED


def _dates(card: Mapping[int, bytes], today: date) -> Tvr:
    """10.4.3: from 5F25, where there is one, to 5F24, both included."""
    early = tags.APPLICATION_EFFECTIVE_DATE in card and today < _date(
        card, tags.APPLICATION_EFFECTIVE_DATE
    )
    late = today > expiry_date(card)
    return (Tvr.NOT_YET_EFFECTIVE if early else Tvr.NONE) | (Tvr.EXPIRED if late else Tvr.NONE)


def _date(card: Mapping[int, bytes], tag: int) -> date:
    digits = card[tag].hex()
    try:
        year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:])
        return date(year + (2000 if year < _CENTURY_PIVOT else 1900), month, day)
    except ValueError:
        raise DecodeError("is no date", field=tags.name_of(tag), offset=0) from None
