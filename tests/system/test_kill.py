"""`kill -9` of network, issuer or acquirer under load: afterwards all journals tell one story.

Each is a process, the tills are this one. ZHETON_KILLS says how often (`make soak`: 100).
"""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import httpx
import pytest

from tests.journals import Journals, under_way, unsettled
from tests.killable_roles import CROWD, IN_FLIGHT_MIN, POINTS, KillableRole, begin
from tests.role_processes import Street, patience
from zheton.adapters.merchants_file import load_merchants
from zheton.apps.bench.cards import cards_for, issue
from zheton.apps.bench.chain import prepare
from zheton.apps.parties import Role
from zheton.apps.wiring import Installation
from zheton.roles.acquirer.state import ChipEntry, Sale

pytestmark = pytest.mark.system
KILLS = int(os.environ.get("ZHETON_KILLS", "10"))
TILLS = 140
SALES_A_KILL = 450
SALES_WITHOUT_ISSUER = 60
MOMENT_MAX_S = 0.3
HOSTS = (Role.ISSUER, Role.NETWORK, Role.ACQUIRER)
# Whom a kill hits, and where; "" is a random moment.
PLAN = [
    *((Role.NETWORK, point) for point in POINTS),
    (Role.ISSUER, ""),
    (Role.ACQUIRER, ""),
    (Role.NETWORK, ""),
    (Role.ISSUER, ""),
    (Role.ACQUIRER, ""),
    (Role.NETWORK, ""),
]


@dataclass
class Tills:
    """Tills that sell one after the other, all at once, until they are told to stop."""

    url: str
    approved: set[str] = field(default_factory=set)
    asking: int = 0
    closed: bool = False

    async def sell(self, sales: Iterator[Sale]) -> None:
        """Sell until there is nothing left or the shop closes."""
        self.closed = False
        limits = httpx.Limits(max_connections=TILLS)
        async with httpx.AsyncClient(base_url=self.url, timeout=60, limits=limits) as client:
            await asyncio.gather(*(self._till(client, sales) for _ in range(TILLS)))

    async def _till(self, client: httpx.AsyncClient, sales: Iterator[Sale]) -> None:
        for sale in sales:
            self.asking += 1
            try:
                response = await client.post("/v1/sales", json=body(sale))
            except httpx.TransportError:
                return  # the acquirer was killed: nobody knows what became of it
            finally:
                self.asking -= 1
            answer = response.json()
            if answer.get("approved"):
                self.approved.add(answer["rrn"])
            if self.closed:
                return


def body(sale: Sale) -> dict[str, object]:
    """A sale as a till posts it."""
    assert isinstance(sale.entry, ChipEntry)
    entry = sale.entry
    return {
        "channel": "till",
        "terminal": sale.till.terminal,
        "amount_minor": sale.amount.minor,
        "currency": sale.amount.currency.code,
        "number": entry.number,
        "expiry": entry.expiry,
        "psn": entry.psn,
        "track2": entry.track2,
        "chip": entry.chip.hex(),
    }


def test_whoever_is_killed_under_load_nothing_is_lost_or_paid_twice(tmp_path: Path) -> None:
    on = Installation(tmp_path)
    count = KILLS * SALES_A_KILL
    sales = iter(prepare(on, list(issue(on, cards_for(count))), load_merchants(), count))
    town = Street(tmp_path)
    running = {role: begin(town, role) for role in HOSTS}
    try:
        tills = Tills(town.url(Role.ACQUIRER))
        for each in running.values():
            each.await_port()
        for number in range(KILLS):
            role, point = PLAN[number % len(PLAN)]
            before = Journals.read(tmp_path).cut_short()
            victim, some = running[role], islice(sales, SALES_A_KILL)
            asyncio.run(one_kill(town, tills, some, victim, point, running))
            await_end(tmp_path, f"kill {number} ({role} {point or 'at random'})")
            journals = Journals.read(tmp_path)
            journals.check(tills.approved)
            assert journals.cut_short() - before >= IN_FLIGHT_MIN, "too few were in flight"
    finally:
        for each in running.values():
            each.end()
    assert len(tills.approved) > KILLS


def test_a_network_killed_after_it_stood_in_still_advises_the_issuer(tmp_path: Path) -> None:
    on = Installation(tmp_path)
    cards = list(issue(on, cards_for(SALES_WITHOUT_ISSUER)))
    sales = iter(prepare(on, cards, load_merchants(), SALES_WITHOUT_ISSUER))
    town = Street(tmp_path)
    running = {role: begin(town, role) for role in HOSTS}
    try:
        tills = Tills(town.url(Role.ACQUIRER))
        for each in running.values():
            each.await_port()
        running[Role.ISSUER].end()
        asyncio.run(tills.sell(sales))
        assert tills.approved, "nobody stood in"
        assert unsettled(tmp_path) >= len(tills.approved), "an issuer that is dead was advised"
        running[Role.NETWORK].end()
        for role in (Role.ISSUER, Role.NETWORK):
            running[role] = begin(town, role)
        await_end(tmp_path, "the network's end")
        journals = Journals.read(tmp_path)
        journals.check(tills.approved)
        assert {hold["status"] for hold in journals.holds.values()} == {"held"}
        assert len(journals.holds) == len(tills.approved)
    finally:
        for each in running.values():
            each.end()


async def one_kill(
    town: Street,
    tills: Tills,
    sales: Iterator[Sale],
    victim: KillableRole,
    point: str,
    running: dict[Role, KillableRole],
) -> None:
    """Sell, kill a role while many debits are in flight, start it again, end the sales."""
    selling = asyncio.create_task(tills.sell(sales))
    before = len(tills.approved)
    # Not before some were approved: then every stage of a debit has somebody in it.
    while len(tills.approved) == before:
        assert not selling.done(), "the tills sold nothing"
        await asyncio.sleep(0.001)
    if point:
        victim.orders.send(point)
    else:
        await asyncio.sleep(random.uniform(0, MOMENT_MAX_S))
        while under_way(town.data) < CROWD:
            assert not selling.done(), "there were never enough in flight"
            await asyncio.sleep(0.001)
        victim.process.kill()
    while victim.process.exitcode is None:
        assert not selling.done(), "nobody was killed"
        await asyncio.sleep(0.001)
    tills.closed = True
    assert victim.end() == -signal.SIGKILL
    again = running[victim.role] = begin(town, victim.role)
    await asyncio.gather(selling, asyncio.to_thread(again.await_port))


def await_end(data: Path, after: str) -> None:
    """Until every debit has its end at every party."""
    for _ in patience():
        if not unsettled(data):
            return
    pytest.fail(f"{unsettled(data)} debits have no end after {after}")
