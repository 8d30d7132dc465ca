"""RSA as EMV uses it: numbers in, numbers out, without the paddings of other worlds (Book 2, B2.1).

What is signed is a block of a form of its own (Book 2, A2.1), so the library's own signatures do
not fit: it makes the keys here, and the arithmetic is Python's. A private operation is blinded by
a random factor, so that its time tells nothing of the key, and is checked before it is given out,
so that a fault in one half of it tells nothing either.
"""

from dataclasses import dataclass, field
from math import gcd

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from zheton.core.errors import DecodeError, EncodeError, VerificationError

EXPONENT = 3  # Book 2, 6.4 and B2.1: 3 or 2^16 + 1; a terminal's work is least with 3
_BITS_MIN, _BITS_MAX = 1024, 1984
_SIZES = range(64, 249)  # bytes: below, a certificate does not hold what it has to say


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A modulus of 64 to 248 whole bytes, and its exponent, 3 or 2^16 + 1; else EncodeError."""

    modulus: int
    exponent: int = EXPONENT

    def __post_init__(self) -> None:
        whole = self.modulus.bit_length() % 8 == 0 and self.size in _SIZES
        if self.exponent not in (3, 0x10001) or not whole:
            raise EncodeError("its modulus or exponent is none that EMV knows", field="RSA key")

    @property
    def size(self) -> int:
        """Bytes of the modulus, of a block and of a signature."""
        return self.modulus.bit_length() // 8

    @property
    def modulus_bytes(self) -> bytes:
        """The modulus, big endian."""
        return self.modulus.to_bytes(self.size)

    @property
    def exponent_bytes(self) -> bytes:
        """The exponent in 1 or 3 bytes, as certificates carry it."""
        return self.exponent.to_bytes(1 if self.exponent == EXPONENT else 3)

    def encode(self) -> bytes:
        """The exponent's length and bytes, then the modulus."""
        return bytes((len(self.exponent_bytes),)) + self.exponent_bytes + self.modulus_bytes

    @classmethod
    def decode(cls, data: bytes) -> "PublicKey":
        """The key in these bytes; DecodeError if they are none that `encode` made."""
        start = 1 + data[0] if data else 0
        try:
            return cls(int.from_bytes(data[start:]), int.from_bytes(data[1:start]))
        except EncodeError as error:
            raise DecodeError(error.problem, field=error.field, offset=0) from None

    def recover(self, signature: bytes) -> bytes:
        """The block that was signed, of `size` bytes; VerificationError if it can be none."""
        value = int.from_bytes(signature)
        if len(signature) != self.size or value >= self.modulus:
            raise VerificationError("The signature is not of this key's length.")
        return pow(value, self.exponent, self.modulus).to_bytes(self.size)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The two primes of a key, and what follows from them."""

    public: PublicKey
    p: int = field(repr=False)
    q: int = field(repr=False)

    def sign(self, block: bytes, blinding: bytes) -> bytes:
        """The signature of a block of `public.size` bytes whose value is below the modulus.

        `blinding` is as many random bytes, never used again. EncodeError if either does not fit.
        """
        n, e = self.public.modulus, self.public.exponent
        value, factor = int.from_bytes(block), int.from_bytes(blinding) % n
        fits = len(block) == len(blinding) == self.public.size and value < n
        if not fits or gcd(factor, n) != 1:
            raise EncodeError("the block or its blinding does not fit the key", field="RSA")
        blind = value * pow(factor, e, n) % n
        result = self._power(blind) * pow(factor, -1, n) % n
        if pow(result, e, n) != value:
            raise VerificationError("An RSA signature came out wrong; it is not given out.")
        return result.to_bytes(self.public.size)

    def encode(self) -> bytes:
        """The exponent's length and bytes, then the primes, each as long as half the modulus."""
        exponent, half = self.public.exponent_bytes, -(-self.public.size // 2)
        numbers = self.p.to_bytes(half) + self.q.to_bytes(half)
        return bytes((len(exponent),)) + exponent + numbers

    @classmethod
    def decode(cls, data: bytes) -> "PrivateKey":
        """The key in these bytes; DecodeError if they are none that `encode` made."""
        start = 1 + data[0] if data else 0
        exponent, rest = int.from_bytes(data[1:start]), data[start:]
        half, odd = divmod(len(rest), 2)
        if odd:
            raise DecodeError("it is cut short", field="RSA key", offset=len(data))
        p, q = int.from_bytes(rest[:half]), int.from_bytes(rest[half:])
        try:
            return cls(PublicKey(p * q, exponent), p, q)
        except EncodeError as error:
            raise DecodeError(error.problem, field=error.field, offset=0) from None

    def _power(self, value: int) -> int:
        """The private power by the Chinese remainder theorem (RFC 8017, 5.1.2)."""
        e, p, q = self.public.exponent, self.p, self.q
        in_p = pow(value % p, pow(e, -1, p - 1), p)
        in_q = pow(value % q, pow(e, -1, q - 1), q)
        return in_q + q * ((in_p - in_q) * pow(q, -1, p) % p)


def generate(bits: int, exponent: int = EXPONENT) -> PrivateKey:
    """A fresh key of 1024 to 1984 bits (Book 2, B2.1), by the library and its own randomness.

    The one function of the core that two calls answer differently: a key is made once, where
    something is manufactured, and nothing is to be able to make the same one again.
    """
    if not _BITS_MIN <= bits <= _BITS_MAX or bits % 8:
        raise EncodeError("a key has 1024 to 1984 bits, in whole bytes", field="RSA key")
    try:
        numbers = rsa.generate_private_key(exponent, bits).private_numbers()
    except (ValueError, UnsupportedAlgorithm):
        raise EncodeError("the library makes no such key", field="RSA key") from None
    return PrivateKey(PublicKey(numbers.p * numbers.q, exponent), numbers.p, numbers.q)
