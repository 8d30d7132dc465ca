"""Frames: each message after its length, two bytes, big-endian, not counting themselves."""

from collections.abc import Iterator

from zheton.core.errors import DecodeError, EncodeError

HEADER_BYTES = 2
FRAME_BYTES_MAX = 8192  # the largest message of the dialect stays far below it


def framed(payload: bytes) -> bytes:
    """A payload behind its length; EncodeError where it is empty or over the bound.

    >>> framed(b"0800").hex()
    '000430383030'
    """
    if not 1 <= len(payload) <= FRAME_BYTES_MAX:
        raise EncodeError(f"holds 1 to {FRAME_BYTES_MAX} bytes", field="frame")
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


class Framer:
    """Cuts a stream of bytes, that come as they please, into payloads."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Every payload that is complete now; DecodeError at a length out of bounds.

        It never holds back more than one unfinished frame.
        """
        self._buffer += data
        at = 0
        try:
            while (start := at + HEADER_BYTES) <= len(self._buffer):
                size = int.from_bytes(self._buffer[at:start], "big")
                if not 1 <= size <= FRAME_BYTES_MAX:
                    problem = f"its length is not 1 to {FRAME_BYTES_MAX}"
                    raise DecodeError(problem, field="frame", offset=at)
                if len(self._buffer) < start + size:
                    return
                at = start + size
                yield bytes(self._buffer[start:at])
        finally:
            del self._buffer[:at]
