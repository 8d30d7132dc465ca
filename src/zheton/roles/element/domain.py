"""The host interface: the payment security domain and its secure channel (SCP03, S8, i = 70).

Only who holds the domain's keys changes anything: STORE DATA needs a session with C-MAC and
C-DECRYPTION. Its blocks are collected and applied by `load` at the last one, in one commit. The
first command that does not belong to the session ends it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from zheton.core.emv import status
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.perso import PACKAGE_BYTES_MAX
from zheton.core.emv.tlv import encode
from zheton.core.errors import VerificationError
from zheton.core.scp03.card import CardSession, open_session
from zheton.core.scp03.channel import SECURE_MESSAGING, SecurityLevel
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import (
    CHALLENGE_BYTES,
    SEQUENCE_COUNTER_BYTES,
    card_cryptogram,
    derive_session,
    pseudo_random_challenge,
)
from zheton.roles.element import directory, load
from zheton.roles.element.chip import Chip

_CLASSES = (0x00, 0x80, 0x80 | SECURE_MESSAGING)
_SEQUENCE_MAX = (1 << 8 * SEQUENCE_COUNTER_BYTES) - 1
_DGI_BLOCK, _LAST_BLOCK = 0x08, 0x80  # STORE DATA, P1: GPC 2.3.1, table 11-89
# Security Domain Management Data aside, an FCI says how long a command may be (GPC, 11.9.3.1).
_MAXIMUM_COMMAND_DATA = 0x9F65
_COMMAND_DATA_MAX = b"\xff"


class HostInterface:
    """What the device's own host talks to: SELECT, then the payment security domain."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._selected: bytes | None = None
        self._challenges: tuple[bytes, bytes] | None = None
        self._session: CardSession | None = None
        self._blocks: list[bytes] = []
        self._commands: dict[int, Callable[[Command, datetime], Response]] = {
            0xA4: self._select,
            0x50: self._initialize_update,
            0x82: self._external_authenticate,
            0xE2: self._store_data,
        }

    def reset(self) -> None:
        """The link is cut: selection and session end."""
        self._selected = None
        self._end_session()

    def answer(self, command: Command, now: datetime) -> Response:
        """The response to one command; UnreachableError if the memory fails."""
        if command.cla not in _CLASSES:
            return Response(sw=status.CLASS_NOT_SUPPORTED)
        handler = self._commands.get(command.ins)
        if handler is None:
            return Response(sw=status.INSTRUCTION_NOT_SUPPORTED)
        if (command.cla == 0x00) != (handler == self._select):
            return Response(sw=status.CLASS_NOT_SUPPORTED)
        if self._selected is None and handler != self._select:
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        return handler(command, now)

    def _select(self, command: Command, now: datetime) -> Response:
        names = (self._chip.state.payment_domain.aid,)
        found = directory.select(names, self._selected, command)
        if isinstance(found, Response):
            return found
        self.reset()
        self._selected = found
        return Response(directory.describe(found, encode(_MAXIMUM_COMMAND_DATA, _COMMAND_DATA_MAX)))

    def _initialize_update(self, command: Command, now: datetime) -> Response:
        """GPC Amendment D, 7.1.1: the card's challenge and proof of its keys."""
        self._end_session()
        domain = self._chip.state.payment_domain
        if command.p2:
            return Response(sw=status.INCORRECT_P1_P2)
        if command.p1 not in (0, domain.key_version):
            return Response(sw=status.REFERENCED_DATA_NOT_FOUND)
        if len(command.data) != CHALLENGE_BYTES:
            return Response(sw=status.WRONG_LENGTH)
        if domain.sequence >= _SEQUENCE_MAX:
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        challenge = pseudo_random_challenge(domain.keys, domain.sequence, domain.aid)
        self._challenges = (command.data, challenge)
        keys = derive_session(domain.keys, command.data, challenge)
        answer = InitializeUpdateResponse(
            diversification=self._chip.state.serial,
            key_version=domain.key_version,
            challenge=challenge,
            cryptogram=card_cryptogram(keys, command.data, challenge),
            sequence_counter=domain.sequence,
        )
        return Response(answer.encode())

    def _external_authenticate(self, command: Command, now: datetime) -> Response:
        """GPC Amendment D, 7.1.2: the host's proof; the counter moves on before the answer."""
        challenges = self._challenges
        self._end_session()
        if challenges is None:
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        if command.p2 or command.p1 not in list(SecurityLevel):
            return Response(sw=status.INCORRECT_P1_P2)
        state = self._chip.state
        domain = state.payment_domain
        try:
            session = open_session(domain.keys, *challenges, command)
        except VerificationError:
            return Response(sw=status.AUTHENTICATION_FAILED)
        moved = replace(domain, sequence=domain.sequence + 1)
        self._chip.commit(replace(state, payment_domain=moved))
        self._session = session
        return Response()

    def _store_data(self, command: Command, now: datetime) -> Response:
        """GPC 2.3.1, 11.11: one block of a package, protected at least by C-MAC and encryption."""
        session = self._session
        if session is None or not command.cla & SECURE_MESSAGING:
            self._end_session()
            return Response(sw=status.SECURITY_STATUS_NOT_SATISFIED)
        try:
            plain = session.unwrap(command)
        except VerificationError:
            self._end_session()
            return Response(sw=status.SECURE_MESSAGING_DATA_INCORRECT)
        if not session.level.encrypts_commands:
            return Response(sw=status.SECURITY_STATUS_NOT_SATISFIED)
        return session.wrap(self._collect(plain, now))

    def _collect(self, command: Command, now: datetime) -> Response:
        """Keep a block; apply the package at the last one."""
        in_order = command.p2 == len(self._blocks)
        if not in_order or command.p1 & ~_LAST_BLOCK != _DGI_BLOCK:
            self._blocks = []
            return Response(sw=status.INCORRECT_P1_P2)
        self._blocks.append(command.data)
        if not command.p1 & _LAST_BLOCK:
            full = len(self._blocks) > 0xFF
            if full:
                self._blocks = []
            return Response(sw=status.NOT_ENOUGH_MEMORY) if full else Response()
        package, self._blocks = b"".join(self._blocks), []
        if len(package) > PACKAGE_BYTES_MAX:
            return Response(sw=status.NOT_ENOUGH_MEMORY)
        try:
            state = load.apply(self._chip.state, self._chip.profile, package, now)
        except load.Rejected as rejected:
            return Response(sw=rejected.sw)
        if state != self._chip.state:
            self._chip.commit(state)
        return Response()

    def _end_session(self) -> None:
        self._challenges, self._session, self._blocks = None, None, []
