"""Hash functions that a standard names; SHA-1 is here for key derivation only, never to protect."""

from cryptography.hazmat.primitives import hashes


def sha1(data: bytes) -> bytes:
    """SHA-1 of 20 bytes, as EMV Book 2, A1.4.2 asks for card numbers longer than 16 digits."""
    context = hashes.Hash(hashes.SHA1())  # noqa: S303 - it only spreads a card number over a block
    context.update(data)
    return context.finalize()
