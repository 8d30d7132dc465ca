"""Status words: each constant means something, and those with a count carry it."""

import pytest

from zheton.core.emv import status


def test_every_constant_has_a_meaning() -> None:
    words = [
        value
        for name, value in vars(status).items()
        if isinstance(value, int) and not name.startswith("_")
    ]
    assert sorted(words) == sorted(status.MEANING)
    assert len(set(status.MEANING.values())) == len(words)
    assert all(status.meaning(word) == status.MEANING[word] for word in words)


@pytest.mark.parametrize(
    ("sw", "value", "meaning"),
    [
        (status.bytes_available(16), 0x6110, "16 bytes available"),
        (status.bytes_available(256), 0x6100, "256 bytes available"),
        (status.bytes_available(1000), 0x6100, "256 bytes available"),
        (status.correct_le(29), 0x6C1D, "Le has to be 29"),
        (status.correct_le(256), 0x6C00, "Le has to be 256"),
        (status.tries_left(2), 0x63C2, "2 tries left"),
        (status.tries_left(99), 0x63CF, "15 tries left"),
    ],
)
def test_words_with_a_count(sw: int, value: int, meaning: str) -> None:
    assert sw == value
    assert status.meaning(sw) == meaning


def test_unknown_words_keep_their_number() -> None:
    assert status.meaning(0x6F42) == "status 6F42"
