"""Time: the machine's clock, and one that stands still until a test moves it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What a running party needs of time."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""

    def elapsed_ms(self) -> float:
        """Milliseconds of a monotonic clock, for durations only."""


class SystemClock:
    """The machine's own time, always in UTC."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        return datetime.now(UTC)

    def elapsed_ms(self) -> float:
        """Milliseconds of a monotonic clock, for durations only."""
        return time.perf_counter() * 1000


@dataclass
class ManualClock:
    """A clock that moves only when told to, so that a flow is a seed and not an anecdote."""

    moment: datetime

    def now(self) -> datetime:
        """The moment that was set."""
        return self.moment

    def elapsed_ms(self) -> float:
        """The moment as milliseconds."""
        return self.moment.timestamp() * 1000

    def advance(self, step: timedelta) -> None:
        """Move on by `step`."""
        self.moment += step
