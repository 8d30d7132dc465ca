"""One TCP connection that carries frames, from either end.

Frames written during one turn of the event loop leave in one write, so that a burst of answers
costs one system call. A peer that does not read what it is sent is not read from either: what
it makes us keep stays bounded.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Literal, cast

from zheton.adapters.tcp.framing import Framer, framed
from zheton.core.errors import DecodeError

Tap = Callable[[Literal["in", "out"], bytes], None]
_log = logging.getLogger(__name__)


class Channel(asyncio.Protocol):
    """Frames in by `on_frame`, out by `send`. A frame that raises DecodeError ends the channel.

    `tap` sees every payload as bytes, without the length before it. `lost` is done once the
    connection is gone.
    """

    def __init__(self, on_frame: Callable[[bytes], None], tap: Tap | None) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.peer: tuple[str, int] = ("", 0)
        self._on_frame, self._tap = on_frame, tap
        self._framer = Framer()
        self._outbox: list[bytes] = []
        self._holds: set[str] = set()
        self._transport: asyncio.Transport | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the connection; small messages must not wait for others (TCP_NODELAY)."""
        self._transport = cast(asyncio.Transport, transport)
        self.peer = tuple((transport.get_extra_info("peername") or self.peer)[:2])
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._refused:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits for the end."""
        self._outbox.clear()
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Hand on every frame that is complete."""
        try:
            for payload in self._framer.feed(data):
                if self.lost.done() or self._closing:
                    return
                self.receive(payload)
        except DecodeError as error:
            self.refuse(error)

    def receive(self, payload: bytes) -> None:
        """Hand on one frame."""
        if self._tap is not None:
            self._tap("in", payload)
        self._on_frame(payload)

    def refuse(self, error: DecodeError) -> None:
        """End the connection over bytes that do not decode; the log gets the place, not them."""
        _log.warning("Closed the connection with %s port %d: %s", *self.peer, error)
        self.abort()

    def send(self, payload: bytes) -> None:
        """Send one frame at the end of this turn of the loop; nothing happens once it is lost."""
        if self.lost.done() or self._closing:
            return
        if self._tap is not None:
            self._tap("out", payload)
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outbox.append(framed(payload))

    def _flush(self) -> None:
        if self._transport is not None and self._outbox:
            self._transport.write(b"".join(self._outbox))
        self._outbox.clear()

    def hold(self, why: str) -> None:
        """Read nothing more until every reason to hold is released."""
        if not self._holds and self._transport is not None:
            self._transport.pause_reading()
        self._holds.add(why)

    def release(self, why: str) -> None:
        """Take back one reason to hold."""
        if why in self._holds:
            self._holds.remove(why)
            if not self._holds and self._transport is not None and not self._closing:
                self._transport.resume_reading()

    def pause_writing(self) -> None:
        """The peer does not read: do not read from it."""
        self.hold("writing")

    def resume_writing(self) -> None:
        """The peer reads again."""
        self.release("writing")

    def abort(self) -> None:
        """End the connection now, or as soon as it begins."""
        self._refused = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def _closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()
