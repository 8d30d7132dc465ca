"""Message authentication: padding and retail MAC of ISO/IEC 9797-1, AES-CMAC, HMAC-SHA-256.

A check goes through `verify_equal`, which takes the same time wherever two MACs differ.
"""

import hmac

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from zheton.core.crypto import des
from zheton.core.crypto.aes import checked_key
from zheton.core.errors import EncodeError, VerificationError


def pad_method_1(data: bytes, block_bytes: int = des.BLOCK_BYTES) -> bytes:
    """Zeros up to whole blocks, at least one block (ISO/IEC 9797-1, 6.3.2)."""
    return data.ljust(max(block_bytes, -(-len(data) // block_bytes) * block_bytes), b"\0")


def pad_method_2(data: bytes, block_bytes: int = des.BLOCK_BYTES) -> bytes:
    """A byte 80, then zeros up to whole blocks (ISO/IEC 9797-1, 6.3.3).

    >>> pad_method_2(b"1234567").hex(), len(pad_method_2(b"12345678"))
    ('3132333435363780', 16)
    """
    return pad_method_1(data + b"\x80", block_bytes)


def retail_mac(key: bytes, padded: bytes) -> bytes:
    """MAC of 8 bytes over whole blocks with a key of 16 bytes (ISO/IEC 9797-1, algorithm 3).

    The chain runs in single DES under the left half; only the last block goes through both.
    """
    if len(key) != 16 or not padded or len(padded) % des.BLOCK_BYTES:
        raise EncodeError("it takes a key of 16 bytes and whole blocks", field="retail MAC")
    chain = bytes(des.BLOCK_BYTES)
    if len(padded) > des.BLOCK_BYTES:
        chain = des.encrypt_cbc(key[:8], chain, padded[: -des.BLOCK_BYTES])[-des.BLOCK_BYTES :]
    last = int.from_bytes(chain) ^ int.from_bytes(padded[-des.BLOCK_BYTES :])
    return des.encrypt_ecb(key, last.to_bytes(des.BLOCK_BYTES))


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC of 16 bytes (NIST SP 800-38B, RFC 4493)."""
    context = CMAC(AES(checked_key(key)))
    context.update(data)
    return context.finalize()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256 of 32 bytes (RFC 2104, FIPS 198-1)."""
    return hmac.digest(key, data, "sha256")


def verify_equal(expected: bytes, given: bytes, name: str = "MAC") -> None:
    """Raise VerificationError unless both are the same; the time taken does not tell where not.

    `name` is what the error calls it.
    """
    if not hmac.compare_digest(expected, given):
        raise VerificationError(f"The {name} does not verify.")
