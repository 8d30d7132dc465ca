"""Data object lists: a card's list of tags and lengths, and the values it asks for (Book 3, 5.4).

A list holds no values. `build` makes the answer from the values that one has, cut and padded by
the rules; `split` is the reverse, on the side that wrote the list.
"""

from collections.abc import Mapping
from typing import NamedTuple

from zheton.core.emv.tags import TAGS
from zheton.core.emv.tlv import read_tag
from zheton.core.errors import DecodeError

DOL_BYTES_MAX = 252  # Book 3, annex A: CDOL1, CDOL2, DDOL and TDOL are at most this long


class DolEntry(NamedTuple):
    """One tag of a list and the number of bytes wanted for it."""

    tag: int
    length: int


def parse(dol: bytes) -> tuple[DolEntry, ...]:
    """The entries of a list, in order; DecodeError if it is cut short or too long.

    >>> [(f"{tag:X}", length) for tag, length in parse(bytes.fromhex("9F02069F37045F2A02"))]
    [('9F02', 6), ('9F37', 4), ('5F2A', 2)]
    """
    if len(dol) > DOL_BYTES_MAX:
        raise DecodeError("the list is too long", field="DOL", offset=DOL_BYTES_MAX)
    entries, position = [], 0
    while position < len(dol):
        tag, after = read_tag(dol, position, len(dol))
        if after >= len(dol):
            raise DecodeError("the length of the last entry is missing", field="DOL", offset=after)
        entries.append(DolEntry(tag, dol[after]))
        position = after + 1
    return tuple(entries)


def build(dol: bytes, values: Mapping[int, bytes]) -> bytes:
    """The values that a list asks for, concatenated; a value that is not there becomes zeros.

    Lengths that differ are cut and padded as Book 3, 5.4 says: a numeric value keeps its right
    end and is padded with zeros on the left, a compressed numeric one is padded with F on the
    right, any other keeps its left end and is padded with zeros on the right.

    >>> build(bytes.fromhex("9F0206 9F3702 9A03"), {0x9F02: b"\\x35\\x00", 0x9F37: b"abcd"}).hex()
    '0000000035006162000000'
    """
    return b"".join([_fitted(entry, values.get(entry.tag)) for entry in parse(dol)])


def split(dol: bytes, data: bytes) -> dict[int, bytes]:
    """The values by tag of data that answer a list; the first of a repeated tag wins.

    Raises DecodeError if the data are not exactly as long as the list asks.
    """
    entries = parse(dol)
    wanted = sum(length for _, length in entries)
    if len(data) != wanted:
        problem = f"the list asks for {wanted} bytes, {len(data)} came"
        raise DecodeError(problem, field="DOL data", offset=min(wanted, len(data)))
    values: dict[int, bytes] = {}
    position = 0
    for tag, length in entries:
        values.setdefault(tag, data[position : position + length])
        position += length
    return values


def _fitted(entry: DolEntry, value: bytes | None) -> bytes:
    known, size = TAGS.get(entry.tag), entry.length
    if value is None:
        return bytes(size)
    if len(value) == size:
        return value
    if known is not None and known.format == "n":
        return value[len(value) - size :] if len(value) > size else value.rjust(size, b"\0")
    padding = b"\xff" if known is not None and known.format == "cn" else b"\0"
    return value[:size].ljust(size, padding)
