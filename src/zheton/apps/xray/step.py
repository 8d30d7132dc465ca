"""What an X-ray consists of: plain values in the shape in which the console takes its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zheton.apps.trace import Protocol


@dataclass(frozen=True, slots=True)
class Field:
    """One thing inside a message: its name, its tag (or data element), its value, what it means."""

    name: str
    value: str = ""
    meaning: str = ""
    tag: str = ""

    def to_json(self) -> dict[str, str]:
        """The field as the console takes it."""
        return {
            "name": self.name,
            "tag": self.tag,
            "value": self.value,
            "meaning": self.meaning,
        }


@dataclass(frozen=True, slots=True)
class Opened:
    """What a decoder makes of one crossing: a title, one sentence, and the fields."""

    title: str
    summary: str = ""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One crossing, opened; `n` counts from 1; `hex` is its bytes, card numbers masked."""

    n: int
    title: str
    at_ms: float
    took_ms: float
    source: str
    target: str
    protocol: Protocol
    summary: str
    hex: str
    fields: tuple[Field, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The step as the console takes it."""
        return {
            "n": self.n,
            "title": self.title,
            "at_ms": round(self.at_ms, 3),
            "took_ms": round(self.took_ms, 3),
            "from": self.source,
            "to": self.target,
            "protocol": self.protocol,
            "summary": self.summary,
            "hex": self.hex,
            "fields": [each.to_json() for each in self.fields],
        }


@dataclass(frozen=True, slots=True)
class PartySaw:
    """One party and the things that its bytes held; `card_number` is the row that matters."""

    party: str
    saw: tuple[str, ...]
    card_number: bool

    def to_json(self) -> dict[str, Any]:
        """The party as the console takes it."""
        return {"party": self.party, "saw": list(self.saw), "card_number": self.card_number}


@dataclass(frozen=True, slots=True)
class XRay:
    """A whole X-ray; `figures` are timings and counts by name (units last in the names)."""

    title: str
    steps: tuple[Step, ...]
    parties: tuple[PartySaw, ...]
    figures: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "title": self.title,
            "steps": [step.to_json() for step in self.steps],
            "parties": [party.to_json() for party in self.parties],
            "figures": dict(self.figures),
        }
