"""The wearer's application on the host interface: the passcode from the device's screen or phone.

VERIFY and CHANGE REFERENCE DATA of ISO/IEC 7816-4 (11.6.6, 11.6.7), with the plaintext PIN block of
EMV Book 3, 6.5.12: the link to the phone is encrypted, and no reader in the field reaches this.
"""

from collections.abc import Callable
from datetime import datetime

from zheton.core.emv import status, tags, tlv
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.perso import WEARER_AID
from zheton.core.errors import DecodeError
from zheton.roles.element import directory, passcode, wearing
from zheton.roles.element.chip import Chip
from zheton.roles.element.ports import Entropy
from zheton.roles.element.wearing import Entered, Verdict

_PLAINTEXT = 0x80  # P2: a plaintext PIN of this application (Book 3, table 23)
_CHANGE, _SET = 0x00, 0x01  # P1: the current one and another, or the first one
_BLOCK_BYTES = 8


class WearerApplication:
    """What the device's own processor and the phone talk to about the wearer."""

    def __init__(self, chip: Chip, entropy: Entropy) -> None:
        self._chip, self._entropy = chip, entropy
        self._commands: dict[tuple[int, int], Callable[[Command, datetime], Response]] = {
            (0x00, 0x20): self._verify,
            (0x00, 0x24): self._change_reference_data,
            (0x80, 0xCA): self._get_data,
        }

    def select(self) -> Response:
        """The answer to SELECT."""
        return Response(directory.describe(WEARER_AID, b""))

    def answer(self, command: Command, now: datetime) -> Response:
        """The response to one command; UnreachableError if the memory fails."""
        handler = self._commands.get((command.cla, command.ins))
        if handler is None:
            known = command.cla in {cla for cla, _ in self._commands}
            sw = status.INSTRUCTION_NOT_SUPPORTED if known else status.CLASS_NOT_SUPPORTED
            return Response(sw=sw)
        try:
            return handler(command, now)
        except DecodeError:
            return Response(sw=status.WRONG_DATA)  # no passcode at all, so not counted

    def _verify(self, command: Command, now: datetime) -> Response:
        if command.p1 or command.p2 != _PLAINTEXT:
            return Response(sw=status.INCORRECT_P1_P2)
        if not command.data:  # a question, not a try
            return self._standing(now)
        digits = passcode.from_block(command.data)
        return _response(wearing.enter_passcode(self._chip, digits, now))

    def _change_reference_data(self, command: Command, _: datetime) -> Response:
        if command.p1 not in (_CHANGE, _SET) or command.p2 != _PLAINTEXT:
            return Response(sw=status.INCORRECT_P1_P2)
        current = None
        if command.p1 == _CHANGE:
            current = passcode.from_block(command.data[:_BLOCK_BYTES])
            fresh = passcode.from_block(command.data[_BLOCK_BYTES:])
        else:
            fresh = passcode.from_block(command.data)
            if self._chip.state.wearer.passcode is not None:
                return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        return _response(wearing.set_passcode(self._chip, fresh, current, self._entropy))

    def _get_data(self, command: Command, _: datetime) -> Response:
        if command.p1 << 8 | command.p2 != tags.PIN_TRY_COUNTER or command.data:
            return Response(sw=status.REFERENCED_DATA_NOT_FOUND)
        kept = self._chip.state.wearer.passcode
        if kept is None:
            return Response(sw=status.REFERENCE_DATA_NOT_USABLE)
        return Response(tlv.encode(tags.PIN_TRY_COUNTER, bytes((kept.tries_left,))))

    def _standing(self, now: datetime) -> Response:
        """9000 if the wearer is proved, else the tries that are left (ISO 7816-4, 11.6.6)."""
        kept = self._chip.state.wearer.passcode
        if kept is None:
            return Response(sw=status.REFERENCE_DATA_NOT_USABLE)
        if self._chip.verified(now):
            return Response()
        if kept.locked:
            return Response(sw=status.AUTHENTICATION_METHOD_BLOCKED)
        return Response(sw=status.tries_left(kept.tries_left))


def _response(entered: Entered) -> Response:
    return Response(
        sw={
            Verdict.RIGHT: status.SUCCESS,
            Verdict.WRONG: status.tries_left(entered.tries_left),
            Verdict.LOCKED: status.AUTHENTICATION_METHOD_BLOCKED,
            Verdict.NOT_SET: status.REFERENCE_DATA_NOT_USABLE,
            Verdict.OFF_WRIST: status.CONDITIONS_NOT_SATISFIED,
        }[entered.verdict]
    )
