"""Ed25519 signatures (RFC 8032): a private key is a seed of 32 bytes, a public key 32 bytes."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from zheton.core.errors import EncodeError, VerificationError

SEED_BYTES = PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


def public_key(seed: bytes) -> bytes:
    """The public key of a seed; EncodeError if it has not 32 bytes."""
    return _private(seed).public_key().public_bytes_raw()


def sign(seed: bytes, content: bytes) -> bytes:
    """The signature of 64 bytes, the same for the same seed and content (RFC 8032, 5.1.6)."""
    return _private(seed).sign(content)


def verify(public: bytes, content: bytes, signature: bytes) -> None:
    """Raise VerificationError unless the signature is this key's over this content (5.1.7)."""
    if len(public) != PUBLIC_KEY_BYTES:
        raise EncodeError(f"it has {PUBLIC_KEY_BYTES} bytes", field="Ed25519 public key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        raise VerificationError("The signature does not verify.") from None


def _private(seed: bytes) -> Ed25519PrivateKey:
    if len(seed) != SEED_BYTES:
        raise EncodeError(f"it has {SEED_BYTES} bytes", field="Ed25519 seed")
    return Ed25519PrivateKey.from_private_bytes(seed)
