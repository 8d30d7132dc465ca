"""What is refused for ever, or fails, stops nothing behind it, and is asked again."""

import asyncio
from collections import Counter

import pytest

from zheton.apps.nodes import rounds
from zheton.apps.nodes.rounds import Round
from zheton.core.errors import UnreachableError

REFUSED, FAILING = {0, 1, 3}, {2, 4}


class Issuer:
    """Hears of numbered lines; some it refuses, and some never reach it."""

    def __init__(self, lines: int) -> None:
        self.due, self.asked = list(range(lines)), Counter[int]()
        self.round = Round("lines", self.read, self.tell)

    async def read(self, count: int, skip: int) -> list[int]:
        return self.due[skip : skip + count]

    async def tell(self, line: int) -> bool:
        self.asked[line] += 1
        if line in FAILING:
            raise UnreachableError("away")
        if line not in REFUSED:
            self.due.remove(line)
        return line not in REFUSED

    def pages(self, count: int) -> int:
        """Tell so many pages; how many of them were not confirmed."""
        unconfirmed = 0
        for _ in range(count):
            try:
                asyncio.run(self.round.page())
            except UnreachableError as error:
                assert "lines are not confirmed (UnreachableError)" in str(error)
                unconfirmed += 1
        return unconfirmed


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PAGE", 3)


def test_a_page_full_of_what_is_refused_stops_nothing_behind_it() -> None:
    issuer = Issuer(20)
    assert issuer.pages(30) > 0
    assert set(issuer.due) == REFUSED | FAILING
    settled = [count for line, count in issuer.asked.items() if line not in REFUSED | FAILING]
    assert set(settled) == {1}


def test_what_is_left_is_asked_again_and_again() -> None:
    issuer = Issuer(20)
    issuer.pages(30)
    before = issuer.asked.copy()
    issuer.pages(4)
    assert all(issuer.asked[line] > before[line] for line in REFUSED | FAILING)


def test_where_nothing_is_due_nothing_is_told() -> None:
    issuer = Issuer(0)
    assert issuer.pages(2) == 0
    assert not issuer.asked
