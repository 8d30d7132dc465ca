"""How the value of a data element goes onto the wire: one small variant for each encoding.

Wire content is a `str` of code points 0 to 255, one a byte (Latin-1): a whole message is decoded
once, and slices of it are values already. A variant raises ValueError with the problem; who knows
the element and the offset turns that into a DecodeError or EncodeError.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from zheton.core.iso8583.field import CHARACTERS, Encoding, Field

Value = str | bytes


@dataclass(frozen=True, slots=True)
class Content:
    """One variant, compiled for one element.

    `size(units)` is the count of wire bytes of that many characters, digits or bytes;
    `read(raw, units)` gives the value of exactly so many wire bytes; `write(value)` gives the
    wire bytes and the units.
    """

    size: Callable[[int], int]
    read: Callable[[str, int], Value]
    write: Callable[[Value], tuple[str, int]]


def ascii_content(field: Field) -> Content:
    """Characters as they are."""
    allowed = re.compile(CHARACTERS[field.characters]).fullmatch
    problem = f"holds a character outside class {field.characters}"

    def read(raw: str, units: int) -> str:
        if allowed(raw) is None:
            raise ValueError(problem)
        return raw

    def write(value: Value) -> tuple[str, int]:
        if not isinstance(value, str):
            raise ValueError("is text, not bytes")
        if allowed(value) is None:
            raise ValueError(problem)
        return value, len(value)

    return Content(lambda units: units, read, write)


def bcd_content(field: Field) -> Content:
    """Two digits a byte; an odd count has a zero nibble before it. `=` of track 2 is nibble D."""
    allowed = re.compile(CHARACTERS[field.characters]).fullmatch
    problem = f"holds a nibble outside class {field.characters}"
    track = field.characters == "z"

    def read(raw: str, units: int) -> str:
        digits = raw.encode("latin-1").hex().upper()
        if units & 1:
            if digits[0] != "0":
                raise ValueError("its padding nibble is not zero")
            digits = digits[1:]
        if allowed(digits) is None:
            raise ValueError(problem)
        return digits.replace("D", "=") if track else digits

    def write(value: Value) -> tuple[str, int]:
        if not isinstance(value, str):
            raise ValueError("is text, not bytes")
        if allowed(value) is None:
            raise ValueError(problem)
        units = len(value)
        digits = value.replace("=", "D") if track else value
        packed = bytes.fromhex("0" + digits if units & 1 else digits)
        return packed.decode("latin-1"), units

    return Content(lambda units: (units + 1) // 2, read, write)


def binary_content(field: Field) -> Content:
    """Bytes as they are."""

    def read(raw: str, units: int) -> bytes:
        return raw.encode("latin-1")

    def write(value: Value) -> tuple[str, int]:
        if not isinstance(value, bytes):
            raise ValueError("is bytes, not text")
        return value.decode("latin-1"), len(value)

    return Content(lambda units: units, read, write)


CONTENT: dict[Encoding, Callable[[Field], Content]] = {
    "ascii": ascii_content,
    "bcd": bcd_content,
    "binary": binary_content,
}
