"""FF1 as a permutation: reversible, one to one, shared by threads, within its domain."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.crypto.ff1 import DOMAIN_MIN, Ff1
from zheton.core.errors import EncodeError

KEY = bytes(range(16))
TOKENS = Ff1(KEY, b"520473", 9)


def by_the_book(ff1_key: bytes, tweak: bytes, digits: str) -> str:
    """SP 800-38G, algorithm 7, step by step and decimal only: an oracle that shares no code."""
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

    def prf(data: bytes) -> bytes:
        encryptor = Cipher(AES(ff1_key), modes.CBC(bytes(16))).encryptor()
        return encryptor.update(data)[-16:]

    n, t = len(digits), len(tweak)
    u = n // 2
    v = n - u
    a, b = digits[:u], digits[u:]
    size = -(-(10**v - 1).bit_length() // 8)
    d = 4 * -(-size // 4) + 4
    p = b"\x01\x02\x01\x00\x00\x0a\x0a" + bytes((u % 256,)) + n.to_bytes(4) + t.to_bytes(4)
    for i in range(10):
        q = tweak + bytes((-t - size - 1) % 16) + bytes((i,)) + int(b).to_bytes(size)
        m = u if i % 2 == 0 else v
        c = (int(a) + int.from_bytes(prf(p + q)[:d])) % 10**m
        a, b = b, str(c).zfill(m)
    return a + b


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(max_size=40),
    st.integers(6, 40).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n)),
)
def test_same_as_by_the_book(key: bytes, tweak: bytes, digits: str) -> None:
    ff1 = Ff1(key, tweak, len(digits))
    assert ff1.encrypt(digits) == by_the_book(key, tweak, digits)
    assert ff1.decrypt(ff1.encrypt(digits)) == digits


@given(st.integers(0, 10**9 - 1))
def test_index_and_digits_are_the_same(index: int) -> None:
    number = TOKENS.encrypt_index(index)
    assert 0 <= number < TOKENS.size
    assert TOKENS.decrypt_index(number) == index
    assert TOKENS.encrypt(f"{index:09d}") == f"{number:09d}"


@given(st.integers(2, 36), st.integers(4, 12), st.data())
def test_round_trip_in_every_radix(radix: int, length: int, data: st.DataObject) -> None:
    if radix**length < DOMAIN_MIN:
        return
    ff1 = Ff1(KEY, b"", length, radix)
    index = data.draw(st.integers(0, ff1.size - 1))
    assert ff1.decrypt_index(ff1.encrypt_index(index)) == index


def test_no_number_comes_twice() -> None:
    numbers = {TOKENS.encrypt_index(index) for index in range(20_000)}
    assert len(numbers) == 20_000


def test_key_and_tweak_matter() -> None:
    images = {
        Ff1(key, tweak, 9).encrypt_index(1)
        for key in (KEY, bytes(16), bytes(32))
        for tweak in (b"520473", b"520474", b"")
    }
    assert len(images) == 9


def test_threads_share_an_instance() -> None:
    ff1 = Ff1(KEY, b"520473", 9)
    expected = [ff1.encrypt_index(index) for index in range(3_000)]
    with ThreadPoolExecutor(8) as pool:
        runs = pool.map(lambda _: [ff1.encrypt_index(i) for i in range(3_000)], range(8))
        assert all(run == expected for run in runs)


def test_what_does_not_fit_is_refused() -> None:
    for length, radix in ((5, 10), (19, 2), (58, 10), (9, 1), (9, 37), (200, 10)):
        with pytest.raises(EncodeError):
            Ff1(KEY, b"", length, radix)
    with pytest.raises(EncodeError, match="tweak"):
        Ff1(KEY, bytes(65), 9)
    with pytest.raises(EncodeError, match="AES key"):
        Ff1(bytes(8), b"", 9)
    for index in (-1, 10**9):
        with pytest.raises(EncodeError, match="outside the domain"):
            TOKENS.encrypt_index(index)
        with pytest.raises(EncodeError, match="outside the domain"):
            TOKENS.decrypt_index(index)


@pytest.mark.parametrize(
    "digits", ["", "12345678", "1234567890", "12345678a", "+12345678", "1_2345678"]
)
def test_strings_that_are_no_numbers_are_refused_unseen(digits: str) -> None:
    with pytest.raises(EncodeError) as refused:
        TOKENS.encrypt(digits)
    assert not digits or digits not in str(refused.value)


def test_the_key_does_not_show() -> None:
    assert repr(TOKENS) == "Ff1(length=9, radix=10)"
