"""FF1 over arrays against FF1 over single numbers, which NIST's samples hold to the standard."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.crypto import ff1_many
from zheton.core.crypto.ff1 import Ff1
from zheton.core.crypto.ff1_many import Ff1Many
from zheton.core.errors import EncodeError

KEY = bytes(range(32))
FILE = Path(__file__).parents[4] / "vectors" / "ff1.json"
DECIMAL = [s for s in json.loads(FILE.read_text())["vectors"] if s["radix"] == 10]
KEYS = st.sampled_from([16, 24, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n))


@pytest.mark.parametrize("sample", DECIMAL, ids=lambda sample: f"sample {sample['sample']}")
def test_nist_decimal_sample(sample: dict[str, str]) -> None:
    plain, cipher = int(sample["plaintext"]), int(sample["ciphertext"])
    key, tweak = bytes.fromhex(sample["key"]), bytes.fromhex(sample["tweak"])
    ff1 = Ff1Many(key, tweak, len(sample["plaintext"]))
    assert ff1.encrypt_indexes([plain, plain]).tolist() == [cipher, cipher]
    assert ff1.decrypt_indexes([cipher]).tolist() == [plain]


def test_every_decimal_sample_of_nist_fits() -> None:
    assert [sample["sample"] for sample in DECIMAL] == [1, 2, 4, 5, 7, 8]


@given(KEYS, st.binary(max_size=40), st.integers(6, 18), st.data())
def test_the_same_as_one_by_one(key: bytes, tweak: bytes, length: int, data: st.DataObject) -> None:
    one, many = Ff1(key, tweak, length), Ff1Many(key, tweak, length)
    ends = [0, one.size - 1]
    indexes = ends + data.draw(st.lists(st.integers(0, one.size - 1), max_size=20))
    numbers = many.encrypt_indexes(indexes)
    assert numbers.tolist() == [one.encrypt_index(index) for index in indexes]
    assert many.decrypt_indexes(indexes).tolist() == [one.decrypt_index(n) for n in indexes]
    assert many.decrypt_indexes(numbers).tolist() == indexes


@pytest.mark.parametrize(("radix", "length"), [(2, 64), (2, 20), (36, 12), (16, 16), (3, 40)])
def test_other_radixes_up_to_64_bits(radix: int, length: int) -> None:
    one, many = Ff1(KEY, b"t", length, radix), Ff1Many(KEY, b"t", length, radix)
    indexes = [0, 1, one.size // 3, one.size - 1]
    numbers = many.encrypt_indexes(np.array(indexes, dtype=np.uint64))
    assert numbers.tolist() == [one.encrypt_index(index) for index in indexes]
    assert many.decrypt_indexes(numbers).tolist() == indexes


@pytest.mark.parametrize("length", [7, 9])
def test_a_range_is_its_indexes_over_every_cut_into_parts(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ff1_many, "_ROWS", 10)
    ff1 = Ff1Many(KEY, b"520473", length)
    for count in (0, 1, 9, 10, 11, 35):
        first = ff1.size - count
        numbers = ff1.encrypt_range(first, count)
        assert numbers.tolist() == [ff1.encrypt_index(first + i) for i in range(count)]
        assert ff1.decrypt_indexes(numbers).tolist() == list(range(first, first + count))


def test_what_comes_in_stays_as_it_was() -> None:
    indexes = np.arange(5, dtype=np.uint64)
    Ff1Many(KEY, b"", 9).encrypt_indexes(indexes)
    assert indexes.tolist() == [0, 1, 2, 3, 4]


def test_no_number_comes_twice_in_a_whole_domain() -> None:
    numbers = Ff1Many(KEY, b"", 6).encrypt_range(0, 10**6)
    assert np.bincount(numbers.astype(np.int64), minlength=10**6).tolist() == [1] * 10**6


def test_threads_share_one_permutation() -> None:
    ff1 = Ff1Many(KEY, b"520473", 9)
    expected = ff1.encrypt_range(0, 40_000)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: ff1.encrypt_range(0, 40_000), range(8)))
    assert all(np.array_equal(run, expected) for run in runs)


def test_what_does_not_fit_is_refused() -> None:
    for length, radix in ((5, 10), (19, 10), (65, 2), (13, 36)):
        with pytest.raises(EncodeError, match="FF1 domain"):
            Ff1Many(KEY, b"", length, radix)
    ff1 = Ff1Many(KEY, b"", 9)
    for numbers in ([-1], [0, 10**9], [2**64 - 1], [2**70], [1.0], ["1"], [[1]]):
        for call in (ff1.encrypt_indexes, ff1.decrypt_indexes):
            with pytest.raises(EncodeError, match="FF1 number"):
                call(numbers)
    for first, count in ((-1, 1), (0, -1), (10**9 - 1, 2), (10**9, 1), (0, 10**9 + 1)):
        with pytest.raises(EncodeError, match="FF1 number"):
            ff1.encrypt_range(first, count)


def test_nothing_in_is_nothing_out() -> None:
    assert Ff1Many(KEY, b"", 9).encrypt_indexes([]).tolist() == []
