"""AES against the published answers of NIST; sealed data open only in their own context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.crypto import aes
from zheton.core.errors import EncodeError, VerificationError

keys = st.sampled_from((16, 24, 32)).flatmap(lambda n: st.binary(min_size=n, max_size=n))
blocks = st.integers(1, 4).flatmap(lambda n: st.binary(min_size=16 * n, max_size=16 * n))
nonces = st.binary(min_size=12, max_size=12)


@pytest.mark.parametrize(
    ("key", "cipher"),
    [
        ("000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (
            "000102030405060708090a0b0c0d0e0f1011121314151617",
            "dda97ca4864cdfe06eaf70a0ec0d7191",
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "8ea2b7ca516745bfeafc49904b496089",
        ),
    ],
)
def test_fips_197(key: str, cipher: str) -> None:
    """FIPS 197, appendix C."""
    plain = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert aes.encrypt_ecb(bytes.fromhex(key), plain).hex() == cipher


def test_cbc_by_sp_800_38a() -> None:
    """NIST SP 800-38A, F.2.1, first block."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    iv = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    assert aes.encrypt_cbc(key, iv, plain).hex() == "7649abac8119b246cee98e9b12e9197d"


def test_gcm_by_its_authors() -> None:
    """McGrew and Viega, The Galois/Counter Mode of Operation, test case 4."""
    sealed = aes.seal(
        bytes.fromhex("feffe9928665731c6d6a8f9467308308"),
        bytes.fromhex("cafebabefacedbaddecaf888"),
        bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
        bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
    )
    assert sealed[-16:].hex() == "5bc94fbc3221a5db94fae95ae7121a47"


@given(keys, blocks, st.binary(min_size=16, max_size=16))
def test_round_trip(key: bytes, data: bytes, iv: bytes) -> None:
    assert aes.decrypt_ecb(key, aes.encrypt_ecb(key, data)) == data
    assert aes.decrypt_cbc(key, iv, aes.encrypt_cbc(key, iv, data)) == data


@given(keys, nonces, st.binary(max_size=64), st.binary(max_size=32), st.data())
def test_a_changed_bit_does_not_open(
    key: bytes, nonce: bytes, plain: bytes, associated: bytes, data: st.DataObject
) -> None:
    sealed = aes.seal(key, nonce, plain, associated)
    assert aes.open_sealed(key, nonce, sealed, associated) == plain
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    changed = (int.from_bytes(sealed) ^ 1 << bit).to_bytes(len(sealed))
    with pytest.raises(VerificationError):
        aes.open_sealed(key, nonce, changed, associated)
    with pytest.raises(VerificationError):
        aes.open_sealed(key, nonce, sealed, associated + b"\0")


def test_too_short_to_be_sealed() -> None:
    with pytest.raises(VerificationError):
        aes.open_sealed(bytes(16), bytes(12), b"short", b"")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EncodeError, match="16, 24 or 32 bytes"):
        aes.encrypt_ecb(bytes(17), bytes(16))
    with pytest.raises(EncodeError, match="whole blocks"):
        aes.encrypt_ecb(bytes(16), bytes(15))
    with pytest.raises(EncodeError, match="AES IV"):
        aes.encrypt_cbc(bytes(16), bytes(8), bytes(16))
    with pytest.raises(EncodeError, match="GCM nonce"):
        aes.seal(bytes(16), bytes(8), b"", b"")
    with pytest.raises(EncodeError, match="GCM nonce"):
        aes.open_sealed(bytes(16), bytes(8), bytes(16), b"")
