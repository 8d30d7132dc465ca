"""Messages cut into fragments that fit one ATT value, and joined again.

A fragment is flags (1), message id (1), sequence (2, little-endian), then a part; the first one
puts the length of the whole (2, little-endian) before its part. A link may repeat a fragment, and
nobody is harmed; whatever else is out of order drops the message, for half of one is worth
nothing. Numbers are little-endian as everywhere in GATT (Core, Vol 3, Part G, 2.4).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from zheton.core.ble.service import (
    ATT_MTU_MAX,
    ATT_MTU_MIN,
    ATT_OVERHEAD,
    ATT_VALUE_MAX,
    MESSAGE_BYTES_MAX,
)
from zheton.core.errors import EncodeError

FIRST, LAST, ERROR = 0x80, 0x40, 0x20
_RESERVED = 0x1F
_HEADER, _LENGTH = 4, 2
ID_MODULUS = 256


class Fault(IntEnum):
    """What is wrong with a message; the one byte of an error message."""

    MALFORMED = 1  # no header, reserved bits, or an empty part
    TOO_LONG = 2
    MISSING = 3  # a fragment is not there
    LENGTH = 4  # the parts are not as long as the first one said
    CHANGED = 5  # a repeated fragment with another part
    BUSY = 6  # another command is under way


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message and its id; `error` marks one that holds a Fault instead of an APDU."""

    number: int
    content: bytes
    error: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A message that was dropped, and why."""

    number: int
    fault: Fault


def fragments(message: Message, mtu: int) -> Iterator[bytes]:
    """The ATT values of a message for an ATT MTU of 23 to 517 bytes.

    EncodeError for an empty message, one over MESSAGE_BYTES_MAX, or another MTU.

    >>> [part.hex() for part in fragments(Message(7, b"sixteen bytes..."), 23)]
    ['8007000010007369787465656e2062797465732e', '400701002e2e']
    """
    if not ATT_MTU_MIN <= mtu <= ATT_MTU_MAX:
        raise EncodeError(f"it is {ATT_MTU_MIN} to {ATT_MTU_MAX} bytes", field="ATT MTU")
    content = message.content
    if not 1 <= len(content) <= MESSAGE_BYTES_MAX:
        raise EncodeError(f"it has 1 to {MESSAGE_BYTES_MAX} bytes", field="Bluetooth message")
    whole = len(content).to_bytes(_LENGTH, "little") + content
    room = min(mtu - ATT_OVERHEAD, ATT_VALUE_MAX) - _HEADER
    kind = ERROR if message.error else 0
    for sequence, start in enumerate(range(0, len(whole), room)):
        flags = kind | (FIRST if start == 0 else 0) | (LAST if start + room >= len(whole) else 0)
        header = bytes((flags, message.number)) + sequence.to_bytes(2, "little")
        yield header + whole[start : start + room]


class Reassembler:
    """Joins the fragments of one direction of one connection; holds one message at a time."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._kind = 0
        self._length = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._ended: tuple[int, int] | None = None  # id and fragments of the last whole message
        self._dropped: int | None = None  # id of a message that broke, so as to say it once

    def feed(self, fragment: bytes) -> Message | Broken | None:
        """The message that a fragment completes, what broke, or nothing yet.

        Whatever comes, it raises nothing and joins only parts of one message, in their order.
        """
        if len(fragment) <= _HEADER or fragment[0] & _RESERVED:
            return self._broken(fragment[1] if len(fragment) > 1 else 0, Fault.MALFORMED)
        flags, number = fragment[0], fragment[1]
        sequence, part = int.from_bytes(fragment[2:_HEADER], "little"), fragment[_HEADER:]
        if bool(flags & FIRST) != (sequence == 0):
            return self._broken(number, Fault.MALFORMED)
        if number == self._number and sequence < len(self._parts):
            return None if self._parts[sequence] == part else self._broken(number, Fault.CHANGED)
        if flags & FIRST:
            return self._begin(flags, number, part)
        if self._number is None and self._is_over(number, sequence):
            return None
        return self._continue(flags, number, sequence, part)

    def _is_over(self, number: int, sequence: int) -> bool:
        """Whether a fragment belongs to what was delivered, or dropped, before."""
        if self._ended is not None and number == self._ended[0]:
            return sequence < self._ended[1]
        return number == self._dropped

    def _begin(self, flags: int, number: int, part: bytes) -> Message | Broken | None:
        if len(part) <= _LENGTH:
            return self._broken(number, Fault.MALFORMED)
        length = int.from_bytes(part[:_LENGTH], "little")
        if not 1 <= length <= MESSAGE_BYTES_MAX:
            return self._broken(number, Fault.TOO_LONG if length else Fault.LENGTH)
        self._number, self._kind, self._length = number, flags & ERROR, length
        self._parts, self._size = [], 0
        self._ended = self._dropped = None
        return self._take(flags, number, part, len(part) - _LENGTH)

    def _continue(
        self, flags: int, number: int, sequence: int, part: bytes
    ) -> Message | Broken | None:
        if number != self._number or sequence != len(self._parts) or flags & ERROR != self._kind:
            return self._broken(number, Fault.MISSING)
        return self._take(flags, number, part, len(part))

    def _take(self, flags: int, number: int, part: bytes, size: int) -> Message | Broken | None:
        self._parts.append(part)
        self._size += size
        if self._size > self._length or bool(flags & LAST) != (self._size == self._length):
            return self._broken(number, Fault.LENGTH)
        if not flags & LAST:
            return None
        content = b"".join(self._parts)[_LENGTH:]
        self._ended = (number, len(self._parts))
        self._number, self._parts = None, []
        return Message(number, content, bool(self._kind))

    def _broken(self, number: int, fault: Fault) -> Broken:
        self._number, self._parts = None, []
        if fault is not Fault.MALFORMED:  # whose number is as doubtful as the rest
            self._dropped = number
        return Broken(number, fault)
