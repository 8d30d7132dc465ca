"""A dialect as data: a table of elements and three choices of encoding, compiled into slicers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from zheton.core.errors import ConfigurationError
from zheton.core.iso8583.field import Field
from zheton.core.iso8583.length import LengthEncoding
from zheton.core.iso8583.slicer import Slicer, fixed, is_runner, joins, run, variable


@dataclass(frozen=True, eq=False)
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
    def slicers(self) -> dict[int, Slicer]:
        """The slicer of each element by itself."""
        return {number: self._slicer(number, field) for number, field in self.fields.items()}

    def _slicer(self, number: int, field: Field) -> Slicer:
        if is_runner(field):
            return run([(number, field)])
        if field.length_type == "fixed":
            return fixed(number, field)
        return variable(number, field, self.length)


@lru_cache(maxsize=512)
def plan(spec: Spec, numbers: tuple[int, ...]) -> tuple[Slicer, ...]:
    """The slicers of a message with these elements; KeyError names one that the spec lacks.

    Cached, as a stream has few kinds of message; bounded, as a stranger may send all kinds.
    """
    groups: list[list[int]] = []
    for number in numbers:
        if groups and joins(spec.fields[groups[-1][-1]], spec.fields[number]):
            groups[-1].append(number)
        else:
            groups.append([number])
    return tuple(
        spec.slicers[group[0]] if len(group) == 1 else run([(n, spec.fields[n]) for n in group])
        for group in groups
    )
