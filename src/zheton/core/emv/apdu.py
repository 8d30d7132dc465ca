"""Commands and responses of ISO/IEC 7816-4 (5.1): all four cases, short and extended.

The values say nothing about the form on the wire: a command is written short where it can be and
extended where it has to be. Both print without their data, which may be keys, PINs or card numbers.
"""

from dataclasses import dataclass

from zheton.core.emv import status
from zheton.core.errors import DecodeError, EncodeError

DATA_BYTES_MAX = 65_535
LE_MAX = 65_536
SHORT_DATA_BYTES_MAX = 255
SHORT_LE_MAX = 256
COMMAND_BYTES_MAX = 4 + 3 + DATA_BYTES_MAX + 2
_HEADER_BYTES = 4


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU. `le` is the most bytes wanted (1 to 65536), None where no Le is sent."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    def __post_init__(self) -> None:
        if not all(0 <= byte <= 0xFF for byte in (self.cla, self.ins, self.p1, self.p2)):
            raise EncodeError("CLA, INS, P1 and P2 are one byte each", field="command header")
        if len(self.data) > DATA_BYTES_MAX:
            raise EncodeError(f"the data are at most {DATA_BYTES_MAX} bytes", field="command data")
        if self.le is not None and not 1 <= self.le <= LE_MAX:
            raise EncodeError(f"Le is 1 to {LE_MAX} or absent", field="Le")

    def __repr__(self) -> str:
        """The header, the length of the data and Le."""
        header = f"{self.cla:02X} {self.ins:02X} {self.p1:02X} {self.p2:02X}"
        return f"Command({header}, <{len(self.data)} bytes>, le={self.le})"

    @property
    def extended(self) -> bool:
        """Whether the lengths need the extended form."""
        return len(self.data) > SHORT_DATA_BYTES_MAX or (self.le or 0) > SHORT_LE_MAX

    def encode(self) -> bytes:
        """The bytes on the wire, in the short form if lengths allow.

        >>> Command(0x80, 0xCA, 0x9F, 0x36, le=256).encode().hex()
        '80ca9f3600'
        """
        parts = [bytes((self.cla, self.ins, self.p1, self.p2))]
        if self.extended:
            if self.data:
                parts += (b"\0", len(self.data).to_bytes(2), self.data)
            if self.le is not None:
                # Without data the zero that announces the extended form has not been sent yet.
                parts += (b"" if self.data else b"\0", (self.le % LE_MAX).to_bytes(2))
        else:
            if self.data:
                parts += (bytes((len(self.data),)), self.data)
            if self.le is not None:
                parts.append(bytes((self.le % SHORT_LE_MAX,)))
        return b"".join(parts)

    @classmethod
    def decode(cls, apdu: bytes) -> "Command":
        """The command in these bytes; DecodeError if they are none of the seven forms.

        >>> Command.decode(bytes.fromhex("00A404000E325041592E5359532E444446303100"))
        Command(00 A4 04 00, <14 bytes>, le=256)
        """
        if len(apdu) < _HEADER_BYTES:
            raise DecodeError("the header is cut short", field="command header", offset=len(apdu))
        if len(apdu) > COMMAND_BYTES_MAX:
            raise DecodeError("the command is too long", field="Lc", offset=_HEADER_BYTES)
        data, le = _body(apdu)
        return cls(apdu[0], apdu[1], apdu[2], apdu[3], data, le)


def _body(apdu: bytes) -> tuple[bytes, int | None]:
    """Data and Le of a command (ISO/IEC 7816-4, 5.1, table 1)."""
    size = len(apdu)
    if size == _HEADER_BYTES:  # case 1
        return b"", None
    if size == 5:  # case 2 short
        return b"", apdu[4] or SHORT_LE_MAX
    extended = apdu[4] == 0
    if extended and size < 7:
        raise DecodeError("the extended length is cut short", field="Lc", offset=5)
    if extended and size == 7:  # case 2 extended
        return b"", int.from_bytes(apdu[5:7]) or LE_MAX
    length = int.from_bytes(apdu[5:7]) if extended else apdu[4]
    start, le_bytes = (7, 2) if extended else (5, 1)
    data, rest = apdu[start : start + length], apdu[start + length :]
    if length == 0 or len(data) < length:
        raise DecodeError("the length and the data disagree", field="Lc", offset=4)
    if not rest:  # case 3
        return data, None
    if len(rest) != le_bytes:
        raise DecodeError("there are bytes after the data", field="Le", offset=start + length)
    return data, int.from_bytes(rest) or (LE_MAX if extended else SHORT_LE_MAX)  # case 4


@dataclass(frozen=True, slots=True)
class Response:
    """A response APDU: data and the status word SW1-SW2."""

    data: bytes = b""
    sw: int = status.SUCCESS

    def __post_init__(self) -> None:
        if not 0 <= self.sw <= 0xFFFF:
            raise EncodeError("a status word is two bytes", field="status word")
        if len(self.data) > LE_MAX:
            raise EncodeError(f"the data are at most {LE_MAX} bytes", field="response data")

    def __repr__(self) -> str:
        """The status word and the length of the data."""
        return f"Response(<{len(self.data)} bytes>, sw={self.sw:04X})"

    @property
    def ok(self) -> bool:
        """Whether the status word is 9000."""
        return self.sw == status.SUCCESS

    def encode(self) -> bytes:
        """The bytes on the wire: data, then the status word."""
        return self.data + self.sw.to_bytes(2)

    @classmethod
    def decode(cls, apdu: bytes) -> "Response":
        """The response in these bytes; DecodeError if there is no status word.

        >>> Response.decode(bytes.fromhex("6A82")).sw == status.FILE_NOT_FOUND
        True
        """
        if len(apdu) < 2:
            raise DecodeError("the status word is missing", field="response", offset=len(apdu))
        if len(apdu) > LE_MAX + 2:
            raise DecodeError("the response is too long", field="response", offset=LE_MAX)
        return cls(apdu[:-2], int.from_bytes(apdu[-2:]))
