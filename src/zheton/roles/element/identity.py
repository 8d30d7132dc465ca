"""Who the chip is: its certificate, the proof of its key, and how often it was reset.

All answer on the host interface alone, without a secure channel: a maker's word about a device is
no secret from its owner's phone. The proof is no signature of a debit (`core.emv.device_proof`).
"""

from zheton.core.emv import status
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.device_certificate import CARDHOLDER_CERTIFICATE
from zheton.core.emv.device_proof import CHALLENGE_BYTES, prove
from zheton.roles.element.chip import Chip
from zheton.roles.element.ports import Entropy

_CERTIFICATE = (0x00, 0xCA, CARDHOLDER_CERTIFICATE >> 8, CARDHOLDER_CERTIFICATE & 0xFF)
_RESETS = (0x00, 0xCA, 0x01, 0x00)  # proprietary data (ISO/IEC 7816-4, table 63)
_INTERNAL_AUTHENTICATE = (0x00, 0x88)


class Identity:
    """GET DATA 7F21 (ISO/IEC 7816-4, 11.4.3) and INTERNAL AUTHENTICATE (11.5.2)."""

    def __init__(self, chip: Chip, entropy: Entropy) -> None:
        self._chip, self._entropy = chip, entropy

    def answer(self, command: Command) -> Response | None:
        """The response; None if the command asks for something else."""
        if (command.cla, command.ins, command.p1, command.p2) == _CERTIFICATE:
            certificate = self._chip.state.certificate
            missing = Response(sw=status.REFERENCED_DATA_NOT_FOUND)
            return Response(certificate) if certificate else missing
        if (command.cla, command.ins, command.p1, command.p2) == _RESETS:
            return Response(self._chip.state.resets.to_bytes(2))
        if (command.cla, command.ins) == _INTERNAL_AUTHENTICATE:
            return self._authenticate(command)
        return None

    def _authenticate(self, command: Command) -> Response:
        if command.p1 or command.p2:
            return Response(sw=status.INCORRECT_P1_P2)
        if len(command.data) != CHALLENGE_BYTES:
            return Response(sw=status.WRONG_LENGTH)
        key = self._chip.state.signing_key
        if key is None:
            return Response(sw=status.REFERENCED_DATA_NOT_FOUND)
        serial, blinding = self._chip.state.serial, self._entropy.take(key.public.size)
        return Response(prove(key, serial, command.data, blinding))
