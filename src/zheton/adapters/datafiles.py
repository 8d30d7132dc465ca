"""Rollout rules and payment networks out of TOML files: the shipped ones, or the operator's own.

Only reading and the shape of a file are here; what the names in it mean is told by
`core.policy` and `core.scheme`. Every error names the file.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from zheton.core.country import country
from zheton.core.errors import ConfigurationError
from zheton.core.policy.compiled import Policy
from zheton.core.policy.document import read_policy
from zheton.core.scheme import CryptogramVersion, Scheme, Schemes
from zheton.core.spelling import suggestion

POLICY_SHIPPED = "mi-pay-2019.toml"
FILE_BYTES_MAX = 1_000_000


def load_policy(path: Path | None = None, schemes: Schemes | None = None) -> Policy:
    """The policy of a file, or the shipped one; ConfigurationError says what to change in it.

    `schemes` are the networks that rules may name; the shipped ones if left out.
    """
    networks = (load_schemes() if schemes is None else schemes).by_name
    if path is None:
        with as_file(files("zheton") / "data" / "policy" / POLICY_SHIPPED) as shipped:
            return load_policy(shipped, schemes)
    try:
        return read_policy(_toml(path), networks)
    except ConfigurationError as error:
        raise _named(path, error) from None


def load_schemes(directory: Path | None = None) -> Schemes:
    """The networks of a directory, one TOML file each, or the shipped ones."""
    if directory is None:
        with as_file(files("zheton") / "data" / "schemes") as shipped:
            return load_schemes(shipped)
    found: dict[str, Scheme] = {}
    for path in sorted(directory.glob("*.toml")):
        scheme = _scheme(path)
        for other in found.values():
            _check_apart(path, scheme, other)
        _check_bins(path, scheme)
        found[scheme.name] = scheme
    if not found:
        raise ConfigurationError(f"{directory}: no network is described here; add a *.toml file.")
    return Schemes(found)


def _toml(path: Path) -> dict[str, Any]:
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


def _named(path: Path, error: ConfigurationError) -> ConfigurationError:
    return ConfigurationError(f"{path}: {error}")


# What a file of a network must hold: each key with the type of its value.
_SCHEME = {
    "name": str,
    "title": str,
    "aid": str,
    "kernel_id": int,
    "label": str,
    "token_bins": list,
    "pan_prefixes": list,
    "par_bin_controller": str,
    "token_requestor_id": str,
    "application_version": str,
    "cryptogram": dict,
}
_CRYPTOGRAM = {"cvn": int, "layout": str, "cipher": str, "data": list, "arpc_method": int}
_CHOICES = {"layout": ("mchip", "ccd"), "cipher": ("3des", "aes"), "arpc_method": (1, 2)}


def _scheme(path: Path) -> Scheme:
    try:
        table = _checked(_toml(path), _SCHEME)
        cryptogram = _checked(table.pop("cryptogram"), _CRYPTOGRAM)
        for key, choices in _CHOICES.items():
            if cryptogram[key] not in choices:
                raise ConfigurationError(f"{key} is one of {', '.join(map(str, choices))}.")
        return Scheme(
            **table
            | {
                "aid": _bytes(table, "aid", range(5, 17)),  # ISO 7816-4, 8.2.1.2
                "application_version": _bytes(table, "application_version", range(2, 3)),
                "token_bins": tuple(_bin(each) for each in table["token_bins"]),
                "bin_regions": tuple(
                    (_bin(each), _regions(each))
                    for each in table["token_bins"]
                    if isinstance(each, dict)
                ),
                "pan_prefixes": tuple(_prefixes(each) for each in table["pan_prefixes"]),
            },
            cryptogram=CryptogramVersion(**cryptogram | {"data": tuple(cryptogram["data"])}),
        )
    except ConfigurationError as error:
        raise _named(path, error) from None


def _checked(table: dict[str, Any], shape: Mapping[str, type]) -> dict[str, Any]:
    for key in table:
        if key not in shape:
            raise ConfigurationError(f"unknown key {key!r}{suggestion(key, shape)}.")
    for key, kind in shape.items():
        if type(table.get(key)) is not kind:
            raise ConfigurationError(f"{key!r} must be there, as {kind.__name__}.")
    return table


def _bytes(table: dict[str, Any], key: str, lengths: range) -> bytes:
    try:
        value = bytes.fromhex(table[key])
    except ValueError:
        value = b""
    if len(value) not in lengths:
        wanted = f"{lengths.start} to {lengths.stop - 1}"
        raise ConfigurationError(f"{key} is written as {wanted} bytes in hexadecimal digits.")
    return value


def _digits(value: object, key: str) -> str:
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        raise ConfigurationError(f"{key} holds digits in quotes.")
    return value


def _bin(value: object) -> str:
    """A token BIN: its digits alone, or `{ bin = "52047411", regions = ["IN"] }`."""
    if not isinstance(value, dict):
        return _digits(value, "token_bins")
    return _digits(_checked(value, {"bin": str, "regions": list})["bin"], "token_bins")


def _regions(value: dict[str, Any]) -> frozenset[str]:
    regions = value["regions"]
    for each in regions:
        if not isinstance(each, str) or country(each).alpha2 != each:
            raise ConfigurationError("regions of a token BIN are alpha-2 codes in quotes.")
    if not regions:
        raise ConfigurationError("a token BIN for no region serves nobody; leave regions out.")
    return frozenset(regions)


def _prefixes(value: object) -> tuple[str, str]:
    """An inclusive range of leading digits, both ends equally long."""
    match value:
        case [low, high]:
            ends = _digits(low, "pan_prefixes"), _digits(high, "pan_prefixes")
            if len(ends[0]) == len(ends[1]) and ends[0] <= ends[1]:
                return ends
    raise ConfigurationError('pan_prefixes are ranges of equally long digits: ["51", "55"].')


def _check_bins(path: Path, scheme: Scheme) -> None:
    """A number must lie in one range of its network, so none of them may begin with another."""
    for n, mine in enumerate(scheme.token_bins):
        others = scheme.token_bins[:n] + scheme.token_bins[n + 1 :]
        if mine.startswith(others):
            raise ConfigurationError(
                f"{path}: token BIN {mine} overlaps another one of {scheme.name}; write each once."
            )


def _check_apart(path: Path, scheme: Scheme, other: Scheme) -> None:
    """Names and token ranges identify a network, so no two networks may share one."""
    if scheme.name == other.name:
        raise ConfigurationError(f"{path}: another file describes {scheme.name!r} already.")
    for mine in scheme.token_bins:
        if other.token_bins and (
            mine.startswith(other.token_bins)
            or any(its.startswith(mine) for its in other.token_bins)
        ):
            raise ConfigurationError(
                f"{path}: token BIN {mine} overlaps one of {other.name}; give each its own."
            )
