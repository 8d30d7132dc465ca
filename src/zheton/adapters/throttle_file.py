"""How often a source may be wrong, out of a TOML file."""

import tomllib
from importlib.resources import files
from typing import Any

from zheton.core.errors import ConfigurationError
from zheton.roles.network.throttle import Allowance, Throttling

_LEVELS = ("line", "acquirer", "terminal")
_KEYS = {"burst", "seconds", "earned"}
_BURST_MAX, _SECONDS_MAX, _EARNED_MAX, _ENTRIES = 1_000_000, 86_400, 1, (1_000, 10_000_000)


def load_throttling(text: str | None = None) -> Throttling:
    """The settings; ConfigurationError names the one that is wrong."""
    if text is None:
        text = (files("zheton") / "data" / "throttle.toml").read_text("utf-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The file of throttling is no TOML: {error}.") from None
    if set(table) != {*_LEVELS, "entries_max"}:
        raise ConfigurationError(
            f"The file of throttling needs exactly entries_max, [{'], ['.join(_LEVELS)}]."
        )
    entries = table["entries_max"]
    if type(entries) is not int or not _ENTRIES[0] <= entries <= _ENTRIES[1]:
        raise ConfigurationError(f"entries_max is a whole number from {_ENTRIES[0]} on.")
    line, acquirer, terminal = (_allowance(name, table[name]) for name in _LEVELS)
    return Throttling(line, acquirer, terminal, entries)


def _allowance(level: str, entry: Any) -> Allowance:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        raise ConfigurationError(f"[{level}] needs exactly {', '.join(sorted(_KEYS))}.")
    for key, least, most in (
        ("burst", 1, _BURST_MAX),
        ("seconds", 0.001, _SECONDS_MAX),
        ("earned", 0, _EARNED_MAX),
    ):
        value = entry[key]
        if type(value) not in (int, float) or not least <= value <= most:
            raise ConfigurationError(f"{key} of [{level}] is a number from {least} to {most}.")
    if type(entry["burst"]) is not int:
        raise ConfigurationError(f"burst of [{level}] is a whole number.")
    return Allowance(entry["burst"], float(entry["seconds"]), float(entry["earned"]))
