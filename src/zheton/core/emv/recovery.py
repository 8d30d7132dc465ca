"""Signed blocks with message recovery, which all certificates of EMV are (Book 2, A2.1).

A block is 6A, the first part of the message, its hash, BC; what of the message does not fit goes
beside the signature. Hash algorithm 01 is SHA-1, and there is no other (Book 2, B3.1).
"""

from zheton.core.crypto.digest import sha1
from zheton.core.crypto.mac import verify_equal
from zheton.core.crypto.rsa import PrivateKey, PublicKey
from zheton.core.errors import EncodeError, VerificationError

HASH_BYTES = 20
SHA_1 = RSA = 0x01  # B3.1, B2.1
_HEADER, _TRAILER = b"\x6a", b"\xbc"
OVERHEAD_BYTES = HASH_BYTES + 2


def sign(key: PrivateKey, first: bytes, rest: bytes, blinding: bytes) -> bytes:
    """The signature that carries `first`, which fills a block, and covers `rest` too."""
    if len(first) != key.public.size - OVERHEAD_BYTES:
        raise EncodeError("the message does not fill its block", field="signed data")
    return key.sign(_HEADER + first + sha1(first + rest) + _TRAILER, blinding)


def recover(key: PublicKey, signature: bytes, form: int, rest: bytes) -> bytes:
    """What a signature carries, hash and frame taken off, if it covers `rest` and is of a form.

    VerificationError if anything of it is not as it has to be; it does not say what.
    """
    block = key.recover(signature)
    first, hashed = block[1 : -HASH_BYTES - 1], block[-HASH_BYTES - 1 : -1]
    framed = block[:1] == _HEADER and block[-1:] == _TRAILER and first[:1] == bytes((form,))
    if not framed:
        raise VerificationError("The signature does not verify.")
    verify_equal(sha1(first + rest), hashed, "signature")
    return first
