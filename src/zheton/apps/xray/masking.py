"""Masking: what an X-ray shows holds no card number, in whatever way it is written.

The first six and the last four digits stay, as PCI DSS 3.4.1 allows; a run of base64 (or of
hexadecimal twice over) that hides a number is blanked whole.
"""

import re
from collections.abc import Callable, Iterable

from zheton.apps.xray.needles import Digits, holds, runs

_FIRST, _LAST = 6, 4


class Mask:
    """Hides the numbers it is given."""

    def __init__(self, numbers: Iterable[str] = ()) -> None:
        self._needles = {number: Digits(number) for number in numbers}

    def also(self, numbers: Iterable[str]) -> "Mask":
        """A mask for more numbers."""
        return Mask({*self._needles, *numbers})

    def text(self, text: str) -> str:
        """A text without the numbers; its length stays."""
        for needle in self._needles.values():
            plain, digits_in_hex = needle.patterns
            text = plain.sub(_hide_digits, text)
            text = digits_in_hex.sub(_hide_hex, text)
            text = _blank_runs(text, needle)
        return text

    def hex(self, data: bytes) -> str:
        """The bytes in hexadecimal without the numbers: `*` in text, F in BCD."""
        shown = self.text(data.decode("latin-1")).encode("latin-1").hex()
        for needle in self._needles.values():
            shown = needle.patterns[0].sub(lambda found: _hide(found[0], str.isdigit, "f"), shown)
        return shown.upper()


def _hide_digits(found: re.Match[str]) -> str:
    return _hide(found[0], lambda sign: sign.isdigit() or sign >= "\xf0", "*")


def _hide_hex(found: re.Match[str]) -> str:
    """Pairs 3n or Fn that are digits become 2A, the asterisk; separators stay."""
    pairs = re.findall("..", found[0])
    places = [at for at, pair in enumerate(pairs) if pair[0] in "3fF"]
    for at in places[_FIRST:-_LAST]:
        pairs[at] = "2A"
    return "".join(pairs)


def _hide(text: str, is_digit: Callable[[str], bool], sign: str) -> str:
    signs = list(text)
    places = [at for at, each in enumerate(signs) if is_digit(each)]
    for at in places[_FIRST:-_LAST]:
        signs[at] = sign
    return "".join(signs)


def _blank_runs(text: str, needle: Digits) -> str:
    for start, end, inner in list(runs(text)):
        if holds(inner, needle):
            text = text[:start] + "*" * (end - start) + text[end:]
    return text
