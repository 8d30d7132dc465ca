"""Rows of batches are locked before all others, or two processes could wait for each other."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event

from tests.unit.roles.network.follow_ups import CPL, INC, PART, Shop, debited, follow_up
from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, reversal
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, abandon, complete
from zheton.roles.network.follow_up.take import take_follow_ups
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Forward

_CHANGES = re.compile(r"\s*UPDATE (\w+)")


@pytest.fixture
def locked(bench: VaultBench) -> Iterator[list[list[str]]]:
    """The tables that each transaction changes rows of, in its order."""
    found: list[list[str]] = []

    def began(_connection: object) -> None:
        found.append([])

    def executes(_c: object, _cursor: object, statement: str, *_: object) -> None:
        changed = _CHANGES.match(statement)
        if changed:
            found[-1].append(changed[1])

    engine = bench.database.engine
    event.listen(engine, "begin", began)
    event.listen(engine, "before_cursor_execute", executes)
    yield found
    event.remove(engine, "begin", began)
    event.remove(engine, "before_cursor_execute", executes)


def test_whatever_happens_to_a_debit_locks_its_batch_first(
    bench: VaultBench, locked: list[list[str]]
) -> None:
    one, other = bench.leased(), bench.leased(serial=2)
    requests = [bench.at_till(batch, place) for place in range(3) for batch in (one, other)]
    steps = authorise(bench.switch, requests, NOW)
    forwards = [step for step in steps if isinstance(step, Forward)]
    assert len(forwards) == len(requests)
    complete(bench.switch, [Answered(s, approval(s.message)) for s in forwards[:2]], NOW)
    complete(bench.switch, [Answered(s, None) for s in forwards[2:4]], NOW)
    for request in (requests[0], requests[5]):
        assert reverse(bench.switch, reversal(request), NOW).text(39) == "00"
    assert abandon(bench.switch, 9, NOW + timedelta(minutes=1)) == 1
    holds = [debited(bench, batch, 9, kind="hold") for batch in (other, one)]
    more = [follow_up(hold, kind, 10_000) for hold, kind in zip(holds, (INC, CPL), strict=True)]
    take_follow_ups(bench.switch, more, NOW)
    lowered = follow_up(debited(bench, one, 10, kind="hold"), PART, 10_000, left=1)
    assert Shop(bench).ask(lowered) == "00"
    both = [tables for tables in locked if {"batch", "debit"} <= set(tables)]
    assert len(both) >= 8
    for tables in both:
        assert tables[0] == "batch" and tables.count("batch") == 1, tables
