"""The proof that a chip has the private key of its certificate: a fresh challenge, signed.

The key also signs debits (EMV Book 2, 6.6). A proof is a signed block of a form that no standard
uses, so whoever may ask for proofs can't make a debit's signature out of one.
"""

import hashlib
from dataclasses import dataclass, field

from zheton.core.crypto.mac import verify_equal
from zheton.core.crypto.rsa import PrivateKey, PublicKey
from zheton.core.emv import recovery
from zheton.core.errors import EncodeError

SIGNED_PROOF = 0xD1
CHALLENGE_BYTES = 40
_PAD = b"\xbb"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a device shows to be registered: certificate, challenge, and its signature of that."""

    certificate: bytes
    challenge: bytes = field(repr=False)
    proof: bytes = field(repr=False)


def prove(key: PrivateKey, serial: bytes, challenge: bytes, blinding: bytes) -> bytes:
    """The signature of a challenge of 40 bytes; `blinding` is as many random bytes as the key has.

    EncodeError for a challenge of another length.
    """
    first = _message(key.public, serial, challenge)
    return recovery.sign(key, first, b"", blinding)


def verify_proof(key: PublicKey, serial: bytes, challenge: bytes, proof: bytes) -> None:
    """Raise VerificationError unless the chip of this serial number and key signed it."""
    signed = recovery.recover(key, proof, SIGNED_PROOF, b"")
    verify_equal(_message(key, serial, challenge), signed, "signature")


def _message(key: PublicKey, serial: bytes, challenge: bytes) -> bytes:
    if len(challenge) != CHALLENGE_BYTES:
        raise EncodeError(f"it has {CHALLENGE_BYTES} bytes", field="challenge")
    said = hashlib.sha256(b"zheton device proof" + serial + challenge).digest()
    return (bytes((SIGNED_PROOF,)) + said).ljust(key.size - recovery.OVERHEAD_BYTES, _PAD)
