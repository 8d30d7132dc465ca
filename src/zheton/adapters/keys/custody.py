"""What keeps the key-encryption key: it wraps and unwraps, and may hold masters that stay inside.

`Master` is a key that is used and never shown: an issuer master key or the device master key. In
memory it is a key like any other; in a token it is the name of one.
"""

import os
from dataclasses import dataclass, field
from typing import Protocol

from zheton.core.crypto import aes, des
from zheton.core.crypto.kcv import BLOCK_3DES, BLOCK_AES, KCV_BYTES
from zheton.core.crypto.mac import cmac
from zheton.core.errors import ConfigurationError

KEY_BYTES = {"3des": 16, "aes": 16, "aes-cmac": 32}  # by the algorithm of a master
_CHECK_BLOCK = {"3des": BLOCK_3DES, "aes": BLOCK_AES}


class Master(Protocol):
    """A key that only works; it has no way out."""

    def encrypt_ecb(self, blocks: bytes) -> bytes:
        """Whole blocks under the key."""

    def cmac(self, content: bytes) -> bytes:
        """AES-CMAC of 16 bytes."""


class Custody(Protocol):
    """The keeper of one key-encryption key."""

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Nonce and ciphertext of a key (AES-256-GCM), bound to its context."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again; VerificationError if it was wrapped by another key or for another name."""

    def make_master(self, algorithm: str, context: bytes) -> bytes:
        """A fresh master; what the ring stores of it."""

    def master(self, algorithm: str, stored: bytes, context: bytes) -> Master:
        """A master by what the ring stores."""


@dataclass(frozen=True, slots=True)
class MemoryMaster:
    """A master of the file adapter: its key is in this process's memory."""

    algorithm: str
    key: bytes = field(repr=False)

    def encrypt_ecb(self, blocks: bytes) -> bytes:
        """Whole blocks under the key."""
        ecb = des.encrypt_ecb if self.algorithm == "3des" else aes.encrypt_ecb
        return ecb(self.key, blocks)

    def cmac(self, content: bytes) -> bytes:
        """AES-CMAC of 16 bytes."""
        return cmac(self.key, content)


@dataclass(frozen=True, slots=True)
class MemoryCustody:
    """A key-encryption key in this process's memory; the file adapter has it from its file."""

    kek: bytes = field(repr=False)

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Nonce and ciphertext of a key (AES-256-GCM), bound to its context."""
        nonce = os.urandom(aes.NONCE_BYTES)
        return nonce + aes.seal(self.kek, nonce, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again; VerificationError if it was wrapped by another key or for another name."""
        nonce, sealed = wrapped[: aes.NONCE_BYTES], wrapped[aes.NONCE_BYTES :]
        return aes.open_sealed(self.kek, nonce, sealed, context)

    def make_master(self, algorithm: str, context: bytes) -> bytes:
        """A fresh master, wrapped."""
        key = os.urandom(KEY_BYTES[algorithm])
        return self.wrap(des.odd_parity(key) if algorithm == "3des" else key, context)

    def master(self, algorithm: str, stored: bytes, context: bytes) -> Master:
        """A master, unwrapped into memory."""
        return MemoryMaster(checked_algorithm(algorithm), self.unwrap(stored, context))


def checked_algorithm(algorithm: str) -> str:
    """The algorithm of a master, if it is one; ConfigurationError if not."""
    if algorithm not in KEY_BYTES:
        raise ConfigurationError(
            f"The key ring names the algorithm {algorithm!r}, which this version does not know."
        )
    return algorithm


def check_value(algorithm: str, master: Master) -> str:
    """The check value of a master, which need not come out for it."""
    if algorithm == "aes-cmac":
        return master.cmac(b"")[:KCV_BYTES].hex().upper()
    return master.encrypt_ecb(_CHECK_BLOCK[algorithm])[:KCV_BYTES].hex().upper()
