"""Finding a thing in bytes, however it is written there.

A needle knows the spellings of one thing. `holds` also opens what a crossing wraps: runs of
hexadecimal digits and of base64, at every alignment, and runs inside those. Spellings of a
number: ASCII, EBCDIC and UTF-16 digits, with or without separators, BCD at any nibble (thus 5A and
track 2), and the digits of each of these in hexadecimal.
"""

import binascii
import re
from collections.abc import Iterator
from typing import Protocol

from zheton.core.money import Money

DEPTH_MAX = 3
OPENED_BYTES_MAX = 4_000_000
_RUN_MIN = 16
_HEX_RUN = re.compile(rf"[0-9A-Fa-f]{{{_RUN_MIN},}}")
_BASE64_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{_RUN_MIN},}}")
_URL_SAFE = str.maketrans("-_", "+/")
# NUL is the other half of UTF-16, @ the fill byte of blocked clearing files.
_BETWEEN, _BETWEEN_HEX = r"[ \-()\x00@]{0,3}", "(?:00|20|2[dD]|40){0,3}"


class Needle(Protocol):
    """One thing to find."""

    def within(self, data: bytes) -> bool:
        """Whether the thing is in these bytes as they are."""


class Digits:
    """A number of digits: a card number, a one-time number, a phone."""

    def __init__(self, digits: str) -> None:
        self._plain = re.compile(_BETWEEN.join(f"[{d}{chr(0xF0 + int(d))}]" for d in digits))
        self._hex = re.compile(_BETWEEN_HEX.join(f"[3fF]{d}" for d in digits))

    def within(self, data: bytes) -> bool:
        """Whether any spelling of the digits is in these bytes."""
        text = data.decode("latin-1")
        patterns = self.patterns
        return any(pattern.search(text) for pattern in patterns) or bool(
            self._plain.search(data.hex())
        )

    @property
    def patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """The digits in text (BCD in hexadecimal too), and ASCII or EBCDIC in hexadecimal."""
        return self._plain, self._hex


class Octets:
    """Bytes as they are: a key, a cryptogram."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def within(self, data: bytes) -> bool:
        """Whether the bytes are in these bytes."""
        return self._octets in data


class Text:
    """Words, whatever their case, in UTF-8 or UTF-16: a reference, a name."""

    def __init__(self, text: str) -> None:
        low = text.lower()
        self._spellings = [low.encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be")]

    def within(self, data: bytes) -> bool:
        """Whether the words are in these bytes."""
        low = data.lower()
        return any(spelling in low for spelling in self._spellings)


class Amount:
    """An amount of money: n 12 in ASCII or BCD, or a number behind a name that says amount."""

    def __init__(self, money: Money) -> None:
        n12, major = f"{money.minor:012d}", str(money).partition(" ")[0]
        self._fixed = (n12.encode("ascii"), bytes.fromhex(n12))
        values = {str(money.minor), major, major.rstrip("0").rstrip(".") if "." in major else major}
        either = "|".join(sorted(map(re.escape, values), key=len, reverse=True))
        self._named = re.compile(f"amount[^0-9]{{0,40}}0*(?:{either})(?![.0-9])".encode(), re.I)

    def within(self, data: bytes) -> bool:
        """Whether the amount is in these bytes."""
        return any(n12 in data for n12 in self._fixed) or bool(self._named.search(data))


def holds(data: bytes, needle: Needle, depth: int = DEPTH_MAX) -> bool:
    """Whether a thing is in the bytes, or in what is written in hexadecimal or base64 in them.

    >>> holds(b'{"a": "NTQxMzMzMDA4OTYwMDAxMA=="}', Digits("5413330089600010"))
    True
    """
    if needle.within(data):
        return True
    if depth == 0 or len(data) > OPENED_BYTES_MAX:
        return False
    text = data.decode("latin-1")
    return any(holds(inner, needle, depth - 1) for _, _, inner in runs(text))


def runs(text: str) -> Iterator[tuple[int, int, bytes]]:
    """The runs of hexadecimal and base64 in a text: start, end, and the bytes at each alignment."""
    for run in _HEX_RUN.finditer(text):
        for skip in (0, 1):
            digits = run[0][skip:]
            yield run.start(), run.end(), bytes.fromhex(digits[: len(digits) & ~1])
    for run in _BASE64_RUN.finditer(text):
        for skip in range(4):
            part = run[0][skip:].translate(_URL_SAFE)
            part = part[: len(part) - (len(part) % 4 == 1)]
            yield run.start(), run.end(), binascii.a2b_base64(part + "=" * (-len(part) % 4))
