"""Triple DES against the published answers of NIST and against pyemv."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyemv import tools as oracle

from zheton.core.crypto import des
from zheton.core.errors import EncodeError

# pyemv takes Triple DES from where it was and with keys of two parts; other tests see our own use.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

blocks = st.integers(1, 6).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n))
two_part_keys = st.binary(min_size=16, max_size=16)
keys = st.sampled_from((8, 16, 24)).flatmap(lambda n: st.binary(min_size=n, max_size=n))


def test_single_des_by_fips_46() -> None:
    """FIPS 46-3's validation example (NBS Special Publication 500-20)."""
    key, plain = bytes.fromhex("0123456789ABCDEF"), b"Now is t"
    assert des.encrypt_ecb(key, plain).hex() == "3fa40e8a984d4815"


@given(two_part_keys, blocks)
def test_same_as_pyemv(key: bytes, data: bytes) -> None:
    assert des.encrypt_ecb(key, data) == oracle.encrypt_tdes_ecb(key, data)
    assert des.encrypt_cbc(key, key[:8], data) == oracle.encrypt_tdes_cbc(key, key[:8], data)
    assert des.odd_parity(key) == oracle.adjust_key_parity(key)


@given(keys, st.binary(min_size=8, max_size=8), blocks)
def test_round_trip(key: bytes, iv: bytes, data: bytes) -> None:
    assert des.decrypt_ecb(key, des.encrypt_ecb(key, data)) == data
    assert des.decrypt_cbc(key, iv, des.encrypt_cbc(key, iv, data)) == data


@given(keys)
def test_parity_is_odd_and_does_not_matter(key: bytes) -> None:
    adjusted = des.odd_parity(key)
    assert all(byte.bit_count() % 2 == 1 for byte in adjusted)
    assert all(a ^ b in (0, 1) for a, b in zip(key, adjusted, strict=True))
    assert des.encrypt_ecb(key, bytes(8)) == des.encrypt_ecb(adjusted, bytes(8))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EncodeError, match="8, 16 or 24 bytes"):
        des.encrypt_ecb(bytes(15), bytes(8))
    with pytest.raises(EncodeError, match="whole blocks"):
        des.encrypt_ecb(bytes(16), bytes(9))
    with pytest.raises(EncodeError, match="initial vector"):
        des.encrypt_cbc(bytes(16), bytes(7), bytes(8))
