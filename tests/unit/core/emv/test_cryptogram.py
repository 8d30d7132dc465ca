"""Cryptograms and ARPC: the same as pyemv, each input matters, mismatches raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyemv import ac as oracle

from zheton.core.crypto.mac import cmac
from zheton.core.emv import cryptogram
from zheton.core.emv.iad import AcType, CardVerificationResults, IssuerApplicationData
from zheton.core.errors import ConfigurationError, DecodeError, EncodeError, VerificationError
from zheton.core.scheme import Cipher, CryptogramVersion

# pyemv takes Triple DES from where it was and with keys of two parts; other tests see our own use.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

LISTED = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36")
MCHIP = CryptogramVersion(0x14, "mchip", "3des", (*LISTED, "CVR"), 1)
CCD = CryptogramVersion(0xA6, "ccd", "aes", (*LISTED, "9F10"), 2)
VALUES = {
    0x9F02: bytes.fromhex("000000035000"),
    0x9F03: bytes(6),
    0x9F1A: bytes.fromhex("0643"),
    0x95: bytes(5),
    0x5F2A: bytes.fromhex("0643"),
    0x9A: bytes.fromhex("190820"),
    0x9C: b"\x00",
    0x9F37: bytes.fromhex("A1B2C3D4"),
    0x82: bytes.fromhex("1980"),
    0x9F36: bytes.fromhex("0001"),
}
keys = st.binary(min_size=16, max_size=16)
arqcs = st.binary(min_size=8, max_size=8)
ciphers = st.sampled_from(("3des", "aes"))
versions = pytest.mark.parametrize("version", [MCHIP, CCD], ids=["mchip", "ccd"])


def issuer_data(version: CryptogramVersion) -> bytes:
    results = CardVerificationResults(AcType.ARQC, cdcvm_performed=True, cdcvm_successful=True)
    return IssuerApplicationData(version.cvn, 1, results).encode(version)


@given(keys, st.binary(max_size=80))
def test_cryptogram_same_as_pyemv(key: bytes, data: bytes) -> None:
    expected = oracle.generate_ac(key, data, oracle.PaddingType.EMV)
    assert cryptogram.application_cryptogram("3des", key, data) == expected


@given(keys, arqcs, st.binary(min_size=2, max_size=2))
def test_arpc_1_same_as_pyemv(key: bytes, arqc: bytes, arc: bytes) -> None:
    assert cryptogram.arpc_1("3des", key, arqc, arc) == oracle.generate_arpc_1(key, arqc, arc)


@given(keys, arqcs, st.binary(min_size=4, max_size=4), st.binary(max_size=8))
def test_arpc_2_same_as_pyemv(key: bytes, arqc: bytes, csu: bytes, own: bytes) -> None:
    expected = oracle.generate_arpc_2(key, arqc, csu, own)
    assert cryptogram.arpc_2("3des", key, arqc, csu, own) == expected


@given(keys, st.binary(max_size=80), arqcs, st.binary(min_size=4, max_size=4))
def test_aes_is_cmac_cut_on_the_right(key: bytes, data: bytes, arqc: bytes, csu: bytes) -> None:
    """EMV Book 2, A1.2.2."""
    assert cryptogram.application_cryptogram("aes", key, data) == cmac(key, data)[:8]
    assert cryptogram.arpc_2("aes", key, arqc, csu) == cmac(key, arqc + csu)[:4]


@given(ciphers, keys, st.binary(max_size=40), st.integers(0, 63))
def test_one_wrong_bit_raises(cipher: Cipher, key: bytes, data: bytes, bit: int) -> None:
    right = cryptogram.application_cryptogram(cipher, key, data)
    cryptogram.verify_application_cryptogram(cipher, key, data, right)
    wrong = (int.from_bytes(right) ^ 1 << bit).to_bytes(8)
    with pytest.raises(VerificationError, match="application cryptogram"):
        cryptogram.verify_application_cryptogram(cipher, key, data, wrong)
    with pytest.raises(VerificationError):
        cryptogram.verify_application_cryptogram(cipher, key, data, right[:7])


@given(keys, arqcs)
def test_wrong_arpc_raises(key: bytes, arqc: bytes) -> None:
    one = cryptogram.arpc_1("3des", key, arqc, b"00")
    cryptogram.verify_arpc_1("3des", key, arqc, b"00", one)
    with pytest.raises(VerificationError, match="ARPC"):
        cryptogram.verify_arpc_1("3des", key, arqc, b"05", one)
    for cipher in ("3des", "aes"):
        two = cryptogram.arpc_2(cipher, key, arqc, bytes(4))
        cryptogram.verify_arpc_2(cipher, key, arqc, bytes(4), b"", two)
        with pytest.raises(VerificationError, match="ARPC"):
            cryptogram.verify_arpc_2(cipher, key, arqc, bytes(4), b"\0", two)


@versions
def test_input_is_what_the_version_lists(version: CryptogramVersion) -> None:
    iad = issuer_data(version)
    expected = b"".join(VALUES.values()) + (iad[2:8] if version is MCHIP else iad)
    assert cryptogram.cryptogram_input(version, VALUES, iad) == expected


@versions
@pytest.mark.parametrize("tag", list(VALUES), ids=lambda tag: f"{tag:X}")
def test_input_needs_each_value_at_its_length(version: CryptogramVersion, tag: int) -> None:
    """Without this, digits moved from 9F02 to 9F03 would leave the cryptogram as it is."""
    iad = issuer_data(version)
    without = {key: value for key, value in VALUES.items() if key != tag}
    with pytest.raises(DecodeError, match="missing"):
        cryptogram.cryptogram_input(version, without, iad)
    for value in (VALUES[tag] + b"\0", VALUES[tag][:-1]):
        with pytest.raises(DecodeError, match="bytes expected"):
            cryptogram.cryptogram_input(version, {**VALUES, tag: value}, iad)


@versions
def test_input_needs_the_layout(version: CryptogramVersion) -> None:
    for iad in (b"", bytes(18)[:17], bytes(32)):
        with pytest.raises(DecodeError, match="Issuer Application Data"):
            cryptogram.cryptogram_input(version, VALUES, iad)


def test_what_does_not_fit_is_refused() -> None:
    key = bytes(16)
    with pytest.raises(ConfigurationError, match="3des only"):
        cryptogram.arpc_1("aes", key, bytes(8), b"00")
    for arqc, arc, field in ((bytes(7), b"00", "ARQC"), (bytes(8), b"000", "ARC")):
        with pytest.raises(EncodeError, match=field):
            cryptogram.arpc_1("3des", key, arqc, arc)
    with pytest.raises(EncodeError, match="CSU"):
        cryptogram.arpc_2("3des", key, bytes(8), bytes(3))
    with pytest.raises(EncodeError, match="proprietary"):
        cryptogram.arpc_2("3des", key, bytes(8), bytes(4), bytes(9))
