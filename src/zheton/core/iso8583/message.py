"""A message: its MTI and its data elements, from bytes and back.

The whole message is one Latin-1 string while it is cut up, so every slice of it is a value
already; the slicers of each element are compiled once with the spec.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zheton.core.errors import DecodeError, EncodeError
from zheton.core.iso8583.bitmap import (
    BOTH_BYTES,
    PRIMARY_BYTES,
    SECONDARY_FLAG,
    bitmap_of,
    elements,
)
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.spec import Spec, plan

MESSAGE_BYTES_MAX = 0xFFFF  # what the length before a message can say
SECRET = frozenset({2, 14, 34, 35, 36, 45, 48, 52, 55})  # never printed: they lead to a card
_MTI = re.compile("[0-9]{4}").fullmatch


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """One message. Text elements are `str`; those of class b (52, 55, 64 ...) are `bytes`.

    >>> Message("0100", {2: "5413330089010012", 4: "000000035000"})
    Message 0100 {2: ****, 4: '000000035000'}
    """

    mti: str
    fields: Mapping[int, Value]

    def __getitem__(self, number: int) -> Value:
        """The value of a data element; KeyError where it is absent."""
        return self.fields[number]

    def __contains__(self, number: int) -> bool:
        return number in self.fields

    def get(self, number: int) -> Value | None:
        """The value of a data element, or None."""
        return self.fields.get(number)

    def text(self, number: int) -> str:
        """The value of a text element, "" where it is absent; TypeError for one of class b."""
        value = self.fields.get(number, "")
        if not isinstance(value, str):
            raise TypeError(f"DE{number} is bytes.")
        return value

    def binary(self, number: int) -> bytes:
        """The value of an element of class b, b"" where absent; TypeError for a text element."""
        value = self.fields.get(number, b"")
        if not isinstance(value, bytes):
            raise TypeError(f"DE{number} is text.")
        return value

    def with_fields(
        self, changes: Mapping[int, Value], drop: Iterable[int] = (), mti: str | None = None
    ) -> "Message":
        """A copy with some elements changed or added, then some dropped, maybe under another MTI.

        >>> Message("0100", {3: "000000", 35: "x"}).with_fields({39: "00"}, drop=[35], mti="0110")
        Message 0110 {3: '000000', 39: '00'}
        """
        fields = {**self.fields, **changes}
        for number in drop:
            fields.pop(number, None)
        return Message(self.mti if mti is None else mti, fields)

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{n}: {'****' if n in SECRET else repr(self.fields[n])}" for n in sorted(self.fields)
        )
        return f"Message {self.mti} {{{shown}}}"


def decode(spec: Spec, data: bytes) -> Message:
    """The message of bytes without their length header; DecodeError names element and offset."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise DecodeError("the message is too long", field="message", offset=MESSAGE_BYTES_MAX)
    mti, start = _read_mti(spec, data)
    bitmap, at = _read_bitmap(spec, data, start)
    try:
        slicers = plan(spec, elements(bitmap))
    except KeyError as unknown:
        problem = f"{spec.name} does not have it"
        raise DecodeError(problem, field=f"DE{unknown}", offset=start) from None
    text = data.decode("latin-1")
    fields: dict[int, Value] = {}
    for slicer in slicers:
        at = slicer.take(text, at, fields)
    if at != len(data):
        raise DecodeError("bytes follow the last element", field="message", offset=at)
    return Message(mti, fields)


def encode(spec: Spec, message: Message) -> bytes:
    """The bytes of a message without a length header; EncodeError names the element."""
    if _MTI(message.mti) is None:
        raise EncodeError("is not 4 digits", field="MTI")
    fields = message.fields
    numbers = tuple(sorted(fields))
    try:
        slicers = plan(spec, numbers)
    except KeyError as unknown:
        raise EncodeError(f"{spec.name} does not have it", field=f"DE{unknown}") from None
    body = "".join([slicer.put(fields) for slicer in slicers]).encode("latin-1")
    bitmap = bitmap_of(numbers)
    if spec.bitmap == "hex":
        bitmap = bitmap.hex().upper().encode("ascii")
    mti = message.mti.encode("ascii") if spec.mti == "ascii" else bytes.fromhex(message.mti)
    data = mti + bitmap + body
    if len(data) > MESSAGE_BYTES_MAX:
        raise EncodeError(f"is at most {MESSAGE_BYTES_MAX} bytes long", field="message")
    return data


def _read_mti(spec: Spec, data: bytes) -> tuple[str, int]:
    size = 4 if spec.mti == "ascii" else 2
    mti = data[:size].decode("latin-1") if spec.mti == "ascii" else data[:size].hex()
    if _MTI(mti) is None:
        raise DecodeError("is not 4 digits", field="MTI", offset=0)
    return mti, size


def _read_bitmap(spec: Spec, data: bytes, at: int) -> tuple[bytes, int]:
    """The bitmap, with the secondary one where bit 1 announces it, and the offset behind it."""
    scale = 2 if spec.bitmap == "hex" else 1
    bitmap = _bits(spec, data, at, PRIMARY_BYTES * scale)
    if bitmap[0] & SECONDARY_FLAG:
        bitmap = _bits(spec, data, at, BOTH_BYTES * scale)
    return bitmap, at + len(bitmap) * scale


def _bits(spec: Spec, data: bytes, at: int, size: int) -> bytes:
    raw = data[at : at + size]
    if len(raw) != size:
        raise DecodeError("the message ends within it", field="bitmap", offset=at)
    if spec.bitmap == "binary":
        return raw
    if re.fullmatch(b"[0-9A-Fa-f]*", raw) is None:
        raise DecodeError(
            "holds a character that is no hexadecimal digit", field="bitmap", offset=at
        )
    return bytes.fromhex(raw.decode("ascii"))
