"""The reader's side of the element: what T=1 and T=0 make of commands, responses and Le.

The element answers in full; a link cuts that to what the reader asked for (ISO 7816-4, 5.1 and
5.6; ISO 7816-3, 12.2 for T=0). Bytes that wait for GET RESPONSE are kept here, until the next
command. NFC and pcscd's default for virtual cards are T=1; a contact reader may choose T=0.
"""

from collections.abc import Callable
from enum import IntEnum

from zheton.core.emv import status
from zheton.core.emv.apdu import SHORT_LE_MAX, Command, Response
from zheton.core.errors import DecodeError

Transmit = Callable[[bytes], bytes]

_INS_GET_RESPONSE = 0xC0
_HEADER_BYTES = 5  # CLA INS P1 P2 P3


class Protocol(IntEnum):
    """The transmission protocols of ISO 7816-3, by their number."""

    T0 = 0
    T1 = 1


class Link:
    """One reader's link to one interface of the element."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._waiting = b""
        self._repeat: tuple[bytes, Response] | None = None

    def reset(self) -> None:
        """The reader resets: nothing waits any more."""
        self._waiting, self._repeat = b"", None

    def exchange(self, command: bytes, transmit: Transmit) -> bytes:
        """The answer to one command of the reader; `transmit` is asked once or not at all.

        Never raises on what the reader sends: what is no command is answered with 6700.
        """
        if self._protocol is Protocol.T0:
            return self._exchange_t0(command, transmit).encode()
        return self._exchange_t1(command, transmit).encode()

    def _exchange_t1(self, apdu: bytes, transmit: Transmit) -> Response:
        try:
            command = Command.decode(apdu)
        except DecodeError:
            self.reset()
            return Response.decode(transmit(apdu))
        if command.ins == _INS_GET_RESPONSE:
            return self._get_response(command.p1, command.p2, command.le or SHORT_LE_MAX)
        self._waiting = b""
        response = self._again(apdu[:4] + command.data) or Response.decode(transmit(apdu))
        if command.le is None:
            return self._announced(response)
        if len(response.data) <= command.le:
            return response
        if command.le == SHORT_LE_MAX:
            self._waiting = response.data[SHORT_LE_MAX:]
            waiting = status.bytes_available(len(self._waiting))
            return Response(response.data[:SHORT_LE_MAX], waiting)
        return self._wrong_le(apdu[:4] + command.data, response)

    def _exchange_t0(self, tpdu: bytes, transmit: Transmit) -> Response:
        header, data = tpdu[:_HEADER_BYTES], tpdu[_HEADER_BYTES:]
        if len(header) == _HEADER_BYTES and header[1] == _INS_GET_RESPONSE and not data:
            return self._get_response(header[2], header[3], header[4] or SHORT_LE_MAX)
        self._waiting = b""
        if len(header) == _HEADER_BYTES and header[4] and len(data) >= header[4]:
            # Cases 3 and 4: T=0 carries no Le with data; some drivers send it all the same.
            if len(data) > header[4] + 1:
                return Response(sw=status.WRONG_LENGTH)
            self._repeat = None
            return self._announced(Response.decode(transmit(header + data[: header[4]])))
        if data or len(header) < 4:
            return Response(sw=status.WRONG_LENGTH)
        response = self._again(header[:4]) or Response.decode(transmit(header))
        wanted = (header[4] or SHORT_LE_MAX) if len(header) == _HEADER_BYTES else 0
        if not response.data or len(response.data) == wanted:
            return response
        if len(response.data) > SHORT_LE_MAX:
            return self._announced(response)
        return self._wrong_le(header[:4], response)

    def _get_response(self, p1: int, p2: int, wanted: int) -> Response:
        """ISO 7816-4, 11.8.1: the next bytes of the answer before."""
        if p1 or p2:
            return Response(sw=status.INCORRECT_P1_P2)
        if not self._waiting:
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        exact = self._protocol is Protocol.T0 and wanted > len(self._waiting)
        if exact:
            return Response(sw=status.correct_le(len(self._waiting)))
        part, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
        if self._waiting:
            return Response(part, status.bytes_available(len(self._waiting)))
        return Response(part)

    def _announced(self, response: Response) -> Response:
        """61xx instead of data that the reader left no room for."""
        if not response.data:
            return response
        self._waiting = response.data
        return Response(sw=status.bytes_available(len(response.data)))

    def _wrong_le(self, key: bytes, response: Response) -> Response:
        """6Cxx; the answer is kept, for the repeated command must not act a second time."""
        self._repeat = (key, response)
        return Response(sw=status.correct_le(min(len(response.data), SHORT_LE_MAX)))

    def _again(self, key: bytes) -> Response | None:
        """The answer kept for this command if it is a repetition after 6Cxx."""
        kept, self._repeat = self._repeat, None
        return kept[1] if kept and kept[0] == key else None
