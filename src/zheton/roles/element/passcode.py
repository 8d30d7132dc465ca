"""The wearer's passcode as the chip keeps it: an image under a key of its own, and tries.

The key is drawn when the passcode is set and never leaves the chip, so it is the salt as well. Four
digits resist nobody who has read out the memory, key and all; what protects them is that the chip
alone compares, and that it lets three wrong ones pass. Whoever gets a passcode right has the three
tries again; whoever does not needs the wallet.
"""

import re
from dataclasses import dataclass, field, replace

from zheton.core.crypto.mac import cmac, verify_equal
from zheton.core.errors import DecodeError, EncodeError

TRIES_MAX = 3
KEY_BYTES = 16
RECORD_BYTES = 1 + 2 * KEY_BYTES
_BLOCK_BYTES = 8
_PLAINTEXT_PIN = 0x2  # the left nibble of a PIN block (EMV Book 3, table 24)


@dataclass(frozen=True, slots=True)
class Passcode:
    """A passcode that was set: key and image (16 bytes each), and the tries that are left."""

    key: bytes = field(repr=False)
    image: bytes = field(repr=False)
    tries_left: int = TRIES_MAX

    @property
    def locked(self) -> bool:
        """Whether no try is left, so that only the wallet unlocks it."""
        return self.tries_left == 0

    def verify(self, digits: str) -> None:
        """VerificationError if these are not its digits; the time taken does not tell where not.

        The caller has counted the try, durably, before.
        """
        verify_equal(self.image, _image(self.key, digits), "passcode")

    def counted(self) -> "Passcode":
        """One try less."""
        return replace(self, tries_left=self.tries_left - 1)

    def unlocked(self) -> "Passcode":
        """All tries again."""
        return replace(self, tries_left=TRIES_MAX)

    def encode(self) -> bytes:
        """The 33 bytes that the memory keeps."""
        return bytes((self.tries_left,)) + self.key + self.image

    @classmethod
    def decode(cls, record: bytes) -> "Passcode":
        """The passcode in these bytes; DecodeError if `encode` did not write them."""
        if len(record) != RECORD_BYTES or record[0] > TRIES_MAX:
            raise DecodeError("it is no passcode of this chip", field="passcode", offset=0)
        return cls(record[1 : 1 + KEY_BYTES], record[1 + KEY_BYTES :], record[0])


def fresh(digits: str, key: bytes) -> Passcode:
    """A passcode under a key that was drawn for it; EncodeError if it has not 4 to 8 digits."""
    return Passcode(key, _image(key, checked(digits)))


def checked(digits: str) -> str:
    """The digits, if they are a passcode; EncodeError if they are not 4 to 8."""
    if not re.fullmatch(r"[0-9]{4,8}", digits):
        raise EncodeError("it has 4 to 8 digits", field="passcode")
    return digits


def from_block(block: bytes) -> str:
    """The digits in a plaintext PIN block (EMV Book 3, 6.5.12); DecodeError if it is none.

    >>> from_block(bytes.fromhex("241234FFFFFFFFFF"))
    '1234'
    """
    written = block.hex().upper()
    size = block[0] & 0x0F if len(block) == _BLOCK_BYTES else 0
    digits = written[2 : 2 + size]
    if not block or block[0] >> 4 != _PLAINTEXT_PIN or written[2 + size :].strip("F"):
        raise DecodeError("it is no PIN block", field="passcode", offset=0)
    try:
        return checked(digits)
    except EncodeError as error:
        raise DecodeError(error.problem, field="passcode", offset=0) from None


def in_block(digits: str) -> bytes:
    """The plaintext PIN block of a passcode, for whoever sends one to a chip.

    >>> in_block("1234").hex()
    '241234ffffffffff'
    """
    return bytes.fromhex(f"2{len(checked(digits))}{digits}".ljust(2 * _BLOCK_BYTES, "F"))


def _image(key: bytes, digits: str) -> bytes:
    return cmac(key, digits.encode("ascii"))
