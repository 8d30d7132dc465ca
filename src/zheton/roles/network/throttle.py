"""How often a source may be wrong: a bound on guessing that burns and suspends nothing.

Three buckets stand over each request: of its terminal, its acquirer and its line, the connection's
far end, the only one of the three that the sender can't choose. Each holds messages that may yet be
wrong. A message without proof takes one from all three, time gives them back, and a debit that was
proven gives back a little, so that whoever carries much honest traffic may be wrong in proportion.
Where a bucket is empty its source is closed until one is back.

Keys hold the larger units: (line), (line, acquirer), (line, acquirer, terminal). So who claims
another's DE32 or DE41 empties buckets of his own line alone. A bucket that is full again is the
same as none and is forgotten; where there is no room the fullest goes, so that nobody can have
his own forgotten without emptying as many others, for which his line has not enough.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from zheton.core.iso8583.message import Message

NEWS_MAX = 64
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Allowance:
    """A bucket: `burst` messages, one back in `seconds`, `earned` back for each proven debit."""

    burst: int
    seconds: float
    earned: float


@dataclass(frozen=True, slots=True)
class Throttling:
    """The settings, the widest bucket first; `entries_max` buckets are remembered."""

    line: Allowance
    acquirer: Allowance
    terminal: Allowance
    entries_max: int


@dataclass(frozen=True, slots=True)
class Closing:
    """A source was closed: its name without card data, and for how many seconds at least."""

    source: Key
    seconds: float
    refused: int  # messages that this process has answered at once since it began


class Throttle:
    """The buckets of one process; not for several threads at once. Every moment is aware."""

    def __init__(self, settings: Throttling) -> None:
        self._allowances = (settings.line, settings.acquirer, settings.terminal)
        self._entries_max = settings.entries_max
        self._left: dict[Key, tuple[float, datetime]] = {}  # what was left at a moment
        self._news: deque[Closing] = deque(maxlen=NEWS_MAX)
        self.refused = 0

    def __len__(self) -> int:
        return len(self._left)

    def closed(self, line: str, message: Message, now: datetime) -> bool:
        """Whether a message is to be answered at once; it is counted as refused if so."""
        if not self._left:  # as it is nearly always: honest traffic pays for no bucket
            return False
        closed = any(self._at(key, now) < 1 for key in _keys(line, message) if key in self._left)
        self.refused += closed
        return closed

    def unproven(self, line: str, message: Message, now: datetime) -> None:
        """A message was looked at and had no proof."""
        for key in _keys(line, message):
            before = self._at(key, now)
            self._set(key, before - 1, now)
            if before >= 1 > before - 1:
                seconds = (2 - before) * self._allowance(key).seconds
                self._news.append(Closing(key, seconds, self.refused))

    def proven(self, line: str, message: Message, now: datetime) -> None:
        """A debit was proven."""
        if not self._left:
            return
        for key in _keys(line, message):
            if key in self._left:
                self._set(key, self._at(key, now) + self._allowance(key).earned, now)

    def news(self) -> list[Closing]:
        """What was closed since the last call, the oldest first, for whoever operates this."""
        told = list(self._news)
        self._news.clear()
        return told

    def _allowance(self, key: Key) -> Allowance:
        return self._allowances[len(key) - 1]

    def _at(self, key: Key, now: datetime) -> float:
        allowance = self._allowance(key)
        left, then = self._left.get(key, (allowance.burst, now))
        back = max(0.0, (now - then).total_seconds()) / allowance.seconds
        return min(float(allowance.burst), left + back)

    def _set(self, key: Key, left: float, now: datetime) -> None:
        if left >= self._allowance(key).burst:
            self._left.pop(key, None)
            return
        if key not in self._left and len(self._left) >= self._entries_max:
            self._make_room(now)
        self._left[key] = (left, now)

    def _make_room(self, now: datetime) -> None:
        """Forget the fullest eighth: those that are full cost nothing, and few are ever in need."""

        def full(key: Key) -> float:
            return self._at(key, now) / self._allowance(key).burst

        for key in sorted(self._left, key=full, reverse=True)[: max(1, self._entries_max // 8)]:
            del self._left[key]


def _keys(line: str, message: Message) -> tuple[Key, Key, Key]:
    """The buckets of a message, the widest first; what is missing in it is a name as well."""
    acquirer = message.text(32).lstrip("0") if 32 in message else ""
    terminal = message.text(41).strip() if 41 in message else ""
    return (line,), (line, acquirer), (line, acquirer, terminal)
