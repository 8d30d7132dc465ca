"""Finding thousands of spellings in gigabytes: one pass, whatever their count.

Every spelling has four anchors: words of four bytes in it, one of which is aligned wherever the
spelling stands. A pass hashes all aligned words into a table of flags (numpy); only where an anchor
stands are spellings compared.
"""

import bz2
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tests.hunt.needles import Needle

_CHUNK = 1 << 20
_ANCHOR = 4
_TABLE_BITS = 20
_MULTIPLIER = np.uint32(2654435761)  # Knuth's: it spreads what differs in low bits to the high
_SHIFT = np.uint32(32 - _TABLE_BITS)
OPENED_BYTES_MAX = 1 << 24
_DEPTH_MAX = 3
_PACKED = re.compile(
    rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]|PK\x03\x04|BZh[1-9]1AY&SY|\xfd7zXZ\x00", re.DOTALL
)
_ZIP_HEADER = 30


@dataclass(frozen=True, slots=True)
class Hit:
    """A secret that was found: which, how it was written, and where."""

    thing: str
    of: str
    spelling: str
    offset: int


class Finder:
    """Finds any of many needles."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._at_anchor: dict[int, list[tuple[int, bytes, Needle, str]]] = {}
        for needle in needles:
            for name, spelling in needle.spellings:
                for shift in _anchors(spelling):
                    value = int.from_bytes(spelling[shift : shift + _ANCHOR], "little")
                    self._at_anchor.setdefault(value, []).append((shift, spelling, needle, name))
        self._anchors = np.array(sorted(self._at_anchor), "<u4")
        self._table = np.zeros(1 << _TABLE_BITS, bool)
        self._table[_places(self._anchors)] = True

    def find(self, data: bytes) -> list[Hit]:
        """Every hit in these bytes as they are, in no order."""
        return [
            Hit(needle.thing, needle.of, name, start)
            for at, anchor in self._candidates(data)
            for shift, spelling, needle, name in self._at_anchor[anchor]
            if (start := at - shift) >= 0 and data.startswith(spelling, start)
        ]

    def find_opened(self, data: bytes) -> list[Hit]:
        """Hits in these bytes and in all compressed streams that begin in them."""
        hits = self.find(data)
        for name, offset, inner in opened(data):
            hits += [
                Hit(hit.thing, hit.of, f"{hit.spelling} in {name}", offset)
                for hit in self.find(inner)
            ]
        return hits

    def _candidates(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where an anchor stands, and which."""
        for start in range(0, len(data), _CHUNK):
            words = np.frombuffer(data, "<u4", min(_CHUNK, len(data) - start) // _ANCHOR, start)
            if not words.any():
                continue  # memory that nobody has written to yet
            maybe = np.flatnonzero(self._table[_places(words)])
            values = words[maybe]
            nearest = np.searchsorted(self._anchors[:-1], values)
            sure = self._anchors[nearest] == values
            places = start + _ANCHOR * maybe[sure]
            yield from zip(places.tolist(), values[sure].tolist(), strict=True)


def _places(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    return (words * _MULTIPLIER) >> _SHIFT


def _anchors(spelling: bytes) -> Iterator[int]:
    """For each alignment the start of the four bytes that are least likely to stand elsewhere."""
    for lead in range(_ANCHOR):
        starts = range(lead, len(spelling) - _ANCHOR + 1, _ANCHOR)
        yield max(reversed(starts), key=lambda at: len(set(spelling[at : at + _ANCHOR]) - {0}))


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def opened(data: bytes, depth: int = _DEPTH_MAX) -> Iterator[tuple[str, int, bytes]]:
    """What is compressed in these bytes: the kind, where it begins, and its content."""
    if depth == 0:
        return
    for found in _PACKED.finditer(data):
        name, start, tool = _tool(data, found.start(), found[0])
        try:
            inner = tool.decompress(data[start : start + OPENED_BYTES_MAX], OPENED_BYTES_MAX)
        except (zlib.error, lzma.LZMAError, OSError, EOFError):
            continue  # it only looked like one
        yield name, found.start(), inner
        for deeper, _, innermost in opened(inner, depth - 1):
            yield f"{deeper} in {name}", found.start(), innermost


def _tool(data: bytes, at: int, magic: bytes) -> tuple[str, int, _Decompressor]:
    if magic.startswith(b"\x1f"):
        return "gzip", at, zlib.decompressobj(31)
    if magic.startswith(b"\x78"):
        return "zlib", at, zlib.decompressobj()
    if magic.startswith(b"BZh"):
        return "bzip2", at, bz2.BZ2Decompressor()
    if magic.startswith(b"\xfd"):
        return "xz", at, lzma.LZMADecompressor()
    names = data[at + 26 : at + _ZIP_HEADER]
    lengths = int.from_bytes(names[:2], "little") + int.from_bytes(names[2:], "little")
    return "zip", at + _ZIP_HEADER + lengths, zlib.decompressobj(-15)
