"""The issuer's file: the bank, its rates and its cardholders, in TOML (`data/issuer.toml`)."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from zheton.core.errors import ConfigurationError, EncodeError
from zheton.core.money import currency, money
from zheton.core.token.pan import Pan
from zheton.roles.issuer.enrol import Cardholder
from zheton.roles.issuer.exchange import Rates, rates
from zheton.roles.issuer.state import AccountStatus

CARDHOLDERS_MAX = 10_000
_CARDHOLDER_KEYS = {
    "id",
    "holder",
    "pan",
    "expiry",
    "currency",
    "opening",
    "credit_limit",
    "debit_limit",
    "daily_limit",
    "phone",
}
_PHONE = re.compile(r"\+[0-9]{1,3} [0-9 -]{4,20}").fullmatch
_EXPIRY = re.compile("[0-9]{2}(0[1-9]|1[0-2])").fullmatch


@dataclass(frozen=True, slots=True)
class IssuerFile:
    """What the file says."""

    name: str
    participant: str
    rates: Rates
    cardholders: tuple[Cardholder, ...]


def bundled() -> IssuerFile:
    """The demo bank that comes with the product."""
    return parse((files("zheton") / "data" / "issuer.toml").read_text("utf-8"))


def parse(text: str) -> IssuerFile:
    """A file's text; ConfigurationError names the cardholder and the key that is wrong."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The issuer's file is no TOML: {error}.") from None
    _check_keys(table, {"name", "participant", "rates", "cardholder"}, set(), "The issuer's file")
    entries = table["cardholder"]
    if not isinstance(entries, list) or len(entries) > CARDHOLDERS_MAX:
        raise ConfigurationError(
            f"The issuer's file lists up to {CARDHOLDERS_MAX} cardholders as [[cardholder]]."
        )
    participant = _text(table, "participant", "The issuer's file")
    if re.fullmatch("[0-9]{1,11}", participant) is None:
        raise ConfigurationError("The issuer's participant is 1 to 11 digits.")
    if not isinstance(table["rates"], dict):
        raise ConfigurationError('The issuer\'s rates are a table such as "CNY/RUB" = "9.35".')
    return IssuerFile(
        name=_text(table, "name", "The issuer's file"),
        participant=participant,
        rates=rates({pair: str(rate) for pair, rate in table["rates"].items()}),
        cardholders=tuple(_cardholder(entry, place) for place, entry in enumerate(entries, 1)),
    )


def _cardholder(entry: Any, place: int) -> Cardholder:
    where = f"Cardholder {place} of the issuer's file"
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where} is no table.")
    _check_keys(entry, _CARDHOLDER_KEYS, {"status"}, where)
    code = currency(_text(entry, "currency", where)).code
    try:
        pan = Pan(_text(entry, "pan", where))
        status = AccountStatus(entry.get("status", "active"))
    except EncodeError as error:
        raise ConfigurationError(f"{where} has a wrong pan: {error.problem}.") from None
    except ValueError:
        raise ConfigurationError(f"{where} has a status other than active or blocked.") from None
    return Cardholder(
        id=_matching(entry, "id", re.compile("[a-z0-9-]{1,64}").fullmatch, where),
        holder=_matching(entry, "holder", re.compile(".{1,64}").fullmatch, where),
        pan=pan,
        expiry=_matching(entry, "expiry", _EXPIRY, where),
        currency=code,
        opening_minor=_minor(entry, "opening", code, where),
        credit_limit_minor=_minor(entry, "credit_limit", code, where),
        debit_limit_minor=_minor(entry, "debit_limit", code, where),
        daily_limit_minor=_minor(entry, "daily_limit", code, where),
        phone=_matching(entry, "phone", _PHONE, where) if entry["phone"] else "",
        status=status,
    )


def _check_keys(
    table: Mapping[str, Any], required: set[str], optional: set[str], where: str
) -> None:
    missing, unknown = required - set(table), set(table) - required - optional
    if missing:
        raise ConfigurationError(f"{where} lacks {', '.join(sorted(missing))}.")
    if unknown:
        raise ConfigurationError(f"{where} has an unknown {', '.join(sorted(unknown))}.")


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise ConfigurationError(f"{where} has a {key} that is not in quotes.")
    return value


def _matching(table: Mapping[str, Any], key: str, matches: Any, where: str) -> str:
    value = _text(table, key, where)
    if matches(value) is None:
        raise ConfigurationError(f"{where} has a {key} of the wrong form.")
    return value


def _minor(table: Mapping[str, Any], key: str, code: str, where: str) -> int:
    try:
        return money(_text(table, key, where), code).minor
    except ConfigurationError as error:
        raise ConfigurationError(f"{where} has a wrong {key}: {error}") from None
