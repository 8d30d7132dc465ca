"""The lab's telephone: messages to cardholders are kept for the console to show, and go nowhere."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """One message; `number` counts up from 1, `sent_at` is there if the outbox has a clock."""

    number: int
    phone: str = field(repr=False)
    text: str = field(repr=False)
    sent_at: datetime | None = None


class Outbox:
    """The last `limit` messages, in memory; safe to share by threads."""

    def __init__(self, limit: int = 1000, now: Callable[[], datetime] | None = None) -> None:
        self._now = now
        self._letters: deque[Letter] = deque(maxlen=limit)
        self._count = 0
        self._lock = threading.Lock()

    def send(self, phone: str, text: str) -> None:
        """Keep a message; the oldest one goes when there are too many."""
        sent_at = self._now() if self._now else None
        with self._lock:
            self._count += 1
            self._letters.append(Letter(self._count, phone, text, sent_at))

    def letters(self, after: int = 0) -> list[Letter]:
        """The messages whose number is over `after`, oldest first."""
        with self._lock:
            return [letter for letter in self._letters if letter.number > after]
