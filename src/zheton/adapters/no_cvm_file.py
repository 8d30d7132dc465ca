"""The limits up to which nobody has to prove to be the cardholder, out of a TOML file."""

import tomllib
from importlib.resources import files
from typing import Any

from zheton.core.country import country
from zheton.core.emv.no_cvm import NoCvm, NoCvmLimit
from zheton.core.errors import ConfigurationError, EncodeError
from zheton.core.money import money

_KEYS = {"currency", "amount"}


def load_no_cvm(text: str | None = None) -> NoCvm:
    """The limits by country; ConfigurationError names what is wrong in the file."""
    if text is None:
        text = (files("zheton") / "data" / "no-cvm.toml").read_text("utf-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The file of no-CVM limits is no TOML: {error}.") from None
    if set(table) != {"debits", "limits"} or not isinstance(table["limits"], dict):
        raise ConfigurationError("The file of no-CVM limits needs debits and a table [limits].")
    if type(table["debits"]) is not int:
        raise ConfigurationError("debits, of the no-CVM limits, is a whole number.")
    limits = tuple(_limit(region, entry) for region, entry in table["limits"].items())
    try:
        return NoCvm(table["debits"], limits)
    except EncodeError as error:
        raise ConfigurationError(f"The no-CVM limits do not fit a card: {error}.") from None


def _limit(region: str, entry: Any) -> NoCvmLimit:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        raise ConfigurationError(f"The no-CVM limit of {region} needs currency and amount.")
    limit = money(str(entry["amount"]), str(entry["currency"]))
    return NoCvmLimit(country(region).numeric, limit.currency.numeric, limit.minor)
