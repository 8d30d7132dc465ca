"""What crosses between the parties of a lab, byte for byte, for the X-ray.

A trace is an instrument of the laboratory: it stands outside every party and keeps what it saw in
memory only. In a real installation nobody has one.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Protocol = Literal["typed", "http", "apdu", "iso8583", "file", "internal"]
CROSSINGS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Crossing:
    """One message on its way. `took_ms` is what an answer needed to be made."""

    at_ms: float
    source: str
    target: str
    protocol: Protocol
    data: bytes = field(repr=False)
    note: str = ""
    took_ms: float | None = None


Listener = Callable[[Crossing], None]


class Trace:
    """Collects crossings while it is on, and tells listeners as they come; safe for threads."""

    def __init__(self, elapsed_ms: Callable[[], float]) -> None:
        self._elapsed_ms = elapsed_ms
        self._lock = threading.Lock()
        self._crossings: list[Crossing] = []
        self._listeners: list[Listener] = []
        self._started_ms: float | None = None

    def start(self, listener: Listener | None = None) -> None:
        """Forget what was collected and collect anew, from moment 0."""
        with self._lock:
            self._crossings.clear()
            self._listeners = [listener] if listener else []
            self._started_ms = self._elapsed_ms()

    def stop(self) -> list[Crossing]:
        """What was collected; nothing more is."""
        with self._lock:
            self._started_ms = None
            self._listeners = []
            return list(self._crossings)

    def record(
        self,
        source: str,
        target: str,
        protocol: Protocol,
        data: bytes,
        note: str = "",
        took_ms: float | None = None,
    ) -> None:
        """A message that has just crossed; nothing happens while the trace is off."""
        with self._lock:
            if self._started_ms is None or len(self._crossings) >= CROSSINGS_MAX:
                return
            at_ms = self._elapsed_ms() - self._started_ms
            crossing = Crossing(at_ms, source, target, protocol, data, note, took_ms)
            self._crossings.append(crossing)
            listeners = list(self._listeners)
        for listener in listeners:
            listener(crossing)

    def tap(self, near: str, far: str) -> Callable[[str, bytes], None]:
        """A tap for one end of a TCP connection: "out" is from `near` to `far`."""

        def record(direction: str, payload: bytes) -> None:
            if direction == "out":
                self.record(near, far, "iso8583", payload)
            else:
                self.record(far, near, "iso8583", payload)

        return record
