"""Key check values: three bytes by which two parties see that they hold the same key."""

import hashlib

from zheton.core.crypto import aes, des
from zheton.core.crypto.mac import hmac_sha256

KCV_BYTES = 3
# What the key enciphers; by them a check value can also be had of a key that stays in a token.
BLOCK_3DES, BLOCK_AES = bytes(des.BLOCK_BYTES), b"\x01" * aes.BLOCK_BYTES


def kcv_3des(key: bytes) -> bytes:
    """A block of zeros under the key, leftmost 3 bytes (GlobalPlatform Card Specification, B.5).

    >>> kcv_3des(bytes.fromhex("404142434445464748494A4B4C4D4E4F")).hex().upper()
    '8BAF47'
    """
    return des.encrypt_ecb(key, BLOCK_3DES)[:KCV_BYTES]


def kcv_aes(key: bytes) -> bytes:
    """A block of bytes 01 under the key, leftmost 3 bytes (GlobalPlatform Amendment D, 4.1.4).

    >>> kcv_aes(bytes.fromhex("404142434445464748494A4B4C4D4E4F")).hex().upper()
    '504A77'
    """
    return aes.encrypt_ecb(key, BLOCK_AES)[:KCV_BYTES]


def kcv_hmac(key: bytes) -> bytes:
    """The HMAC-SHA-256 of nothing, leftmost 3 bytes; an HMAC key has no customary check value.

    >>> kcv_hmac(bytes(32)).hex().upper()
    'B61367'
    """
    return hmac_sha256(key, b"")[:KCV_BYTES]


def kcv_public(public: bytes) -> bytes:
    """The SHA-256 of a public key, leftmost 3 bytes: it shows which pair it is.

    >>> kcv_public(bytes(32)).hex().upper()
    '66687A'
    """
    return hashlib.sha256(public).digest()[:KCV_BYTES]
