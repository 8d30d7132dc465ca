"""Cards in PC/SC readers, through `pyscard`, which is an extra because it has to be compiled.

`Reader.wait_for_card` gives a `PcscCard`: the terminal's port, one command APDU in, one response
out. In T=0 the transport shows through (ISO 7816-3, 12.2: no Le beside data, 61xx, 6Cxx); that is
settled here. A card that leaves is CardGoneError, everything else that fails UnreachableError.
"""

import time
from dataclasses import replace
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from zheton.core.emv.apdu import SHORT_LE_MAX, Command, Response
from zheton.core.errors import ConfigurationError, NotFoundError, UnreachableError
from zheton.roles.terminal.ports import CardGoneError

_STEPS_MAX = 300  # 65,536 bytes in steps of 256, and some more; a card that goes on is broken

_LOOK_S = 0.5  # one wait in the library, which a Ctrl-C can't interrupt


class Reader:
    """One PC/SC reader, for as long as the context lasts."""

    def __init__(self, name: str | None = None) -> None:
        """Open the reader whose name contains `name`, or the first one.

        Raises NotFoundError if there is none, UnreachableError if pcscd does not answer and
        ConfigurationError without `pyscard`.
        """
        self._scard = _scard()
        self._context = _context(self._scard)
        try:
            self.name = _choose(_names(self._scard, self._context), name)
        except Exception:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the reader back."""
        self._scard.SCardReleaseContext(self._context)

    def wait_for_card(self, timeout_s: float) -> "PcscCard":
        """The card that is in the reader or comes within `timeout_s`.

        Raises NotFoundError if none comes, CardGoneError if it comes and goes.
        """
        deadline = time.monotonic() + timeout_s
        state = self._state(self._scard.SCARD_STATE_UNAWARE, 0)
        while not state & self._scard.SCARD_STATE_PRESENT:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise NotFoundError(f"No card came to {self.name} within {timeout_s:g} seconds.")
            state = self._state(state, min(left_s, _LOOK_S))
        return self._connect()

    def has_card(self) -> bool:
        """Whether a card is in the reader; it is not touched."""
        state = self._state(self._scard.SCARD_STATE_UNAWARE, 0)
        return bool(state & self._scard.SCARD_STATE_PRESENT)

    def _state(self, known: int, timeout_s: float) -> int:
        """The state of the reader once it differs from the known one, or when time is up."""
        scard = self._scard
        code, states = scard.SCardGetStatusChange(
            self._context, int(timeout_s * 1000), [(self.name, known)]
        )
        if code not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_TIMEOUT):
            raise _error(scard, code, f"The reader {self.name} can't be watched")
        return int(states[0][1])

    def _connect(self) -> "PcscCard":
        scard = self._scard
        code, handle, protocol = scard.SCardConnect(
            self._context,
            self.name,
            scard.SCARD_SHARE_EXCLUSIVE,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
        )
        if code != scard.SCARD_S_SUCCESS:
            raise _error(scard, code, f"The card in {self.name} can't be used")
        return PcscCard(scard, handle, protocol)


class PcscCard:
    """A card in a reader, held alone from its power-up until the context ends."""

    def __init__(self, scard: Any, handle: int, protocol: int) -> None:
        self._scard, self._handle, self._protocol = scard, handle, protocol
        self._silent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.disconnect()

    @property
    def t0(self) -> bool:
        """Whether the card speaks T=0 and not T=1."""
        return bool(self._protocol == self._scard.SCARD_PROTOCOL_T0)

    def transceive(self, command: bytes) -> bytes:
        """The response to one command APDU, whole.

        A card that only ever announces data is answered for with that status, which is no success.
        Raises CardGoneError if the card left, UnreachableError if the reader failed.
        """
        if self.t0:
            decoded = Command.decode(command)
            if decoded.data:  # case 4 is sent as case 3; the data are fetched after 61xx
                command = command[: 5 + len(decoded.data)]
        return self._whole(command)

    def disconnect(self) -> None:
        """Power the card down, so that nothing stays selected, and let others use the reader.

        A card that fell silent is not powered down: if it has left, pcscd takes the attempt for the
        removal, and misses the next card if that comes before pcscd looks again.
        """
        scard = self._scard
        scard.SCardDisconnect(
            self._handle, scard.SCARD_LEAVE_CARD if self._silent else scard.SCARD_UNPOWER_CARD
        )

    def _whole(self, command: bytes) -> bytes:
        """Follow 61xx by GET RESPONSE and 6Cxx by the Le that the card wants (ISO 7816-4, 5.6)."""
        data, answer = b"", Response()
        for _ in range(_STEPS_MAX):
            raw = self._transmit(command)
            if len(raw) < 2:
                return raw  # no response APDU; what that means is the terminal's to judge
            answer = Response.decode(raw)
            data += answer.data
            sw1, sw2 = divmod(answer.sw, 0x100)
            if sw1 == 0x61:
                command = bytes((0x00, 0xC0, 0x00, 0x00, sw2))
            elif sw1 == 0x6C:
                command = _with_le(command, sw2)
            else:
                return Response(data, answer.sw).encode()
        return Response(b"", answer.sw).encode()

    def _transmit(self, command: bytes) -> bytes:
        header = self._scard.SCARD_PCI_T0 if self.t0 else self._scard.SCARD_PCI_T1
        code, answer = self._scard.SCardTransmit(self._handle, header, list(command))
        if code != self._scard.SCARD_S_SUCCESS:
            self._silent = True
            raise _error(self._scard, code, "The card does not answer")
        return bytes(answer)


def _with_le(command: bytes, le: int) -> bytes:
    """The same short command with another Le, or with one where it had none (ISO 7816-4, 5.6)."""
    asked = Command.decode(command)
    return replace(asked, le=le or SHORT_LE_MAX).encode()


def readers() -> list[str]:
    """The names of the readers of this machine; none is an empty list.

    Raises UnreachableError if pcscd does not answer, ConfigurationError without `pyscard`.
    """
    scard = _scard()
    context = _context(scard)
    try:
        return _names(scard, context)
    finally:
        scard.SCardReleaseContext(context)


def _scard() -> Any:
    try:
        return import_module("smartcard.scard")
    except ImportError:
        raise ConfigurationError(
            "Readers need the package pyscard, which compiles on Linux."
            " On Debian: apt-get install swig libpcsclite-dev, then make pcsc."
        ) from None


def _context(scard: Any) -> Any:
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != scard.SCARD_S_SUCCESS:
        raise _error(scard, code, "The smart card service does not answer; is pcscd running?")
    return context


def _names(scard: Any, context: Any) -> list[str]:
    code, names = scard.SCardListReaders(context, [])
    if code == scard.SCARD_E_NO_READERS_AVAILABLE:
        return []
    if code != scard.SCARD_S_SUCCESS:
        raise _error(scard, code, "The readers can't be listed")
    return list(names)


def _choose(names: list[str], wanted: str | None) -> str:
    fitting = [name for name in names if wanted is None or wanted in name]
    if fitting:
        return fitting[0]
    there = "; there are " + ", ".join(names) if names else ", for there is none at all"
    which = f"whose name contains {wanted!r}" if wanted else ""
    raise NotFoundError(f"No reader {which}".rstrip() + f"{there}.")


def _error(scard: Any, code: int, what: str) -> UnreachableError:
    gone = (
        scard.SCARD_W_REMOVED_CARD,
        scard.SCARD_W_RESET_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
        scard.SCARD_W_UNRESPONSIVE_CARD,
        scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_E_NOT_TRANSACTED,
    )
    text = f"{what} ({scard.SCardGetErrorMessage(code).rstrip('.')})."
    return CardGoneError(text) if code in gone else UnreachableError(text)
