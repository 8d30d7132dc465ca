"""What issuers allow the network in their absence, out of a TOML file (`data/stand-in.toml`)."""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from zheton.core.errors import ConfigurationError
from zheton.core.money import currency, money
from zheton.core.token.domain import Channel
from zheton.roles.network.allowance import Allowance, StandIn, StandIns

_ISSUER_KEYS = {"name", "bins", "channels", "categories_refused", "limits"}
_LIMIT_KEYS = {"debit_max", "day_max", "debits_per_day"}
_BIN = re.compile("[0-9]{4,11}").fullmatch
_CATEGORY = re.compile("[0-9]{4}").fullmatch


def load_stand_ins(text: str | None = None) -> StandIns:
    """What a file's text says; without one, the file that comes with the product.

    ConfigurationError names the issuer and the key that is wrong.
    """
    if text is None:
        text = (files("zheton") / "data" / "stand-in.toml").read_text("utf-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The file of stand-in is no TOML: {error}.") from None
    entries = table.get("issuer", [])
    if set(table) - {"issuer"} or not isinstance(entries, list):
        raise ConfigurationError("The file of stand-in lists issuers as [[issuer]], nothing else.")
    by_bin: dict[str, StandIn] = {}
    for place, entry in enumerate(entries, 1):
        where = f"Issuer {place} of the file of stand-in"
        if not isinstance(entry, dict) or set(entry) != _ISSUER_KEYS:
            raise ConfigurationError(f"{where} needs exactly {', '.join(sorted(_ISSUER_KEYS))}.")
        allowed = _stand_in(entry, where)
        for each in _texts(entry, "bins", where):
            if _BIN(each) is None or each in by_bin:
                raise ConfigurationError(f"{where} has a BIN that is none, or named before.")
            by_bin[each] = allowed
    return StandIns(by_bin)


def _stand_in(entry: Mapping[str, Any], where: str) -> StandIn:
    try:
        channels = frozenset(map(Channel, _texts(entry, "channels", where)))
    except ValueError:
        raise ConfigurationError(f"{where} has a channel other than till or online.") from None
    categories = frozenset(_texts(entry, "categories_refused", where))
    if any(_CATEGORY(each) is None for each in categories):
        raise ConfigurationError(f"{where} refuses a category that is not of four digits.")
    limits = entry["limits"]
    if not isinstance(limits, dict):
        raise ConfigurationError(f"{where} has its limits by currency: [issuer.limits.RUB].")
    by_currency = {
        currency(code).numeric: _allowance(limit, code, where) for code, limit in limits.items()
    }
    return StandIn(channels, categories, by_currency)


def _allowance(limit: Any, code: str, where: str) -> Allowance:
    if not isinstance(limit, dict) or set(limit) != _LIMIT_KEYS:
        needed = ", ".join(sorted(_LIMIT_KEYS))
        raise ConfigurationError(f"{where} needs exactly {needed} for {code}.")
    count = limit["debits_per_day"]
    if type(count) is not int or count < 0:
        raise ConfigurationError(f"{where} has debits_per_day for {code}: a whole number from 0.")
    return Allowance(
        money(str(limit["debit_max"]), code).minor, money(str(limit["day_max"]), code).minor, count
    )


def _texts(entry: Mapping[str, Any], key: str, where: str) -> list[str]:
    values = entry[key]
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise ConfigurationError(f"{where} has {key} that are no list of texts.")
    return values
