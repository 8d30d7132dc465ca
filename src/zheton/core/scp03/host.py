"""The side of the host: open a session with a card, wrap commands, unwrap responses."""

from dataclasses import replace

from zheton.core.crypto.mac import verify_equal
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import VerificationError
from zheton.core.scp03.channel import MAC_BYTES, Channel, SecurityLevel, is_protected, with_room
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import (
    SessionKeys,
    StaticKeys,
    card_cryptogram,
    derive_session,
    host_cryptogram,
)

INITIALIZE_UPDATE, EXTERNAL_AUTHENTICATE = 0x50, 0x82
_CLA = 0x80


def initialize_update(host_challenge: bytes, key_version: int = 0) -> Command:
    """The command that starts a session; version 0 lets the card choose its keys (7.1.1)."""
    return Command(_CLA, INITIALIZE_UPDATE, key_version, 0, host_challenge, le=256)


def open_session(
    static: StaticKeys,
    level: SecurityLevel,
    host_challenge: bytes,
    answer: InitializeUpdateResponse,
) -> tuple["HostSession", Command]:
    """The session, and the EXTERNAL AUTHENTICATE that the card has to accept before its use.

    Raises VerificationError if the card's cryptogram shows that it has not these keys.
    """
    keys = derive_session(static, host_challenge, answer.challenge)
    expected = card_cryptogram(keys, host_challenge, answer.challenge)
    verify_equal(expected, answer.cryptogram, "card cryptogram")
    session = HostSession(keys, level)
    return session, session.external_authenticate(host_challenge, answer.challenge)


class HostSession:
    """One session from the host's side; messages go through it in the order they are sent."""

    def __init__(self, keys: SessionKeys, level: SecurityLevel) -> None:
        self._keys, self._channel = keys, Channel(keys, level)

    def external_authenticate(self, host_challenge: bytes, card_challenge: bytes) -> Command:
        """The command that shows the host's keys; its MAC is the first of the chain (7.1.2)."""
        cryptogram = host_cryptogram(self._keys, host_challenge, card_challenge)
        command = Command(_CLA, EXTERNAL_AUTHENTICATE, self._channel.level, 0)
        return self._sealed(command, cryptogram, number=0)

    def wrap(self, command: Command) -> Command:
        """The command as it goes to the card; EncodeError if it gets too long."""
        channel, data = self._channel, command.data
        number = channel.counter + 1  # commands without data count as well (6.2.6)
        if channel.level.encrypts_commands and data:
            data = channel.encrypted(channel.command_iv(number), data)
        return self._sealed(command, data, number)

    def unwrap(self, response: Response) -> Response:
        """The response as the card meant it; VerificationError if its MAC or padding is wrong.

        A response with an error status word carries neither data nor MAC, so it proves nothing.
        """
        channel, data = self._channel, response.data
        if not channel.level.authenticates_responses:
            return response
        if not is_protected(response):
            if data:
                raise VerificationError("The card sent data with an error status word.")
            return response
        data, given = data[:-MAC_BYTES], data[-MAC_BYTES:]
        verify_equal(channel.response_mac(data, response.sw), given, "response MAC")
        if channel.level.encrypts_responses and data:
            plain = channel.decrypted(channel.response_iv(), data)
            if plain is None:
                raise VerificationError("The response does not decrypt.")
            data = plain
        return Response(data, response.sw)

    def _sealed(self, command: Command, data: bytes, number: int) -> Command:
        roomy = with_room(command, data)
        mac = self._channel.command_mac(roomy)
        self._channel.chain, self._channel.counter = mac, number
        return replace(roomy, data=data + mac[:MAC_BYTES])
