"""A till out of a TOML file: the shipped lab till, or the operator's own.

The file says what the till is and accepts; where it stands and in which currency it charges are
arguments, so that one file serves a till anywhere. Every error names the file.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from zheton.core.country import Country
from zheton.core.errors import ConfigurationError
from zheton.core.money import Currency
from zheton.core.spelling import suggestion
from zheton.roles.terminal.state import (
    ActionCodes,
    Authority,
    Combination,
    Limits,
    RelayTimes,
    TerminalConfig,
)

_TEXTS = ("merchant_category", "merchant_name", "ifd_serial", "terminal_id", "acquirer_id")
_TILL: dict[str, type] = {
    "terminal_type": int,
    "capabilities": str,
    "additional_capabilities": str,
    **dict.fromkeys(_TEXTS, str),
    "relay_resistance": dict,
    "limits": dict,
    "applications": list,
}
_RELAY: dict[str, type] = dict.fromkeys(
    ("least_grace", "most_grace", "command", "response", "accuracy", "mismatch_percent"), int
)
_LIMITS: dict[str, type] = dict.fromkeys(
    ("floor", "cvm", "transaction", "transaction_on_device"), int
)
_APPLICATION: dict[str, type] = {
    "name": str,
    "aid": str,
    "kernel_id": int,
    "version": str,
    "tac_denial": str,
    "tac_online": str,
    "tac_default": str,
    "data": dict,
}


def load_terminal(
    country: Country,
    currency: Currency,
    path: Path | None = None,
    authorities: Sequence[Authority] = (),
) -> TerminalConfig:
    """A till in this country that charges in this currency; ConfigurationError says what is wrong.

    `path` is the operator's file; the lab's till if left out. `authorities` are the keys by which
    it authenticates cards.
    """
    if path is None:
        with as_file(files("zheton") / "data" / "terminal.toml") as shipped:
            return load_terminal(country, currency, shipped, authorities)
    try:
        return replace(_till(_read(path), country, currency), authorities=tuple(authorities))
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"it can't be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"it is no TOML: {error}.") from None


def _till(table: dict[str, Any], country: Country, currency: Currency) -> TerminalConfig:
    _check(table, _TILL, "the till")
    limits = _limits(table["limits"], currency)
    _check(table["relay_resistance"], _RELAY, "[relay_resistance]")
    return TerminalConfig(
        terminal_type=table["terminal_type"],
        capabilities=_bytes(table, "capabilities"),
        additional_capabilities=_bytes(table, "additional_capabilities"),
        country=country.numeric,
        currency=currency.numeric,
        combinations=tuple(_combination(each, limits) for each in table["applications"]),
        relay=RelayTimes(**table["relay_resistance"]),
        **{name: table[name] for name in _TEXTS},
    )


def _limits(table: dict[str, Any], currency: Currency) -> Limits:
    own = table.get(currency.code)
    if not isinstance(own, dict):
        raise ConfigurationError(f"no limits are set for {currency.code}; add them to [limits].")
    _check(own, _LIMITS, f"the limits of {currency.code}")
    return Limits(**{name: value * 10**currency.exponent for name, value in own.items()})


def _combination(table: object, limits: Limits) -> Combination:
    if not isinstance(table, dict):
        raise ConfigurationError("every application is a table: [[applications]].")
    _check(table, _APPLICATION, "an application")
    return Combination(
        aid=_bytes(table, "aid"),
        kernel_id=table["kernel_id"],
        application_version=_bytes(table, "version"),
        action_codes=ActionCodes(
            _bytes(table, "tac_denial"),
            _bytes(table, "tac_online"),
            _bytes(table, "tac_default"),
        ),
        limits=limits,
        data=tuple((_tag(name), _bytes(table["data"], name)) for name in table["data"]),
    )


def _check(table: dict[str, Any], shape: dict[str, type], place: str) -> None:
    for key in table:
        if key not in shape:
            raise ConfigurationError(f"unknown key {key!r} in {place}{suggestion(key, shape)}.")
    for key, kind in shape.items():
        if type(table.get(key)) is not kind:
            raise ConfigurationError(f"{key!r} of {place} must be there, as {kind.__name__}.")


def _bytes(table: dict[str, Any], key: str) -> bytes:
    try:
        return bytes.fromhex(table[key])
    except (TypeError, ValueError):
        raise ConfigurationError(f"{key!r} is written in hexadecimal digits.") from None


def _tag(name: str) -> int:
    try:
        return int(name, 16)
    except ValueError:
        raise ConfigurationError(f"{name!r} is no tag in hexadecimal digits.") from None
