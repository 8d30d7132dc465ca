"""Padding, retail MAC, CMAC and HMAC against pyemv and the RFCs; comparison that raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyemv import mac as oracle

from zheton.core.crypto import mac
from zheton.core.errors import EncodeError, VerificationError

# pyemv takes Triple DES from where it was and with keys of two parts; other tests see our own use.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

two_part_keys = st.binary(min_size=16, max_size=16)
MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
    "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


@given(st.binary(max_size=80), st.sampled_from((8, 16)))
def test_padding_same_as_pyemv(data: bytes, block: int) -> None:
    assert mac.pad_method_1(data, block) == oracle.pad_iso9797_1(data, block)
    assert mac.pad_method_2(data, block) == oracle.pad_iso9797_2(data, block)


@given(two_part_keys, st.binary(max_size=80))
def test_retail_mac_same_as_pyemv(key: bytes, data: bytes) -> None:
    expected = oracle.mac_iso9797_3(key[:8], key[8:], data, 2)
    assert mac.retail_mac(key, mac.pad_method_2(data)) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_cmac_by_rfc_4493(size: int, expected: str) -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    assert mac.cmac(key, MESSAGE[:size]).hex() == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "d17ddf46adaacde531cac483de7a9367",
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "028962f61b7bf89efc6b551f4667d983",
        ),
    ],
)
def test_cmac_with_longer_keys_by_sp_800_38b(key: str, expected: str) -> None:
    """NIST SP 800-38B, D.2 and D.3: the message of no bits."""
    assert mac.cmac(bytes.fromhex(key), b"").hex() == expected


def test_hmac_by_rfc_4231() -> None:
    """Test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert mac.hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == expected


@given(st.binary(max_size=16), st.binary(max_size=16))
def test_equal_or_raise(expected: bytes, given: bytes) -> None:
    mac.verify_equal(expected, expected)
    if expected != given:
        with pytest.raises(VerificationError, match="The code does not verify"):
            mac.verify_equal(expected, given, "code")


def test_what_does_not_fit_is_refused() -> None:
    for key, data in ((bytes(8), bytes(8)), (bytes(16), b""), (bytes(16), bytes(7))):
        with pytest.raises(EncodeError):
            mac.retail_mac(key, data)
    with pytest.raises(EncodeError, match="AES key"):
        mac.cmac(bytes(8), b"")
