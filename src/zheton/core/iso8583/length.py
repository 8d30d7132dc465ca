"""Length prefixes of LL and LLL elements, as tables from wire to count and back.

A table lookup decides at once whether a prefix is made of digits and within the maximum.
"""

from typing import Literal

from zheton.core.iso8583.field import LENGTH_DIGITS, Field

LengthEncoding = Literal["ascii", "bcd"]


def prefixes(field: Field, encoding: LengthEncoding) -> list[str]:
    """The prefix (Latin-1 text) of every length from 0 to the element's maximum.

    >>> from zheton.core.iso8583.field import field
    >>> prefixes(field("n..19", "PAN"), "ascii")[19], prefixes(field("b...255", "chip"), "bcd")[255]
    ('19', '\\x02U')
    """
    digits = LENGTH_DIGITS[field.length_type]
    if encoding == "ascii":
        return [f"{length:0{digits}d}" for length in range(field.length_max + 1)]
    width = digits + digits % 2
    return [
        bytes.fromhex(f"{length:0{width}d}").decode("latin-1")
        for length in range(field.length_max + 1)
    ]
