"""Sessions of a security domain (SCP03, GPC Amendment D) and the count of what they refuse.

Whatever claims to come from the holder of the keys and does not is counted in the domain before it
is answered: no session, a wrong key or MAC, a command that was replayed, moved, dropped or stripped
of its protection. The count survives the power; a session that opens clears it; at the bound the
domain answers 6983 to everything. One EXTERNAL AUTHENTICATE an INITIALIZE UPDATE, and the first
command that does not belong to a session ends it.
"""

from dataclasses import dataclass, field

from zheton.core.emv import status
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import VerificationError
from zheton.core.scp03.card import CardSession, open_session
from zheton.core.scp03.channel import SECURE_MESSAGING, SecurityLevel
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import (
    CHALLENGE_BYTES,
    SEQUENCE_COUNTER_BYTES,
    StaticKeys,
    card_cryptogram,
    derive_session,
    pseudo_random_challenge,
)
from zheton.roles.element.chip import Chip
from zheton.roles.element.registry import Domain
from zheton.roles.element.rejected import Rejected

_SEQUENCE_MAX = (1 << 8 * SEQUENCE_COUNTER_BYTES) - 1


@dataclass(frozen=True, slots=True)
class _Opening:
    """INITIALIZE UPDATE was answered; the host has to show its keys."""

    version: int
    keys: StaticKeys = field(repr=False)
    host_challenge: bytes
    card_challenge: bytes


@dataclass(frozen=True, slots=True)
class _Open:
    """A session, and the key of its set that protects keys."""

    session: CardSession
    dek: bytes = field(repr=False)


class SecureChannel:
    """The session of one link: none, half open, or open. It belongs to one domain at a time."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._state: _Opening | _Open | None = None

    @property
    def is_open(self) -> bool:
        """Whether a session is open."""
        return isinstance(self._state, _Open)

    @property
    def level(self) -> SecurityLevel:
        """What protects the open session; Rejected (6982) if there is none."""
        return self._opened().session.level

    @property
    def dek(self) -> bytes:
        """The key of the open session that protects keys; Rejected (6982) if there is none."""
        return self._opened().dek

    def end(self) -> None:
        """Forget the session, open or half open."""
        self._state = None

    def initialize_update(self, domain: Domain, command: Command) -> Response:
        """GPC Amendment D, 7.1.1: the card's challenge and the proof of its keys."""
        self.end()
        if command.p2:
            return Response(sw=status.INCORRECT_P1_P2)
        if domain.locked:
            return Response(sw=status.AUTHENTICATION_METHOD_BLOCKED)
        found = domain.key_set(command.p1)
        if found is None:
            return Response(sw=status.REFERENCED_DATA_NOT_FOUND)
        if len(command.data) != CHALLENGE_BYTES:
            return Response(sw=status.WRONG_LENGTH)
        if found.sequence >= _SEQUENCE_MAX:
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        challenge = pseudo_random_challenge(found.keys, found.sequence, domain.aid)
        self._state = _Opening(found.version, found.keys, command.data, challenge)
        keys = derive_session(found.keys, command.data, challenge)
        answer = InitializeUpdateResponse(
            diversification=self._chip.state.serial,
            key_version=found.version,
            challenge=challenge,
            cryptogram=card_cryptogram(keys, command.data, challenge),
            sequence_counter=found.sequence,
        )
        return Response(answer.encode())

    def external_authenticate(self, domain: Domain, command: Command) -> Response:
        """GPC Amendment D, 7.1.2: the host's proof; the counter moves on before the answer."""
        opening = self._state
        self.end()
        if domain.locked:
            return Response(sw=status.AUTHENTICATION_METHOD_BLOCKED)
        if not isinstance(opening, _Opening):
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        if command.p2 or command.p1 not in list(SecurityLevel):
            return Response(sw=status.INCORRECT_P1_P2)
        try:
            session = open_session(
                opening.keys, opening.host_challenge, opening.card_challenge, command
            )
        except VerificationError:
            return self.refuse(domain, status.AUTHENTICATION_FAILED)
        self._chip.commit(self._chip.state.with_domain(domain.opened(opening.version)))
        self._state = _Open(session, opening.keys.dek)
        return Response()

    def unwrap(self, domain: Domain, command: Command) -> Command | Response:
        """The command as the holder of the keys meant it, or the refusal, which is counted."""
        if domain.locked:
            self.end()
            return Response(sw=status.AUTHENTICATION_METHOD_BLOCKED)
        if not isinstance(self._state, _Open) or not command.cla & SECURE_MESSAGING:
            return self.refuse(domain, status.SECURITY_STATUS_NOT_SATISFIED)
        try:
            return self._state.session.unwrap(command)
        except VerificationError:
            return self.refuse(domain, status.SECURE_MESSAGING_DATA_INCORRECT)

    def wrap(self, response: Response) -> Response:
        """The response as the open session protects it."""
        return self._opened().session.wrap(response)

    def refuse(self, domain: Domain, sw: int) -> Response:
        """End the session and count a refusal, durably, before its answer leaves."""
        self.end()
        failed = domain.failed()
        if failed != domain:
            self._chip.commit(self._chip.state.with_domain(failed))
        return Response(sw=sw)

    def _opened(self) -> _Open:
        if not isinstance(self._state, _Open):
            raise Rejected(status.SECURITY_STATUS_NOT_SATISFIED)
        return self._state
