"""Slicers: what cuts elements out of a message and what puts them into one.

A message is Latin-1 text while it is worked on, one code point a byte. Neighbours of fixed length
and one character class, as most elements are, form a run: they are checked by one expression and
then cut; only where that fails is the culprit looked for. This is what makes the codec fast.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from zheton.core.errors import DecodeError, EncodeError
from zheton.core.iso8583.content import CONTENT, Value
from zheton.core.iso8583.field import CHARACTERS, Field
from zheton.core.iso8583.length import LengthEncoding, prefixes


@dataclass(frozen=True, slots=True)
class Slicer:
    """`take(text, at, fields)` stores values into fields and gives the offset behind them;
    `put(fields)` gives the wire text. DecodeError and EncodeError name the element.
    """

    take: Callable[[str, int, dict[int, Value]], int]
    put: Callable[[Mapping[int, Value]], str]


def is_runner(field: Field) -> bool:
    """Whether a field may stand in a run: fixed length, one byte a character."""
    return field.length_type == "fixed" and field.encoding == "ascii"


def joins(left: Field, right: Field) -> bool:
    """Whether two neighbours may share a run; the sign of x+n has to stand at a fixed place."""
    same = left.characters == right.characters != "x+n"
    return same and is_runner(left) and is_runner(right)


def run(elements: Sequence[tuple[int, Field]]) -> Slicer:
    """The slicer of neighbours that may share a run."""
    numbers = tuple(number for number, _ in elements)
    lengths = [field.length_max for _, field in elements]
    cuts, size = [], 0
    for number, length in zip(numbers, lengths, strict=True):
        cuts.append((number, size, size + length))
        size += length
    allowed = re.compile(CHARACTERS[elements[0][1].characters]).fullmatch

    def take(text: str, at: int, fields: dict[int, Value]) -> int:
        raw = text[at : at + size]
        if len(raw) != size or allowed(raw) is None:
            raise _misread(elements, text, at)
        for number, start, end in cuts:
            fields[number] = raw[start:end]
        return at + size

    pick = itemgetter(*numbers) if len(numbers) > 1 else lambda fields: (fields[numbers[0]],)

    def put(fields: Mapping[int, Value]) -> str:
        values = pick(fields)
        try:
            raw: str = "".join(values)
        except TypeError:
            raise _miswritten(elements, fields) from None
        if list(map(len, values)) != lengths or allowed(raw) is None:
            raise _miswritten(elements, fields)
        return raw

    return Slicer(take, put)


def _misread(elements: Sequence[tuple[int, Field]], text: str, at: int) -> DecodeError:
    """The error of the first element of a run that is wrong."""
    for number, field in elements:
        raw = text[at : at + field.length_max]
        if len(raw) != field.length_max:
            return DecodeError("the message ends within it", field=f"DE{number}", offset=at)
        if re.fullmatch(CHARACTERS[field.characters], raw) is None:
            problem = f"holds a character outside class {field.characters}"
            return DecodeError(problem, field=f"DE{number}", offset=at)
        at += field.length_max
    raise AssertionError("a run is wrong exactly if one of its elements is")


def _miswritten(elements: Sequence[tuple[int, Field]], fields: Mapping[int, Value]) -> EncodeError:
    for number, field in elements:
        try:
            units = CONTENT[field.encoding](field).write(fields[number])[1]
        except ValueError as problem:
            return EncodeError(str(problem), field=f"DE{number}")
        if units != field.length_max:
            return EncodeError(f"is {field.length_max} long, not {units}", field=f"DE{number}")
    raise AssertionError("a run is wrong exactly if one of its elements is")


def fixed(number: int, field: Field) -> Slicer:
    """The slicer of one element of fixed length that is no runner (BCD or binary)."""
    content, units = CONTENT[field.encoding](field), field.length_max
    size, read, write = content.size(units), content.read, content.write

    def take(text: str, at: int, fields: dict[int, Value]) -> int:
        end = at + size
        raw = text[at:end]
        if len(raw) != size:
            raise DecodeError("the message ends within it", field=f"DE{number}", offset=at)
        try:
            fields[number] = read(raw, units)
        except ValueError as problem:
            raise DecodeError(str(problem), field=f"DE{number}", offset=at) from None
        return end

    def put(fields: Mapping[int, Value]) -> str:
        try:
            raw, given = write(fields[number])
        except ValueError as problem:
            raise EncodeError(str(problem), field=f"DE{number}") from None
        if given != units:
            raise EncodeError(f"is {units} long, not {given}", field=f"DE{number}")
        return raw

    return Slicer(take, put)


def variable(number: int, field: Field, encoding: LengthEncoding) -> Slicer:
    """The slicer of one LL or LLL element."""
    content, length_max = CONTENT[field.encoding](field), field.length_max
    read, write, table = content.read, content.write, prefixes(field, encoding)
    width = len(table[0])
    sizes = {prefix: (units, content.size(units)) for units, prefix in enumerate(table)}

    def take(text: str, at: int, fields: dict[int, Value]) -> int:
        start = at + width
        found = sizes.get(text[at:start])
        if found is None:
            problem = f"its length is cut short, not digits, or over {length_max}"
            raise DecodeError(problem, field=f"DE{number}", offset=at)
        units, size = found
        end = start + size
        raw = text[start:end]
        if len(raw) != size:
            raise DecodeError("the message ends within it", field=f"DE{number}", offset=start)
        try:
            fields[number] = read(raw, units)
        except ValueError as problem:
            raise DecodeError(str(problem), field=f"DE{number}", offset=start) from None
        return end

    def put(fields: Mapping[int, Value]) -> str:
        try:
            raw, units = write(fields[number])
        except ValueError as problem:
            raise EncodeError(str(problem), field=f"DE{number}") from None
        if units > length_max:
            raise EncodeError(f"is at most {length_max} long, not {units}", field=f"DE{number}")
        return table[units] + raw

    return Slicer(take, put)
