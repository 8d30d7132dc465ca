"""NIST's samples of FF1."""

import json
from pathlib import Path

import pytest

from zheton.core.crypto.ff1 import Ff1

FILE = Path(__file__).parents[2] / "vectors" / "ff1.json"
SAMPLES = json.loads(FILE.read_text())["vectors"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"sample {sample['sample']}")
def test_nist_sample(sample: dict[str, str | int]) -> None:
    plaintext, ciphertext = str(sample["plaintext"]), str(sample["ciphertext"])
    key, tweak = bytes.fromhex(str(sample["key"])), bytes.fromhex(str(sample["tweak"]))
    ff1 = Ff1(key, tweak, len(plaintext), int(sample["radix"]))
    assert ff1.encrypt(plaintext) == ciphertext
    assert ff1.decrypt(ciphertext) == plaintext


def test_all_nine_are_there() -> None:
    assert sorted(sample["sample"] for sample in SAMPLES) == list(range(1, 10))
