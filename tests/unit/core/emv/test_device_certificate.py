"""A maker's word about a device: it says what was signed, and nothing else passes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.core.crypto import ed25519, rsa
from zheton.core.emv import combined
from zheton.core.emv.device_certificate import (
    CertifiedDevice,
    certified_device,
    certify_device,
)
from zheton.core.emv.device_proof import CHALLENGE_BYTES, SIGNED_PROOF, prove, verify_proof
from zheton.core.errors import EncodeError, VerificationError

SEED, OTHER_SEED = b"a" * 32, b"b" * 32
MAKER, OTHER = ed25519.public_key(SEED), ed25519.public_key(OTHER_SEED)
KEY = rsa.generate(1152)
SERIAL = bytes(range(10))
DEVICE = CertifiedDevice(SERIAL, KEY.public, "band", "mi-band-4-nfc")
CERTIFICATE = certify_device(SEED, DEVICE)
BLINDING = (11).to_bytes(KEY.public.size)
CHALLENGE = bytes(range(CHALLENGE_BYTES))


def test_a_certificate_says_what_its_maker_signed() -> None:
    assert certified_device([OTHER, MAKER], CERTIFICATE) == DEVICE


def test_another_makers_certificate_is_none() -> None:
    with pytest.raises(VerificationError):
        certified_device([OTHER], CERTIFICATE)
    with pytest.raises(VerificationError):
        certified_device([MAKER], certify_device(OTHER_SEED, DEVICE))
    with pytest.raises(VerificationError):
        certified_device([], CERTIFICATE)


@given(at=st.integers(0, len(CERTIFICATE) - 1), bit=st.integers(0, 7))
@settings(max_examples=200)
def test_no_bit_of_a_certificate_can_be_changed(at: int, bit: int) -> None:
    changed = bytearray(CERTIFICATE)
    changed[at] ^= 1 << bit
    with pytest.raises(VerificationError):
        certified_device([MAKER], bytes(changed))


@given(st.binary(max_size=300))
def test_bytes_that_are_no_certificate_are_refused_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(VerificationError):
        certified_device([MAKER], garbage)


def test_a_device_whose_names_do_not_fit_is_not_certified() -> None:
    with pytest.raises(EncodeError):
        CertifiedDevice(SERIAL[:9], KEY.public, "band", "ring")
    with pytest.raises(EncodeError):
        CertifiedDevice(SERIAL, KEY.public, "", "ring")


def test_a_proof_is_for_one_chip_and_one_challenge() -> None:
    proof = prove(KEY, SERIAL, CHALLENGE, BLINDING)
    verify_proof(KEY.public, SERIAL, CHALLENGE, proof)
    stranger = rsa.generate(1152)
    for key, serial, challenge in (
        (stranger.public, SERIAL, CHALLENGE),
        (KEY.public, bytes(10), CHALLENGE),
        (KEY.public, SERIAL, bytes(CHALLENGE_BYTES)),
    ):
        with pytest.raises(VerificationError):
            verify_proof(key, serial, challenge, proof)
    with pytest.raises(EncodeError):
        prove(KEY, SERIAL, CHALLENGE[:-1], BLINDING)


def test_a_proof_is_no_signature_of_a_debit_and_the_other_way_round() -> None:
    proof = prove(KEY, SERIAL, CHALLENGE, BLINDING)
    with pytest.raises(VerificationError):
        combined.signed(KEY.public, proof, CHALLENGE[:4])
    data = combined.DynamicData(bytes(8), 0x80, bytes(8), bytes(20))
    debit = combined.sign(KEY, data, CHALLENGE[:4], BLINDING)
    with pytest.raises(VerificationError):
        verify_proof(KEY.public, SERIAL, CHALLENGE, debit)
    assert SIGNED_PROOF != combined.SIGNED_DYNAMIC_DATA
