"""The tables of meanings: bits and codes in words, read from data/xray once."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> Mapping[str, Any]:
    """A file of data/xray."""
    return tomllib.loads((files("zheton") / "data" / "xray" / f"{name}.toml").read_text("utf-8"))


def bits(name: str, value: bytes) -> str:
    """The bits that are set, in words; those that the table lacks by their place.

    >>> bits("95", bytes.fromhex("0100008000"))
    'byte 1 bit 1 is reserved; amount exceeds the floor limit'
    """
    words = table("emv")["bits"][name]
    return "; ".join(words.get(f"{at}.{bit}", _reserved(at, bit)) for at, bit in _set_in(value))


def code(name: str, value: str, default: str = "") -> str:
    """What a code of an EMV data object means, or `default` where the table lacks it.

    >>> code("9C", "20")
    'refund'
    """
    return str(table("emv")["codes"][name].get(value, default))


def word(name: str, value: str, default: str = "") -> str:
    """What a value of an ISO 8583 data element means, or `default` where the table lacks it.

    >>> word("response", "51")
    'insufficient funds'
    """
    return str(table("messages")[name].get(value, default))


def _set_in(value: bytes) -> Iterator[tuple[int, int]]:
    for at, byte in enumerate(value, start=1):
        for bit in range(8, 0, -1):
            if byte >> (bit - 1) & 1:
                yield at, bit


def _reserved(at: int, bit: int) -> str:
    return f"byte {at} bit {bit} is reserved"
