"""Key derivation: the same as pyemv for Triple DES, and as openssl's AES for AES."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st
from pyemv import kd as oracle

from zheton.core.emv import keys
from zheton.core.errors import EncodeError
from zheton.core.scheme import Cipher

# pyemv takes Triple DES from where it was and with keys of two parts; other tests see our own use.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

master_keys = st.binary(min_size=16, max_size=16)
numbers = st.text("0123456789", min_size=12, max_size=19)
sequence_numbers = st.integers(0, 99)
counters = st.integers(0, 0xFFFF)


def aes_block(key: bytes, block: bytes) -> bytes:
    return BlockCipher(AES(key), modes.CBC(bytes(16))).encryptor().update(block)


@given(master_keys, numbers, sequence_numbers)
def test_icc_master_key_same_as_pyemv(master: bytes, pan: str, psn: int) -> None:
    derive = oracle.derive_icc_mk_a if len(pan) <= 16 else oracle.derive_icc_mk_b
    expected = derive(master, pan, f"{psn:02d}")
    assert keys.icc_master_key("3des", master, pan, psn) == expected


@given(master_keys, counters)
def test_session_key_same_as_pyemv(master: bytes, atc: int) -> None:
    expected = oracle.derive_common_sk(master, atc.to_bytes(2) + bytes(6))
    assert keys.session_key("3des", master, atc) == expected


@given(master_keys, st.binary(min_size=8, max_size=8))
def test_any_diversification_same_as_pyemv(master: bytes, data: bytes) -> None:
    assert keys.derive_session_key("3des", master, data) == oracle.derive_common_sk(master, data)


@given(master_keys, numbers, sequence_numbers, counters)
def test_aes_by_the_book(master: bytes, pan: str, psn: int, atc: int) -> None:
    """EMV Book 2, A1.4.3 and A1.3.1: one block each, digits on the right, counter on the left."""
    digits = f"{pan}{psn:02d}".zfill(32)
    icc = aes_block(master, bytes.fromhex(digits))
    assert keys.icc_master_key("aes", master, pan, psn) == icc
    session = aes_block(icc, atc.to_bytes(2) + bytes(14))
    assert keys.session_key("aes", icc, atc) == session


@given(master_keys, st.sampled_from(("3des", "aes")))
def test_number_sequence_and_counter_all_matter(master: bytes, cipher: Cipher) -> None:
    icc = {
        keys.icc_master_key(cipher, master, pan, psn)
        for pan in ("5204730000000000", "5204730000000018", "6235531200000000001")
        for psn in (0, 1)
    }
    sessions = {keys.session_key(cipher, key, atc) for key in icc for atc in (1, 2, 256)}
    assert (len(icc), len(sessions)) == (6, 18)


@pytest.mark.parametrize("pan", ["", "520473000000000a", "5204730000000000 ", "1" * 20, "٣" * 16])
def test_numbers_that_are_none_are_refused_unseen(pan: str) -> None:
    with pytest.raises(EncodeError) as refused:
        keys.icc_master_key("3des", bytes(16), pan, 0)
    assert refused.value.field == "PAN"
    assert "520473" not in str(refused.value)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EncodeError, match="sequence number"):
        keys.icc_master_key("3des", bytes(16), "5204730000000000", 100)
    with pytest.raises(EncodeError, match="master key"):
        keys.icc_master_key("aes", bytes(24), "5204730000000000", 0)
    with pytest.raises(EncodeError, match="Transaction Counter"):
        keys.session_key("aes", bytes(16), 0x10000)
    with pytest.raises(EncodeError, match="diversification"):
        keys.derive_session_key("aes", bytes(16), bytes(7))
