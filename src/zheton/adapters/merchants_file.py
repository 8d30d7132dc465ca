"""The acquirer and its tills out of a TOML file: the shipped lab, or the operator's own."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from zheton.core.country import country
from zheton.core.errors import ConfigurationError, EncodeError
from zheton.core.money import currency
from zheton.core.spelling import suggestion
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.state import Acquirer, Merchant, Till

FILE_BYTES_MAX = 1_000_000
_TILL_KEYS = ("terminal", "merchant", "name", "city", "country", "category", "currency", "channel")


@dataclass(frozen=True, slots=True)
class Merchants:
    """An acquirer and its tills by the names that people call them, "moscow" for one."""

    acquirer: Acquirer
    tills: Mapping[str, Till]

    def till(self, name: str) -> Till:
        """The till of a name; ConfigurationError lists the others if there is none."""
        if name not in self.tills:
            raise ConfigurationError(
                f"No till is called {name!r}; there are {', '.join(self.tills)}."
            )
        return self.tills[name]


def load_merchants(path: Path | None = None) -> Merchants:
    """The acquirer and tills of a file, or the lab's; ConfigurationError says what to change."""
    if path is None:
        with as_file(files("zheton") / "data" / "merchants.toml") as shipped:
            return load_merchants(shipped)
    try:
        return _merchants(_read(path))
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationError(f"it can't be read ({error.strerror}).") from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigurationError(f"it is longer than {FILE_BYTES_MAX} bytes.")
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"it is no TOML: {error}.") from None


def _merchants(table: dict[str, Any]) -> Merchants:
    _check_keys("the file", table, ("acquirer", "tills"))
    if not isinstance(table["acquirer"], str):
        raise ConfigurationError("`acquirer` is text, its id in quotes.")
    if not isinstance(table["tills"], dict) or not table["tills"]:
        raise ConfigurationError("it has no tills; add [tills.NAME].")
    tills = {name: _till(name, each) for name, each in table["tills"].items()}
    owners: dict[str, str] = {}
    for name, till in tills.items():
        other = owners.setdefault(till.terminal, name)
        if other != name:
            raise ConfigurationError(f"tills {other} and {name} have the same terminal.")
    return Merchants(Acquirer(table["acquirer"]), tills)


def _till(name: str, table: Any) -> Till:
    where = f"till {name}"
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where} is a table: [tills.{name}].")
    _check_keys(where, table, _TILL_KEYS)
    for key, value in table.items():
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{where}: `{key}` is text and not empty.")
    try:
        merchant = Merchant(
            id=table["merchant"],
            name=table["name"],
            city=table["city"],
            country=country(table["country"]),
            category=table["category"],
            currency=currency(table["currency"]),
        )
        return Till(table["terminal"], merchant, Channel(table["channel"]))
    except ValueError:
        raise ConfigurationError(f"{where}: `channel` is till or online.") from None
    except (ConfigurationError, EncodeError) as error:
        raise ConfigurationError(f"{where}: {error}") from None


def _check_keys(where: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise ConfigurationError(
                f"{where} has {key!r}, which is unknown{suggestion(key, known)}."
            )
    for key in known:
        if key not in table:
            raise ConfigurationError(f"{where} lacks `{key}`.")
