"""BER-TLV as EMV uses it (Book 3, annex B): tags of 1 to 3 bytes, definite lengths.

`decode` gives the whole tree, `flat` only the primitive values by tag, `find` one value under a
path of templates, `encode` the bytes. Zero bytes before, between and after data objects carry no
meaning and are skipped. Lengths longer than needed are read (BER allows them) and never written.
Everything is bounded, and no error repeats what it read: it names the data object only if the tag
is one of the standard's.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from zheton.core.emv.tags import TAGS
from zheton.core.errors import DecodeError, EncodeError

DATA_BYTES_MAX = 65_535
DEPTH_MAX = 8
COUNT_MAX = 1_024

_LONG_TAG = 0x1F  # the five low bits that announce more tag bytes
_CONSTRUCTED = 0x20
_TAG_BYTES_MAX = 3  # EMV itself uses two; kernel 2 has DF8117 and its like
_LENGTH_OF_LENGTH_MAX = 3


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object; `offset` counts from the start of the outermost data decoded.

    `children` are the data objects inside a constructed one, whose `value` holds them as bytes.
    """

    tag: int
    value: bytes
    children: tuple["Tlv", ...]
    offset: int

    def __repr__(self) -> str:
        """Tag and length only: a value may be a card number."""
        return f"Tlv({self.tag:02X}, <{len(self.value)} bytes>, offset={self.offset})"


def decode(data: bytes) -> tuple[Tlv, ...]:
    """The data objects in `data`, in order, constructed ones with their children.

    Raises DecodeError on anything that annex B does not allow, or beyond the bounds above.

    >>> [(f"{t.tag:02X}", t.value.hex()) for t in decode(bytes.fromhex("9F3602000195020000"))]
    [('9F36', '0001'), ('95', '0000')]
    """
    _check_size(data)
    return _tree(data, 0, len(data), 1, [0])


def flat(data: bytes) -> dict[int, bytes]:
    """The primitive values by tag, templates opened; the first occurrence of a tag wins.

    Use it for messages whose tags are unique (DE55, a GENERATE AC response); a directory with
    several entries of the same template needs `decode`. Raises DecodeError as `decode` does.
    """
    _check_size(data)
    values: dict[int, bytes] = {}
    count, position, ends = 0, 0, [len(data)]
    while True:
        # A template's end is where its parent goes on, so a stack of ends is the whole state.
        while ends and position == ends[-1]:
            ends.pop()
        if not ends:
            return values
        if data[position] == 0:
            position += 1
            continue
        tag, start, stop, constructed = _header(data, position, ends[-1])
        count += 1
        _check_bounds(count, len(ends), position)
        if constructed:
            ends.append(stop)
            position = start
        else:
            values.setdefault(tag, data[start:stop])
            position = stop


def find(data: bytes, *path: int) -> bytes | None:
    """The value at a path of tags, the first match at each level; None if there is none.

    >>> find(bytes.fromhex("6F07A5059F38029505"), 0x6F, 0xA5, 0x9F38).hex()
    '9505'
    """
    level, value = decode(data), None
    for tag in path:
        match = next((tlv for tlv in level if tlv.tag == tag), None)
        if match is None:
            return None
        level, value = match.children, match.value
    return value


def encode(tag: int, value: bytes) -> bytes:
    """One data object with the shortest length field; EncodeError on a tag that is none.

    >>> encode(0x9F37, bytes(4)).hex()
    '9f370400000000'
    """
    size = len(value)
    if size < 0x80:
        return _tag_bytes(tag) + bytes((size,)) + value
    if size > DATA_BYTES_MAX:
        raise EncodeError(f"a value is at most {DATA_BYTES_MAX} bytes long", field=_field(tag))
    length = bytes((0x81, size)) if size < 0x100 else b"\x82" + size.to_bytes(2)
    return _tag_bytes(tag) + length + value


def encode_all(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    """Data objects one after the other, in the order given."""
    return b"".join([encode(tag, value) for tag, value in pairs])


def read_tag(data: bytes, position: int, end: int) -> tuple[int, int]:
    """The tag at `position` and the position after it; DecodeError past `end` or 3 bytes."""
    first = data[position]
    if first & _LONG_TAG != _LONG_TAG:
        return first, position + 1
    tag = first
    for after in range(position + 1, min(end, position + _TAG_BYTES_MAX)):
        tag = tag << 8 | data[after]
        if data[after] < 0x80:
            return tag, after + 1
    problem = "the tag is cut short" if end < position + _TAG_BYTES_MAX else "the tag is too long"
    raise DecodeError(problem, field="TLV", offset=position)


def _tree(data: bytes, position: int, end: int, depth: int, count: list[int]) -> tuple[Tlv, ...]:
    """The data objects from `position` to `end`; `count` is shared by the whole tree."""
    found = []
    while position < end:
        if data[position] == 0:
            position += 1
            continue
        tag, start, stop, constructed = _header(data, position, end)
        count[0] += 1
        _check_bounds(count[0], depth, position)
        children = _tree(data, start, stop, depth + 1, count) if constructed else ()
        found.append(Tlv(tag, data[start:stop], children, position))
        position = stop
    return tuple(found)


def _header(data: bytes, position: int, end: int) -> tuple[int, int, int, bool]:
    """Tag, start and end of the value, and whether it is constructed."""
    tag, after = read_tag(data, position, end)
    if after >= end:
        raise DecodeError("the length is missing", field=_field(tag), offset=after)
    size, start = data[after], after + 1
    if size >= 0x80:
        width = size & 0x7F
        if not 1 <= width <= _LENGTH_OF_LENGTH_MAX:
            raise DecodeError("the form of the length is unknown", field=_field(tag), offset=after)
        if start + width > end:
            raise DecodeError("the length is cut short", field=_field(tag), offset=after)
        size = int.from_bytes(data[start : start + width])
        start += width
    if start + size > end:
        raise DecodeError("the value is cut short", field=_field(tag), offset=start)
    return tag, start, start + size, bool(data[position] & _CONSTRUCTED)


def _check_size(data: bytes) -> None:
    if len(data) > DATA_BYTES_MAX:
        raise DecodeError("the data are longer than any message", field="TLV", offset=0)


def _check_bounds(count: int, depth: int, position: int) -> None:
    if count > COUNT_MAX:
        raise DecodeError("there are too many data objects", field="TLV", offset=position)
    if depth > DEPTH_MAX:
        raise DecodeError("the templates are nested too deep", field="TLV", offset=position)


def _tag_bytes(tag: int) -> bytes:
    coded = tag.to_bytes(max(1, (tag.bit_length() + 7) // 8)) if tag > 0 else b"\0"
    valid = 0 < len(coded) <= _TAG_BYTES_MAX and coded[0] != 0
    if valid:
        try:
            valid = read_tag(coded, 0, len(coded)) == (tag, len(coded))
        except DecodeError:
            valid = False
    if not valid:
        raise EncodeError("the tag is not one of 1 to 3 bytes by annex B", field="TLV")
    return coded


def _field(tag: int) -> str:
    """A name for errors: only the standard's own, for an unknown tag may be anybody's digits."""
    known = TAGS.get(tag)
    return known.name if known else "TLV"
