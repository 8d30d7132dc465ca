"""A dialect as data: a table of elements and four choices of encoding, compiled into slicers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from zheton.core.errors import ConfigurationError, DecodeError, EncodeError
from zheton.core.iso8583.content import CONTENT, Value
from zheton.core.iso8583.field import Field
from zheton.core.iso8583.length import LengthEncoding, prefixes

Reader = Callable[[str, int], tuple[Value, int]]
Writer = Callable[[Value], str]


@dataclass(frozen=True)
class Spec:
    """A dialect. `fields` maps data element numbers (2 to 128 without 65) to their definition."""

    name: str
    fields: Mapping[int, Field]
    mti: Literal["ascii", "bcd"] = "ascii"
    bitmap: Literal["binary", "hex"] = "binary"
    length: LengthEncoding = "ascii"

    def __post_init__(self) -> None:
        for number in self.fields:
            if not 2 <= number <= 128 or number == 65:
                raise ConfigurationError(
                    f"{self.name}: DE{number} can't be defined; elements are 2 to 128, "
                    "and 65 is a bitmap."
                )

    @cached_property
    def readers(self) -> dict[int, Reader]:
        """For each element a slicer: (message as Latin-1, offset) -> (value, next offset)."""
        return {number: _reader(number, f, self.length) for number, f in self.fields.items()}

    @cached_property
    def writers(self) -> dict[int, Writer]:
        """For each element: value -> its wire bytes as Latin-1 text, prefix included."""
        return {number: _writer(number, f, self.length) for number, f in self.fields.items()}


def _reader(number: int, field: Field, encoding: LengthEncoding) -> Reader:
    return (
        _fixed_reader(number, field)
        if field.length_type == "fixed"
        else _variable_reader(number, field, encoding)
    )


def _fixed_reader(number: int, field: Field) -> Reader:
    content, units = CONTENT[field.encoding](field), field.length_max
    size, take = content.size(units), content.read

    def read(text: str, at: int) -> tuple[Value, int]:
        end = at + size
        raw = text[at:end]
        if len(raw) != size:
            raise DecodeError("the message ends within it", field=f"DE{number}", offset=at)
        try:
            return take(raw, units), end
        except ValueError as problem:
            raise DecodeError(str(problem), field=f"DE{number}", offset=at) from None

    return read


def _variable_reader(number: int, field: Field, encoding: LengthEncoding) -> Reader:
    content = CONTENT[field.encoding](field)
    table = prefixes(field, encoding)
    width, take = len(table[0]), content.read
    sizes = {prefix: (units, content.size(units)) for units, prefix in enumerate(table)}

    def read(text: str, at: int) -> tuple[Value, int]:
        start = at + width
        found = sizes.get(text[at:start])
        if found is None:
            raise DecodeError(
                f"its length is cut short, not digits, or over {field.length_max}",
                field=f"DE{number}",
                offset=at,
            )
        units, size = found
        end = start + size
        raw = text[start:end]
        if len(raw) != size:
            raise DecodeError("the message ends within it", field=f"DE{number}", offset=start)
        try:
            return take(raw, units), end
        except ValueError as problem:
            raise DecodeError(str(problem), field=f"DE{number}", offset=start) from None

    return read


def _writer(number: int, field: Field, encoding: LengthEncoding) -> Writer:
    put = CONTENT[field.encoding](field).write
    fixed, length_max = field.length_type == "fixed", field.length_max
    table = [] if fixed else prefixes(field, encoding)

    def write(value: Value) -> str:
        try:
            raw, units = put(value)
        except ValueError as problem:
            raise EncodeError(str(problem), field=f"DE{number}") from None
        if fixed:
            if units != length_max:
                raise EncodeError(f"is {length_max} long, not {units}", field=f"DE{number}")
            return raw
        if units > length_max:
            raise EncodeError(f"is at most {length_max} long, not {units}", field=f"DE{number}")
        return table[units] + raw

    return write
