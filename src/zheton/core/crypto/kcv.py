"""Key check values: three bytes by which two parties see that they hold the same key."""

from zheton.core.crypto import aes, des

KCV_BYTES = 3


def kcv_3des(key: bytes) -> bytes:
    """A block of zeros under the key, leftmost 3 bytes (GlobalPlatform Card Specification, B.5).

    >>> kcv_3des(bytes.fromhex("404142434445464748494A4B4C4D4E4F")).hex().upper()
    '8BAF47'
    """
    return des.encrypt_ecb(key, bytes(des.BLOCK_BYTES))[:KCV_BYTES]


def kcv_aes(key: bytes) -> bytes:
    """A block of bytes 01 under the key, leftmost 3 bytes (GlobalPlatform Amendment D, 4.1.4).

    >>> kcv_aes(bytes.fromhex("404142434445464748494A4B4C4D4E4F")).hex().upper()
    '504A77'
    """
    return aes.encrypt_ecb(key, b"\x01" * aes.BLOCK_BYTES)[:KCV_BYTES]
