"""Two network processes on one PostgreSQL: one number, one debit, whichever of them is asked.

The acquirer is this test, with a journal of its own and a link to each of the two.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.engine import URL

from tests.journals import Journals, under_way
from tests.killable_roles import KillableRole, begin
from tests.role_processes import Street, free_ports, patience
from zheton.adapters.merchants_file import load_merchants
from zheton.adapters.storage.place import drop
from zheton.adapters.tcp.link import IsoLink
from zheton.apps.bench.cards import cards_for, issue
from zheton.apps.bench.chain import PARTIES, prepare
from zheton.apps.parties import HOST, Role
from zheton.apps.wiring import Installation
from zheton.core.errors import UnreachableError
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, encode
from zheton.roles.acquirer.reverse import cancel, reversals_answered, reversals_due
from zheton.roles.acquirer.sell import complete, sell
from zheton.roles.acquirer.state import Sale, Status

pytestmark = pytest.mark.system
RIVALS, REPEATS, REVERSALS, LOAD = 8, 32, 6, 90  # few rivals, or their till is throttled
CROWD = 40  # of the killed one's debits and the other's
ANSWER_TIMEOUT_S = 20.0


@pytest.fixture
def place(postgresql_server: URL, tmp_path: Path) -> Iterator[Installation]:
    """An installation on schemas of its own."""
    schema = {"schema": f"zheton_test_{uuid4().hex[:12]}"}
    url = postgresql_server.update_query_dict(schema).render_as_string(hide_password=False)
    on = Installation(tmp_path, database=url)
    yield on
    on.close()
    for party in PARTIES:
        drop(on.place(party))


@dataclass
class Acquirer:
    """The acquirer's side: its journal, and a link to each network."""

    on: Installation
    links: Sequence[IsoLink]
    approved: set[str] = field(default_factory=set)

    def requests(self, *sales: Sale) -> list[Message]:
        """The 0100 of sales, journalled."""
        return sell(sales, load_merchants().acquirer, self.on.acquirer, self.on.clock.now())

    async def ask(self, link: int, request: Message) -> Message | None:
        """The answer to a message; None where that network died."""
        try:
            return await self.links[link].request(request, ANSWER_TIMEOUT_S)
        except UnreachableError:
            return None

    async def sold(self, link: int, request: Message) -> Message | None:
        """The answer to a 0100, journalled."""
        answer = await self.ask(link, request)
        (record,) = complete([(request.text(37), answer)], self.on.acquirer)
        if record.status is Status.APPROVED:
            self.approved.add(record.rrn)
        return answer

    async def reverse(self, link: int) -> None:
        """Have everything reversed that is due, at one of the networks."""
        due = reversals_due(self.on.acquirer, self.on.clock.now())
        answers = await asyncio.gather(*(self.ask(link, message) for message in due))
        reversals_answered([answer for answer in answers if answer], self.on.acquirer)


def test_two_networks_share_a_vault_and_one_outlives_the_other(place: Installation) -> None:
    merchants = load_merchants()
    count = RIVALS + REPEATS + REVERSALS + LOAD
    sales = iter(prepare(place, list(issue(place, cards_for(count))), merchants, count))
    town = Street(place.data, database=place.database)
    (second,) = free_ports(1)
    running = [
        begin(town, Role.ISSUER),
        begin(town, Role.NETWORK),
        begin(town, Role.NETWORK, 1, second),
    ]
    try:
        for each in running:
            each.await_port()
        asyncio.run(all_of_it(place, sales, running[1:]))
        for each in running:
            assert each.process.exitcode is None or each is running[2]
    finally:
        for each in running:
            each.end()


async def all_of_it(
    on: Installation, sales: Iterator[Sale], networks: Sequence[KillableRole]
) -> None:
    async with AsyncExitStack() as stack:
        links = [IsoLink(HOST, each.port, DIALECT, on.clock.now) for each in networks]
        for link in links:
            await link.start()
            stack.push_async_callback(link.close)
        acquirer = Acquirer(on, links)
        await rivals(acquirer, list(islice(sales, RIVALS)))
        await repeats(acquirer, list(islice(sales, REPEATS)))
        await reversed_elsewhere(acquirer, list(islice(sales, REVERSALS)))
        await outlived(acquirer, list(islice(sales, LOAD)), networks[1])


async def rivals(acquirer: Acquirer, sales: Sequence[Sale]) -> None:
    """The same number in two messages, to both at once: exactly one is paid."""

    async def race(sale: Sale) -> None:
        one, other = acquirer.requests(sale, sale)
        answers = await asyncio.gather(acquirer.sold(0, one), acquirer.sold(1, other))
        codes = sorted(answer.text(39) for answer in answers if answer)
        assert codes == ["00", "63"], codes

    await asyncio.gather(*(race(sale) for sale in sales))


async def repeats(acquirer: Acquirer, sales: Sequence[Sale]) -> None:
    """One message to both at once: it is paid once, and both say the same."""

    async def twice(sale: Sale) -> None:
        (request,) = acquirer.requests(sale)
        answers = await asyncio.gather(acquirer.sold(0, request), acquirer.ask(1, request))
        assert {encode(DIALECT, answer) for answer in answers if answer} == {
            encode(DIALECT, answer) for answer in answers[:1] if answer
        }
        assert [answer.text(39) for answer in answers if answer] == ["00", "00"]

    await asyncio.gather(*(twice(sale) for sale in sales))


async def reversed_elsewhere(acquirer: Acquirer, sales: Sequence[Sale]) -> None:
    """What one has approved the other takes back, and neither pays it again."""
    requests = acquirer.requests(*sales)
    await asyncio.gather(*(acquirer.sold(0, request) for request in requests))
    for request in requests:
        cancel(request.text(37), acquirer.on.acquirer)
        acquirer.approved.remove(request.text(37))
    await acquirer.reverse(1)
    for link in (0, 1):
        again = await asyncio.gather(*(acquirer.ask(link, request) for request in requests))
        assert {answer.text(39) for answer in again if answer} == {"12"}


async def outlived(acquirer: Acquirer, sales: Sequence[Sale], victim: KillableRole) -> None:
    """One dies with debits in flight; the other ends them, and all journals agree."""
    database = acquirer.on.database
    requests = acquirer.requests(*sales)
    selling = asyncio.gather(*(acquirer.sold(n % 2, each) for n, each in enumerate(requests)))
    while await asyncio.to_thread(under_way, database) < CROWD:
        assert not selling.done(), "there were never enough in flight"
    victim.end()
    answers = await selling
    assert all(answer is not None and answer.text(39) == "00" for answer in answers[::2])
    lost = sum(answer is None for answer in answers)
    assert lost, "the killed one had nothing in flight"
    assert await asyncio.to_thread(under_way, database), "nobody was left over"
    await asyncio.to_thread(await_survivor, database)
    await acquirer.reverse(0)
    await asyncio.to_thread(await_issuer, database)
    journals = Journals.read(database)
    journals.check(acquirer.approved)
    assert journals.not_approved() == RIVALS + REVERSALS + lost


def await_survivor(database: str) -> None:
    """Until no debit is without an outcome, although nobody has reversed one."""
    for _ in patience():
        if not under_way(database):
            return
    pytest.fail("nobody gave up what the killed one left")


def await_issuer(database: str) -> None:
    """Until the issuer has heard of every reversal."""
    for _ in patience():
        if not any(line["reversal_due"] for line in Journals.read(database).debits):
            return
    pytest.fail("reversals are still due")
