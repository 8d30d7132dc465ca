"""Keys, blinded signatures and what is refused, against Python's own arithmetic."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.core.crypto import rsa
from zheton.core.crypto.rsa import PrivateKey, PublicKey
from zheton.core.errors import DecodeError, EncodeError, VerificationError

KEY = rsa.generate(1024)
SIZE = KEY.public.size


@pytest.mark.parametrize("bits", [1152, 1536, 1984])
@pytest.mark.parametrize("exponent", [3, 65537])
def test_a_key_is_of_the_size_that_was_asked_for(bits: int, exponent: int) -> None:
    key = rsa.generate(bits, exponent)
    assert key.public.modulus.bit_length() == bits
    assert key.public.modulus == key.p * key.q
    assert int.from_bytes(key.public.exponent_bytes) == exponent
    assert len(key.public.modulus_bytes) == bits // 8


@pytest.mark.parametrize("bits", [1016, 1025, 1992])
def test_other_sizes_are_refused(bits: int) -> None:
    with pytest.raises(EncodeError, match="1024 to 1984"):
        rsa.generate(bits)


@settings(max_examples=20)
@given(st.binary(min_size=SIZE - 1, max_size=SIZE - 1), st.integers(2, 2**1000))
def test_a_signature_is_the_blocks_power_whatever_blinds_it(block: bytes, blinding: int) -> None:
    block = b"\0" + block
    signature = KEY.sign(block, blinding.to_bytes(SIZE))
    d = pow(3, -1, (KEY.p - 1) * (KEY.q - 1))
    assert int.from_bytes(signature) == pow(int.from_bytes(block), d, KEY.public.modulus)
    assert KEY.public.recover(signature) == block


def test_what_does_not_fit_is_refused() -> None:
    one = (1).to_bytes(SIZE)
    for block, blinding in (
        (bytes(SIZE - 1), one),
        (bytes(SIZE), one[1:]),
        (b"\xff" * SIZE, one),
        (bytes(SIZE), bytes(SIZE)),
        (bytes(SIZE), KEY.p.to_bytes(SIZE)),
    ):
        with pytest.raises(EncodeError):
            KEY.sign(block, blinding)
    for signature in (bytes(SIZE - 1), bytes(SIZE + 1), b"\xff" * SIZE, b""):
        with pytest.raises(VerificationError):
            KEY.public.recover(signature)


def test_a_fault_in_one_half_gives_nothing_out() -> None:
    """A key with a wrong prime signs wrongly, as a chip does whose arithmetic is disturbed."""
    faulty = PrivateKey(KEY.public, KEY.p, KEY.q + 6)  # still without the factor 3 in q - 1
    with pytest.raises(VerificationError):
        faulty.sign(b"\0" * (SIZE - 1) + b"\2", (3).to_bytes(SIZE))


@pytest.mark.parametrize("bits", [504, 1992, 1023])
def test_a_modulus_that_emv_does_not_know_is_no_key(bits: int) -> None:
    with pytest.raises(EncodeError):
        PublicKey(1 << bits - 1)


@pytest.mark.parametrize("exponent", [0, 1, 2, 5, 17])
def test_an_exponent_that_emv_does_not_know_is_no_key(exponent: int) -> None:
    with pytest.raises(EncodeError):
        PublicKey(KEY.public.modulus, exponent)


@pytest.mark.parametrize("exponent", [3, 65537])
def test_a_key_is_kept_and_found_again(exponent: int) -> None:
    key = rsa.generate(1152, exponent)
    assert PrivateKey.decode(key.encode()) == key
    for cut in (b"", key.encode()[:1], key.encode()[:-1]):
        with pytest.raises(DecodeError):
            PrivateKey.decode(cut)


def test_a_private_key_does_not_show_itself() -> None:
    assert str(KEY.p) not in repr(KEY)
    assert str(KEY.q) not in repr(KEY)
