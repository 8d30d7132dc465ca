"""Pushes to the app: server-sent events (WHATWG HTML, 9.2), one bounded queue a listener.

A listener that does not keep up is cut off; it comes back and reads the list, which is complete.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

from zheton.core.errors import ConflictError

QUEUE_MAX = 100
LISTENERS_MAX = 5
KEEP_ALIVE_SECONDS = 15.0


class Listener:
    """One open connection: a queue that threads may fill and that its event loop empties."""

    def __init__(self, keep_alive_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_MAX + 1)
        self._keep_alive_seconds = keep_alive_seconds

    def push(self, event: bytes | None) -> None:
        """Hand over an event from any thread; None ends the stream."""
        self._loop.call_soon_threadsafe(self._put, event)

    async def stream(self) -> AsyncIterator[bytes]:
        """The events as they come, and a comment now and then that finds dead connections."""
        yield b": listening\n\n"
        while True:
            try:
                async with asyncio.timeout(self._keep_alive_seconds):
                    event = await self._queue.get()
            except TimeoutError:
                event = b": still here\n\n"
            if event is None:
                return
            yield event

    def _put(self, event: bytes | None) -> None:
        if self._queue.qsize() >= QUEUE_MAX:  # the last place is for the end
            event = None
        if not self._queue.full():
            self._queue.put_nowait(event)


class Hub:
    """Who listens to which user's events."""

    def __init__(
        self, keep_alive_seconds: float = KEEP_ALIVE_SECONDS, listeners_max: int = LISTENERS_MAX
    ) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self._lock = threading.Lock()
        self._keep_alive_seconds, self._listeners_max = keep_alive_seconds, listeners_max
        self._closed = False

    def listen(self, user: str) -> AsyncIterator[bytes]:
        """A user's events from now on; ConflictError if too many listen. Call it in the loop."""
        with self._lock:
            if len(self._listeners.get(user, ())) >= self._listeners_max:
                raise ConflictError(
                    f"At most {self._listeners_max} event streams are open at a time; "
                    "close a page and try again."
                )
        return self._events(user, Listener(self._keep_alive_seconds))

    def publish(self, user: str, name: str, data: Mapping[str, Any]) -> None:
        """Tell everybody who listens to a user; from any thread."""
        event = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        with self._lock:
            for listener in self._listeners.get(user, ()):
                listener.push(event)

    def close(self) -> None:
        """End every stream, and those that are asked for later at once."""
        with self._lock:
            self._closed = True
            for listeners in self._listeners.values():
                for listener in listeners:
                    listener.push(None)

    async def _events(self, user: str, listener: Listener) -> AsyncIterator[bytes]:
        # A connection that is gone before its first event never gets here, and leaves nothing.
        with self._lock:
            if self._closed:
                return
            self._listeners.setdefault(user, set()).add(listener)
        try:
            async for event in listener.stream():
                yield event
        finally:
            with self._lock:
                self._listeners[user].discard(listener)
                if not self._listeners[user]:
                    del self._listeners[user]
