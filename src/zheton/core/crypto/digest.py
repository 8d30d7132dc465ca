"""Hash functions that a standard names. SHA-1 is EMV's, and nothing of our own rests on it."""

from cryptography.hazmat.primitives import hashes


def sha1(data: bytes) -> bytes:
    """SHA-1 of 20 bytes, as EMV Book 2 asks for: A1.4.2 for keys, B3.1 for signatures."""
    context = hashes.Hash(hashes.SHA1())  # noqa: S303 - EMV knows no other
    context.update(data)
    return context.finalize()
