"""Format-preserving encryption FF1 (NIST SP 800-38G, 5.1): a keyed permutation of numbers.

One instance serves one key, tweak, length and radix. What does not change from one number to the
next is computed once: the first block P and all of Q but its round number and its right half, so a
round is one AES block and a little arithmetic. Numbers are ints inside; strings only outside.
"""

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from zheton.core.crypto.aes import checked_key
from zheton.core.errors import EncodeError

DOMAIN_MIN = 1_000_000  # SP 800-38G revision 1: smaller domains can be searched
RADIX_MAX = 36
TWEAK_BYTES_MAX = 64
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_HALF_BYTES_MAX = 12  # up to here one AES block yields the d bytes that a round needs
_BLOCK_BYTES = 16
_ROUNDS = 10

# Bound once: the rounds are short enough for the look-up of a method to be seen.
_to_bytes, _from_bytes = int.to_bytes, int.from_bytes
_Scratch = tuple[Callable[[bytes, bytearray], int], bytearray, memoryview]


class Ff1:
    """FF1 over `length` digits of a radix of 2 to 36, under an AES key and a tweak.

    Raises EncodeError on a domain below a million numbers (SP 800-38G revision 1, 5.1), on one
    too long for this implementation (57 decimal digits), and on a wrong key. An instance may be
    shared between threads: a call takes an AES context and its buffer out of `_idle` and puts them
    back, both atomic operations of a list, so that they never have two users.
    """

    def __init__(self, key: bytes, tweak: bytes, length: int, radix: int = 10) -> None:
        if not 2 <= radix <= RADIX_MAX:
            raise EncodeError(f"the radix is 2 to {RADIX_MAX}", field="FF1 radix")
        if len(tweak) > TWEAK_BYTES_MAX:
            raise EncodeError(f"it has at most {TWEAK_BYTES_MAX} bytes", field="FF1 tweak")
        if not 2 <= length <= 8 * 2 * _HALF_BYTES_MAX or radix**length < DOMAIN_MIN:
            raise EncodeError(f"fewer than {DOMAIN_MIN} numbers, or too many", field="FF1 domain")
        self.length, self.radix = length, radix
        self.size: int = radix**length
        left = length // 2
        right = length - left
        half_bytes = ((radix**right - 1).bit_length() + 7) // 8  # b of step 3
        if half_bytes > _HALF_BYTES_MAX:
            raise EncodeError("the numbers are too long", field="FF1 domain")
        self._left: int = radix**left
        self._right: int = radix**right
        self._y_bytes = 4 * -(-half_bytes // 4) + 4  # d of step 4
        self._cipher = Cipher(AES(checked_key(key)), modes.ECB())  # noqa: S305 - FF1 is built on it
        self._idle: list[_Scratch] = []
        start = self._chained(_first_block(radix, left, length, tweak), tweak, half_bytes)
        starts = [start ^ number << 8 * half_bytes for number in range(_ROUNDS)]
        self._rounds = tuple(zip(starts[::2], starts[1::2], strict=True))

    def __repr__(self) -> str:
        """The domain; never the key."""
        return f"Ff1(length={self.length}, radix={self.radix})"

    def encrypt_index(self, index: int) -> int:
        """The number that an index in 0..radix**length - 1 becomes."""
        self._check(index)
        left, right = self._left, self._right
        scratch = block, output, y = self._taken()
        a, b = divmod(index, right)
        for even, odd in self._rounds:
            block(_to_bytes(even ^ b, _BLOCK_BYTES), output)
            a = (a + _from_bytes(y)) % left
            block(_to_bytes(odd ^ a, _BLOCK_BYTES), output)
            b = (b + _from_bytes(y)) % right
        self._idle.append(scratch)
        return a * right + b

    def decrypt_index(self, number: int) -> int:
        """The index whose number this is: the reverse of `encrypt_index`."""
        self._check(number)
        left, right = self._left, self._right
        scratch = block, output, y = self._taken()
        a, b = divmod(number, right)
        for even, odd in reversed(self._rounds):
            block(_to_bytes(odd ^ a, _BLOCK_BYTES), output)
            b = (b - _from_bytes(y)) % right
            block(_to_bytes(even ^ b, _BLOCK_BYTES), output)
            a = (a - _from_bytes(y)) % left
        self._idle.append(scratch)
        return a * right + b

    def encrypt(self, digits: str) -> str:
        """The same on a string of exactly `length` digits (0-9, then a-z for radixes above 10)."""
        return self._written(self.encrypt_index(self._read(digits)))

    def decrypt(self, digits: str) -> str:
        """The reverse of `encrypt`."""
        return self._written(self.decrypt_index(self._read(digits)))

    def _chained(self, first: bytes, tweak: bytes, half_bytes: int) -> int:
        """The CBC-MAC of P and Q up to where the round number and the right half come in.

        Both lie in the last block of Q (`_HALF_BYTES_MAX`), which is returned xored into the
        chain and not yet encrypted.
        """
        padding = bytes(-(len(tweak) + half_bytes + 1) % _BLOCK_BYTES)
        blocks = first + tweak + padding + bytes(1 + half_bytes)
        *before, last = (
            int.from_bytes(blocks[at : at + _BLOCK_BYTES])
            for at in range(0, len(blocks), _BLOCK_BYTES)
        )
        block, chain = self._cipher.encryptor().update, 0
        for number in before:
            chain = int.from_bytes(block((chain ^ number).to_bytes(_BLOCK_BYTES)))
        return chain ^ last

    def _taken(self) -> _Scratch:
        """An AES context that nobody else uses now, with its output buffer and the view of y."""
        try:
            return self._idle.pop()
        except IndexError:
            output = bytearray(2 * _BLOCK_BYTES - 1)  # the library asks for room of a block less 1
            y = memoryview(output)[: self._y_bytes]
            return self._cipher.encryptor().update_into, output, y

    def _check(self, number: int) -> None:
        if not 0 <= number < self.size:
            raise EncodeError("the number lies outside the domain", field="FF1 number")

    def _read(self, digits: str) -> int:
        allowed = _ALPHABET[: self.radix]
        if len(digits) != self.length or any(digit not in allowed for digit in digits):
            raise EncodeError(
                f"it takes exactly {self.length} digits of radix {self.radix}", field="FF1 number"
            )
        return int(digits, self.radix)

    def _written(self, number: int) -> str:
        if self.radix == 10:
            return f"{number:0{self.length}d}"
        digits = []
        for _ in range(self.length):
            number, digit = divmod(number, self.radix)
            digits.append(_ALPHABET[digit])
        return "".join(reversed(digits))


def _first_block(radix: int, left: int, length: int, tweak: bytes) -> bytes:
    """P of step 5."""
    head = b"\x01\x02\x01" + radix.to_bytes(3) + bytes((_ROUNDS, left % 256))
    return head + length.to_bytes(4) + len(tweak).to_bytes(4)
