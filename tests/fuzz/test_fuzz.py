"""The minute of fuzzing that every run gives: the corpus, then damage to it by a seeded stream."""

from collections.abc import Mapping

import pytest

from tests.fuzz.conversations import CONVERSATIONS
from tests.fuzz.corpus import FOLDER, kept
from tests.fuzz.damage import damaged
from tests.fuzz.decoders import DECODERS, Target
from tests.fuzz.seeds import SEEDS

TARGETS: Mapping[str, Target] = {**DECODERS, **CONVERSATIONS}
INPUTS = 16_000
SLOWER = {"kernel": 4_000, "element": 1_000, "ipm": 4_000, "policy": 2_000, "image": 5_000}


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_does_more_than_be_refused(name: str) -> None:
    target = TARGETS[name]
    for data in damaged([*SEEDS[name], *kept(name)], SLOWER.get(name, INPUTS), name):
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"{name} failed on {data.hex()}") from error


def test_every_target_has_its_seeds_and_every_corpus_its_target() -> None:
    assert SEEDS.keys() == TARGETS.keys()
    assert {file.stem for file in FOLDER.glob("*.hex")} <= TARGETS.keys()
