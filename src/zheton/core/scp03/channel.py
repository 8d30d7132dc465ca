"""What a session remembers, and one message protected with it (Amendment D, 6.2.3 to 6.2.7).

Each MAC covers the one before it, so that no command can be dropped, repeated or moved; each
encryption starts from the number of the command. Nothing is remembered until a message is complete,
so one that does not fit leaves the session as it was.
"""

from dataclasses import replace
from enum import IntEnum

from zheton.core.crypto import aes
from zheton.core.crypto.mac import cmac, pad_method_2
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import EncodeError
from zheton.core.scp03.keys import SessionKeys

MAC_BYTES = 8  # S8 mode
SECURE_MESSAGING = 0x04  # b3 of CLA
_FURTHER_CHANNEL = 0x40  # b7 of CLA: logical channels 4 to 19 say secure messaging otherwise
_RESPONSE = 0x80  # the first byte of the counter block of a response
_WARNINGS = (0x62, 0x63)


class SecurityLevel(IntEnum):
    """P1 of EXTERNAL AUTHENTICATE (7.1.2.1): what commands and responses are protected by."""

    C_MAC = 0x01
    C_DECRYPTION_C_MAC = 0x03
    C_MAC_R_MAC = 0x11
    C_DECRYPTION_C_MAC_R_MAC = 0x13
    C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC = 0x33

    @property
    def encrypts_commands(self) -> bool:
        """Whether command data are encrypted."""
        return bool(self & 0x02)

    @property
    def authenticates_responses(self) -> bool:
        """Whether responses carry a MAC."""
        return bool(self & 0x10)

    @property
    def encrypts_responses(self) -> bool:
        """Whether response data are encrypted."""
        return bool(self & 0x20)


class Channel:
    """Session keys, security level, the chained MAC and the number of the last command."""

    def __init__(self, keys: SessionKeys, level: SecurityLevel) -> None:
        self._keys, self.level = keys, level
        self.chain = bytes(aes.BLOCK_BYTES)
        self.counter = 0

    def command_mac(self, command: Command) -> bytes:
        """All 16 bytes of the C-MAC of a command whose data end in room for its MAC (6.2.4)."""
        size = len(command.data)
        length = b"\0" + size.to_bytes(2) if command.extended else bytes((size,))
        header = bytes((command.cla, command.ins, command.p1, command.p2))
        return cmac(self._keys.mac, self.chain + header + length + command.data[:-MAC_BYTES])

    def response_mac(self, data: bytes, sw: int) -> bytes:
        """The 8 bytes of the R-MAC of response data, encrypted or not, and status word (6.2.5)."""
        return cmac(self._keys.rmac, self.chain + data + sw.to_bytes(2))[:MAC_BYTES]

    def command_iv(self, number: int) -> bytes:
        """The initial vector of the command of this number (6.2.6)."""
        return aes.encrypt_ecb(self._keys.enc, number.to_bytes(aes.BLOCK_BYTES))

    def response_iv(self) -> bytes:
        """The initial vector of the response to the last command (6.2.7)."""
        number = self.counter.to_bytes(aes.BLOCK_BYTES - 1)
        return aes.encrypt_ecb(self._keys.enc, bytes((_RESPONSE,)) + number)

    def encrypted(self, iv: bytes, data: bytes) -> bytes:
        """Data padded by method 2 and encrypted with S-ENC."""
        return aes.encrypt_cbc(self._keys.enc, iv, pad_method_2(data, aes.BLOCK_BYTES))

    def decrypted(self, iv: bytes, data: bytes) -> bytes | None:
        """The reverse of `encrypted`; None if the data are not what it makes."""
        if len(data) % aes.BLOCK_BYTES:
            return None
        padded = aes.decrypt_cbc(self._keys.enc, iv, data).rstrip(b"\0")
        return padded[:-1] if padded.endswith(b"\x80") else None


def with_room(command: Command, data: bytes) -> Command:
    """The command in secure messaging, its data followed by room for a MAC."""
    if command.cla & _FURTHER_CHANNEL:
        raise EncodeError("logical channels above 3 are not supported", field="CLA")
    return replace(command, cla=command.cla | SECURE_MESSAGING, data=data + bytes(MAC_BYTES))


def is_protected(response: Response) -> bool:
    """Whether a status word lets a response carry data and a MAC: success or a warning (6.2.5)."""
    return response.ok or response.sw >> 8 in _WARNINGS
