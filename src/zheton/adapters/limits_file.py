"""The limits of newly enrolled cards out of a TOML file, by region."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from zheton.core.country import country
from zheton.core.errors import ConfigurationError
from zheton.core.money import currency, money
from zheton.core.token.domain import Limits

_KEYS = {"currency", "debit_max", "day_max", "debits_per_day"}
_ELSEWHERE = "*"


def load_limits(text: str | None = None) -> Mapping[str, Limits]:
    """Limits by alpha-2 region, "" for all others; ConfigurationError names the region."""
    if text is None:
        text = (files("zheton") / "data" / "limits.toml").read_text("utf-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The file of limits is no TOML: {error}.") from None
    if _ELSEWHERE not in table:
        raise ConfigurationError('The file of limits needs a table ["*"] for all other regions.')
    return {
        "" if region == _ELSEWHERE else country(region).alpha2: _limits(region, entry)
        for region, entry in table.items()
    }


def _limits(region: str, entry: Any) -> Limits:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        raise ConfigurationError(f"The limits of {region} need exactly {', '.join(sorted(_KEYS))}.")
    count = entry["debits_per_day"]
    if type(count) is not int or count < 0:
        raise ConfigurationError(f"debits_per_day of {region} is a whole number from 0 up.")
    code = currency(str(entry["currency"]))
    return Limits(
        code.numeric,
        money(str(entry["debit_max"]), code.code).minor,
        money(str(entry["day_max"]), code.code).minor,
        count,
    )
