"""The side of the card: check who opens a session, unwrap commands, wrap responses.

A session that has seen one wrong MAC is over: the card answers 6988 or 6982 and the host starts
again (Amendment D, 5.6).
"""

from dataclasses import replace

from zheton.core.crypto.mac import verify_equal
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import VerificationError
from zheton.core.scp03.channel import (
    MAC_BYTES,
    SECURE_MESSAGING,
    Channel,
    SecurityLevel,
    is_protected,
)
from zheton.core.scp03.keys import (
    CRYPTOGRAM_BYTES,
    SessionKeys,
    StaticKeys,
    derive_session,
    host_cryptogram,
)


def open_session(
    static: StaticKeys, host_challenge: bytes, card_challenge: bytes, command: Command
) -> "CardSession":
    """The session that an EXTERNAL AUTHENTICATE opens at the level of its P1.

    Raises VerificationError if the level is none, or the MAC or the host's cryptogram is wrong.
    """
    keys = derive_session(static, host_challenge, card_challenge)
    try:
        level = SecurityLevel(command.p1)
    except ValueError:
        raise VerificationError("The host asks for a security level that SCP03 lacks.") from None
    session = CardSession(keys, level)
    given = session.authenticated(command)
    expected = host_cryptogram(keys, host_challenge, card_challenge)
    if len(given) != CRYPTOGRAM_BYTES:
        raise VerificationError("The host cryptogram does not verify.")
    verify_equal(expected, given, "host cryptogram")
    return session


class CardSession:
    """One session from the card's side; messages go through it in the order they come."""

    def __init__(self, keys: SessionKeys, level: SecurityLevel) -> None:
        self._channel = Channel(keys, level)
        self._over = False

    @property
    def level(self) -> SecurityLevel:
        """What the host asked for."""
        return self._channel.level

    def unwrap(self, command: Command) -> Command:
        """The command as the host meant it, its CLA without the bit of secure messaging.

        Raises VerificationError, and ends the session, if it is not the next command that the
        host wrapped in this session.
        """
        channel, data = self._channel, self.authenticated(command)
        channel.counter += 1
        if channel.level.encrypts_commands and data:
            plain = channel.decrypted(channel.command_iv(channel.counter), data)
            if plain is None:
                self._over = True
                raise VerificationError("The command does not decrypt.")
            data = plain
        return replace(command, cla=command.cla & ~SECURE_MESSAGING, data=data)

    def wrap(self, response: Response) -> Response:
        """The response as it goes to the host; an error status word goes alone and unprotected."""
        channel, data = self._channel, response.data
        if not channel.level.authenticates_responses:
            return response
        if not is_protected(response):
            return Response(b"", response.sw)
        if channel.level.encrypts_responses and data:
            data = channel.encrypted(channel.response_iv(), data)
        return Response(data + channel.response_mac(data, response.sw), response.sw)

    def authenticated(self, command: Command) -> bytes:
        """The data of a command without its MAC, once the MAC is verified and chained."""
        if self._over or not command.cla & SECURE_MESSAGING or len(command.data) < MAC_BYTES:
            self._over = True
            raise VerificationError("The command does not belong to the secure channel.")
        expected = self._channel.command_mac(command)
        try:
            verify_equal(expected[:MAC_BYTES], command.data[-MAC_BYTES:], "command MAC")
        except VerificationError:
            self._over = True
            raise
        self._channel.chain = expected
        return command.data[:-MAC_BYTES]
