"""One data element as ISO 8583 describes it: characters allowed, length, and how it is encoded."""

import re
from dataclasses import dataclass
from typing import Literal

from zheton.core.errors import ConfigurationError

CharacterClass = Literal["a", "n", "s", "an", "as", "ns", "ans", "z", "b", "x+n"]
LengthType = Literal["fixed", "LL", "LLL"]
Encoding = Literal["ascii", "bcd", "binary"]

LENGTH_DIGITS: dict[LengthType, int] = {"fixed": 0, "LL": 2, "LLL": 3}
_SPECIAL = r" -/:-@\[-`{-~"  # the printable ASCII characters that are no letter and no digit
CHARACTERS: dict[CharacterClass, str] = {
    "a": "[A-Za-z ]*",
    "n": "[0-9]*",
    "s": f"[{_SPECIAL}]*",
    "an": "[A-Za-z0-9 ]*",  # with the spaces that fill a fixed element on the right
    "as": f"[A-Za-z{_SPECIAL}]*",
    "ns": f"[0-9{_SPECIAL}]*",
    "ans": "[ -~]*",
    "z": "[0-9=D]*",  # ISO 7813 track 2 without its sentinels; D is `=` where nibbles are meant
    "b": r"[\x00-\xff]*",
    "x+n": "[CD][0-9]*",  # credit or debit before an amount
}
_CLASSES: dict[str, CharacterClass] = {characters: characters for characters in CHARACTERS}
_NOTATION = re.compile(r"(x\+n|[ansbz]+)(?: |(\.{2,3}))([0-9]{1,3})")
_DOTS: dict[str | None, LengthType] = {None: "fixed", "..": "LL", "...": "LLL"}


@dataclass(frozen=True, slots=True)
class Field:
    """One data element. `length_max` counts characters, digits or (class b) bytes."""

    characters: CharacterClass
    length_type: LengthType
    length_max: int
    encoding: Encoding
    name: str

    def __post_init__(self) -> None:
        limit = 10 ** LENGTH_DIGITS[self.length_type] - 1 if self.length_type != "fixed" else 999
        if not 1 <= self.length_max <= limit:
            raise ConfigurationError(
                f"{self.name}: a {self.length_type} element holds 1 to {limit}, "
                f"not {self.length_max}."
            )
        if (self.characters == "b") != (self.encoding == "binary"):
            raise ConfigurationError(f"{self.name}: class b, and only it, is encoded as binary.")
        if self.encoding == "bcd" and self.characters not in ("n", "z"):
            raise ConfigurationError(
                f"{self.name}: BCD packs digits, so class {self.characters} can't be encoded so."
            )


def field(notation: str, name: str, encoding: Encoding | None = None) -> Field:
    """The element of a notation of the standard; class b counts bytes here, x+n without its sign.

    One space stands before a fixed length, two dots before a maximum with a 2-digit length (LL),
    three before one with a 3-digit length (LLL). ConfigurationError if it reads otherwise.

    >>> field("n..19", "Primary account number").length_type
    'LL'
    >>> field("x+n 8", "Amount, transaction fee").length_max
    9
    """
    match = _NOTATION.fullmatch(notation)
    if match is None or match[1] not in _CLASSES:
        raise ConfigurationError(f"{name}: {notation!r} is no format; write 'n 6' or 'ans...999'.")
    characters = _CLASSES[match[1]]
    length = int(match[3]) + (characters == "x+n")
    chosen = encoding or ("binary" if characters == "b" else "ascii")
    return Field(characters, _DOTS[match[2]], length, chosen, name)
