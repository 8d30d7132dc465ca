"""Key check values: the same key always shows the same three bytes, another one others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyemv import tools as oracle

from zheton.core.crypto.des import odd_parity
from zheton.core.crypto.kcv import kcv_3des, kcv_aes

# pyemv takes Triple DES from where it was and with keys of two parts; other tests see our own use.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


@given(st.binary(min_size=16, max_size=16))
def test_3des_same_as_pyemv(key: bytes) -> None:
    assert kcv_3des(key) == oracle.key_check_digits(key, 3)
    assert kcv_3des(odd_parity(key)) == kcv_3des(key)


@pytest.mark.parametrize(("size", "shown"), [(16, "c35280"), (24, "38fcb6"), (32, "75e208")])
def test_aes_same_as_openssl(size: int, shown: str) -> None:
    """The openssl command's answer for a block of bytes 01 under the key 00 01 02 ..."""
    assert kcv_aes(bytes(range(size))).hex() == shown
