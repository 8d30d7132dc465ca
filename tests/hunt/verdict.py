"""Where each secret has to be found, where it may be, and what a hunt says of all other places.

A hunt that does not find a secret where it has to be has looked badly, and proves nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.hunt.finder import Hit


@dataclass(frozen=True, slots=True)
class Law:
    """Places as patterns: `memory of ROLE`, `log of ROLE`, `packets to ROLE`, `file PATH`."""

    must: tuple[str, ...]
    may: tuple[str, ...] = ()

    def allows(self, place: str) -> bool:
        """Whether the thing may be there."""
        return any(fnmatchcase(place, each) for each in (*self.must, *self.may))


@dataclass
class Evidence:
    """What was found where, and how much was searched there."""

    found: dict[str, dict[str, dict[str, set[str]]]] = field(default_factory=dict)
    searched: dict[str, int] = field(default_factory=dict)

    def add(self, place: str, size: int, hits: Iterable[Hit]) -> None:
        """A place was searched."""
        self.searched[place] = self.searched.get(place, 0) + size
        things = self.found.setdefault(place, {})
        for hit in hits:
            things.setdefault(hit.thing, {}).setdefault(hit.of, set()).add(hit.spelling)

    def missing(self, laws: Mapping[str, Law]) -> list[str]:
        """Where a thing has to be and is not."""
        return [
            f"{thing} was not found in {pattern}"
            for thing, law in laws.items()
            for pattern in law.must
            if not any(fnmatchcase(p, pattern) and thing in f for p, f in self.found.items())
        ]

    def escaped(self, laws: Mapping[str, Law]) -> list[str]:
        """Where a thing is and may not be: whose it is, and how it is written."""
        return [
            f"{thing} ({', '.join(sorted(owners))}) is in {place}: "
            + ", ".join(sorted(set().union(*owners.values())))
            for place, things in sorted(self.found.items())
            for thing, owners in sorted(things.items())
            if not laws[thing].allows(place)
        ]

    def table(self) -> str:
        """Every place with its size and what was found there."""
        width = max(map(len, self.searched), default=0)
        return "\n".join(
            f"{place:{width}}  {size / 1e6:9.2f} MB  {', '.join(sorted(self.found[place])) or '-'}"
            for place, size in sorted(self.searched.items())
        )
