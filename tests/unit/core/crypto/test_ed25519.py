"""Ed25519 against RFC 8032, section 7.1."""

import pytest

from zheton.core.crypto import ed25519
from zheton.core.errors import EncodeError, VerificationError

SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_second_vector() -> None:
    assert ed25519.public_key(SEED) == PUBLIC
    assert ed25519.sign(SEED, b"\x72") == SIGNATURE
    ed25519.verify(PUBLIC, b"\x72", SIGNATURE)


@pytest.mark.parametrize(
    ("content", "signature"),
    [(b"\x73", SIGNATURE), (b"\x72", SIGNATURE[:-1] + b"\x01"), (b"\x72", b""), (b"", SIGNATURE)],
)
def test_anything_else_does_not_verify(content: bytes, signature: bytes) -> None:
    with pytest.raises(VerificationError):
        ed25519.verify(PUBLIC, content, signature)


def test_keys_of_another_length_are_refused() -> None:
    with pytest.raises(EncodeError):
        ed25519.sign(SEED[:-1], b"")
    with pytest.raises(EncodeError):
        ed25519.verify(PUBLIC + b"\0", b"", SIGNATURE)
