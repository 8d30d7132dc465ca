"""A card in the virtual reader of vsmartcard's `vpcd`, the PC/SC driver that takes cards over TCP.

The card is the TCP client. Each message is two bytes of length, big-endian, then a payload; a
payload of one byte is a control of the reader (vpcd's README: 00 off, 01 on, 02 reset, 04 ATR), any
longer one is a command APDU. Inserting and removing the card is the connection itself; pcscd sees
either within half a second, for it polls.
"""

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from zheton.core.errors import UnreachableError

HOST, PORT = "127.0.0.1", 35963
ATR_CONTACTLESS = bytes.fromhex("3B80800101")  # T=0 and T=1 offered, no historical bytes
ATR_CONTACT_T0 = bytes.fromhex("3B600000")  # T=0 alone, as software for contact readers wants it
CONNECT_TIMEOUT_S = 5.0

_POWER_OFF, _POWER_ON, _RESET, _ATR = 0x00, 0x01, 0x02, 0x04
# Linux only, and forgotten by the kernel after each use: without it every APDU waits 40 ms for a
# delayed acknowledgement that the driver's two small writes run into.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def _nothing() -> None:
    """The default of an event that nobody wants to know of."""


@dataclass(frozen=True, slots=True)
class Events:
    """What the reader does to the card besides sending it commands."""

    power_on: Callable[[], None] = _nothing
    power_off: Callable[[], None] = _nothing
    reset: Callable[[], None] = _nothing


class VirtualCard:
    """A card that answers commands through `handler` while it is inserted.

    `serve` blocks, so it wants a thread of its own; `remove` may be called from any other.
    """

    def __init__(
        self,
        handler: Callable[[bytes], bytes],
        events: Events | None = None,
        *,
        atr: bytes = ATR_CONTACTLESS,
        host: str = HOST,
        port: int = PORT,
    ) -> None:
        """Insert the card; UnreachableError if no virtual reader listens there."""
        self._handler = handler
        self._events = events or Events()
        self._atr = atr
        self._removed = False
        try:
            self._socket = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
        except OSError as error:
            raise UnreachableError(
                f"No virtual reader answers at {host}:{port} ({error.strerror or error})."
                " Is pcscd running with the vpcd driver?"
                " On Debian: apt-get install pcscd vsmartcard-vpcd, then pcscd -f."
            ) from None
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def serve(self) -> None:
        """Answer the reader until `remove` is called; UnreachableError if the reader goes first."""
        while True:
            message = self._message()
            if message is None:
                if self._removed:
                    return
                raise UnreachableError("The virtual reader closed the connection: pcscd has ended.")
            answer = self._answer(message)
            if answer is not None:
                self._send(answer)

    def remove(self) -> None:
        """Take the card out of the reader; a second time is nothing."""
        if self._removed:
            return
        self._removed = True
        with contextlib.suppress(OSError):  # the reader may have been faster
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a `serve` that waits for the reader
        self._socket.close()

    def _answer(self, message: bytes) -> bytes | None:
        if len(message) > 1:
            return self._handler(message)
        match message:
            case b"\x00":
                self._events.power_off()
            case b"\x01":
                self._events.power_on()
            case b"\x02":
                self._events.reset()
            case b"\x04":
                return self._atr
        return None

    def _message(self) -> bytes | None:
        head = self._exactly(2)
        return None if head is None else self._exactly(int.from_bytes(head))

    def _exactly(self, count: int) -> bytes | None:
        """`count` bytes, or None if the connection ends before them."""
        parts = bytearray()
        while len(parts) < count:
            try:
                if _QUICKACK is not None:
                    self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
                part = self._socket.recv(count - len(parts))
            except OSError:
                return None
            if not part:
                return None
            parts += part
        return bytes(parts)

    def _send(self, answer: bytes) -> None:
        try:
            self._socket.sendall(len(answer).to_bytes(2) + answer)
        except OSError:
            return  # the next read finds the end of the connection and tells why
