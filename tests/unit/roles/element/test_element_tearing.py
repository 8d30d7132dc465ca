"""Power goes at every write of a personalisation and two taps: before or after, never between."""

import pytest

from tests.unit.roles.element.conftest import Bench, tags_of
from zheton.adapters.element_memory import TransientMemory
from zheton.core.emv import tags

SIZE = 2
WRITES = 6  # session, package, and for each tap: shown, spent


class PowerLossError(Exception):
    """The power is gone."""


class CutMemory(TransientMemory):
    """Loses power at a write, before it or right after it."""

    def __init__(self, image: bytes | None, at: int, late: bool) -> None:
        super().__init__(image)
        self.left, self._late = at, late

    def store(self, image: bytes) -> None:
        self.left -= 1
        if self.left != 0 or self._late:
            super().store(image)
        if self.left == 0:
            raise PowerLossError


def pay(bench: Bench, answered: list[bytes]) -> None:
    """One tap; the counter of an answered cryptogram is noted."""
    bench.arm()
    assert bench.initiate().ok
    answered.append(tags_of(bench.generate(bytes(33)))[tags.ATC])


def whole_life(bench: Bench, answered: list[bytes]) -> None:
    bench.load(size=SIZE)
    for _ in range(SIZE):
        pay(bench, answered)


def test_how_many_writes_there_are() -> None:
    memory = CutMemory(Bench().memory.load(), at=0, late=False)
    whole_life(Bench(memory=memory), [])
    assert -memory.left == WRITES


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, WRITES + 1))
def test_a_cut_loses_no_credential_silently_and_uses_none_twice(at: int, late: bool) -> None:
    bench = Bench(memory=CutMemory(Bench().memory.load(), at, late))
    answered: list[bytes] = []
    with pytest.raises(PowerLossError):
        whole_life(bench, answered)
    bench.restart()
    if not bench.element.status(bench.now).cards:
        assert not answered
        bench.load(size=SIZE)
    card = bench.element.status(bench.now).cards[0]
    spent_unheard = SIZE - len(answered) - card.credentials_left - card.abandoned
    # A cryptogram that was made and not heard is spent; every other credential is accounted for.
    assert spent_unheard in ((0, 1) if late else (0,))
    for _ in range(card.credentials_left):
        pay(bench, answered)
    assert len(set(answered)) == len(answered)
