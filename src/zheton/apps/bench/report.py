"""What a bench says: its figures, the machine, the settings, and whether its work was right."""

import os
import platform
import sqlite3
import ssl
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

Setting = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that had to be true of the work that was timed."""

    claim: str
    held: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one bench. A figure is None where it could not be measured here."""

    bench: str
    figures: Mapping[str, float | None]
    settings: Mapping[str, Setting]
    checks: Sequence[Check]

    @property
    def broken(self) -> list[str]:
        """The claims that did not hold."""
        return [check.claim for check in self.checks if not check.held]

    def document(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "bench": self.bench,
            "figures": {name: _rounded(value) for name, value in self.figures.items()},
            "machine": machine(),
            "settings": dict(self.settings),
        }


def median_of(runs: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Figure by figure the median of several runs; None where a run has none.

    >>> median_of([{"a": 1.0, "b": None}, {"a": 3.0, "b": 1.0}])
    {'a': 2.0, 'b': None}
    """
    figures: dict[str, float | None] = {}
    for name in runs[0]:
        values = [value for run in runs if (value := run[name]) is not None]
        figures[name] = statistics.median(values) if len(values) == len(runs) else None
    return figures


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all values do not exceed (nearest rank).

    >>> percentile([4, 1, 3, 2], 50), percentile([4, 1, 3, 2], 99)
    (2, 4)
    """
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(rank), 1) - 1]


def machine() -> dict[str, Setting]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "platform": platform.platform(terse=True),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version,
        "zheton": version("zheton"),
    }


def _cpu_model() -> str:
    """The processor's name; Linux tells it in a file, other systems by `platform`."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _rounded(value: float | None) -> float | None:
    """Four significant digits: the rest is noise."""
    return None if value is None else float(f"{value:.4g}")
