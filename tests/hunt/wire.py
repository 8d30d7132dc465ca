"""Everything that crosses the loopback, captured and put together again stream by stream.

A number may be split over segments, so what is searched is streams and not packets. A capture that
lost a packet is worth nothing and says so.
"""

import socket
import struct
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_ETHERNET, _IPV4, _IPV6, _TCP = 14, 0x0800, 0x86DD, 6
_ALL_PROTOCOLS = 3  # ETH_P_ALL
_OUTGOING = 4  # PACKET_OUTGOING: on the loopback every frame is seen going and coming
_SOL_PACKET, _STATISTICS, _RCVBUFFORCE = 263, 6, 33
_BUFFER_BYTES, _FRAME_BYTES_MAX = 1 << 26, 1 << 18
_SYN = 0x02
_HALF = 1 << 31


def may_capture() -> bool:
    """Whether the kernel lets this process see packets (CAP_NET_RAW)."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except PermissionError:
        return False
    return True


@dataclass(slots=True)
class Stream:
    """One direction of one connection: payloads by their place after the SYN."""

    first: int
    parts: dict[int, bytes] = field(default_factory=dict)

    def add(self, sequence: int, payload: bytes) -> None:
        """A segment; one that was sent again replaces itself, or a shorter one."""
        place = (sequence - self.first) % (1 << 32)
        if place < _HALF and len(payload) > len(self.parts.get(place, b"")):
            self.parts[place] = payload

    def content(self) -> bytes:
        """All bytes in order."""
        whole = bytearray()
        for place in sorted(self.parts):
            whole[place - 1 : place - 1 + len(self.parts[place])] = self.parts[place]
        return bytes(whole)


Ends = tuple[bytes, int, bytes, int]


@dataclass
class Capture:
    """What was heard so far; `ports` are those that are listened at."""

    ports: Collection[int]
    packets: int = 0
    dropped: int = 0
    _streams: list[tuple[Ends, Stream]] = field(default_factory=list)
    _open: dict[Ends, Stream] = field(default_factory=dict)

    def streams(self) -> Iterator[tuple[int, str, bytes]]:
        """Port that was listened at, `to` or `from` it, and what went that way."""
        for (_, source, _, target), stream in list(self._streams):
            if target in self.ports:
                yield target, "to", stream.content()
            else:
                yield source, "from", stream.content()

    def hear(self, frame: bytes) -> None:
        """One frame of the loopback."""
        kind, packet = int.from_bytes(frame[12:_ETHERNET], "big"), frame[_ETHERNET:]
        if kind == _IPV4 and packet[9] == _TCP:
            start, ends = (packet[0] & 0x0F) * 4, (packet[12:16], packet[16:20])
            end = int.from_bytes(packet[2:4], "big") or len(packet)
        elif kind == _IPV6 and packet[6] == _TCP:
            start, ends = 40, (packet[8:24], packet[24:40])
            end = 40 + int.from_bytes(packet[4:6], "big") or len(packet)
        else:
            return
        self._segment(packet[start:end], *ends)

    def _segment(self, segment: bytes, source: bytes, target: bytes) -> None:
        source_port, target_port, sequence = struct.unpack_from(">HHI", segment)
        if not {source_port, target_port} & set(self.ports):
            return  # somebody else's, on the same machine
        self.packets += 1
        ends = (source, source_port, target, target_port)
        if segment[13] & _SYN or ends not in self._open:
            first = sequence if segment[13] & _SYN else sequence - 1
            self._open[ends] = Stream(first)
            self._streams.append((ends, self._open[ends]))
        payload = segment[(segment[12] >> 4) * 4 :]
        if payload:
            self._open[ends].add(sequence, payload)


@contextmanager
def capturing(ports: Collection[int]) -> Iterator[Capture]:
    """Listen to the loopback until the block ends."""
    capture = Capture(ports)
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _BUFFER_BYTES)
        except PermissionError:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        listener.bind(("lo", _ALL_PROTOCOLS))
        listener.settimeout(0.1)
        ended = threading.Event()
        thread = threading.Thread(target=_listen, args=(listener, capture, ended), daemon=True)
        thread.start()
        try:
            yield capture
        finally:
            ended.set()
            thread.join()
            counts = struct.unpack("II", listener.getsockopt(_SOL_PACKET, _STATISTICS, 8))
            capture.dropped = counts[1]


def _listen(listener: socket.socket, capture: Capture, ended: threading.Event) -> None:
    while True:
        try:
            frame, address = listener.recvfrom(_FRAME_BYTES_MAX)
        except TimeoutError:
            if ended.is_set():  # what had come before was heard
                return
            continue
        if address[2] != _OUTGOING:
            capture.hear(frame)
