"""Randomness: the operating system's, and a seeded stream for runs that must be repeatable."""

import hashlib
import secrets


class SystemEntropy:
    """The operating system's random bytes."""

    def take(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        return secrets.token_bytes(count)


class SeededEntropy:
    """The same bytes for the same seed (SHA-256 in counter mode); for tests and simulations."""

    def __init__(self, seed: int) -> None:
        self._seed = seed.to_bytes(16, "big")
        self._counter = 0

    def take(self, count: int) -> bytes:
        """`count` bytes that the seed decides."""
        out = bytearray()
        while len(out) < count:
            self._counter += 1
            out += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
        return bytes(out[:count])
