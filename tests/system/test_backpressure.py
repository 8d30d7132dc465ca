"""Over the limit a request is answered 91 at once, and nobody waits for what comes too late."""

import asyncio
from pathlib import Path

import pytest

from zheton.adapters.merchants_file import load_merchants
from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.database import Database
from zheton.adapters.tcp.link import IsoLink
from zheton.adapters.tcp.server import IsoServer, Peer
from zheton.apps.bench.cards import issue
from zheton.apps.bench.chain import prepare
from zheton.apps.nodes.issuer import IssuerNode
from zheton.apps.nodes.network import NetworkNode
from zheton.apps.parties import HOST
from zheton.apps.wiring import Installation
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message
from zheton.roles.acquirer.sell import sell
from zheton.roles.issuer.handle import handle

pytestmark = pytest.mark.system
LIMIT, TIMEOUT_S = 4, 20.0


def requests(on: Installation, count: int) -> list[Message]:
    """As many 0100 as an acquirer sends, all good."""
    merchants = load_merchants()
    sales = prepare(on, list(issue(on, 1)), merchants, count)
    journal = AcquirerDatabase(Database("sqlite://"))
    return sell(sales, merchants.acquirer, journal, on.clock.now())


def test_a_network_whose_issuer_stalls_refuses_what_is_too_much_and_burns_nothing(
    tmp_path: Path,
) -> None:
    on = Installation(tmp_path)
    first, last = (messages := requests(on, LIMIT + 1))[:LIMIT], messages[LIMIT]

    async def scene() -> None:
        reached, goes_on = asyncio.Semaphore(0), asyncio.Event()

        async def stalled(message: Message, _peer: Peer) -> Message | None:
            reached.release()
            await goes_on.wait()
            return handle([message], on.bank, on.issuer, on.outbox, on.clock.now())[0]

        issuer = IsoServer(HOST, 0, DIALECT, stalled)
        await issuer.start()
        to_issuer = IsoLink(HOST, issuer.port, DIALECT, on.clock.now)
        network = NetworkNode(on.switch(), to_issuer, on.clock, requests_max=LIMIT)
        await network.start()
        till = IsoLink(HOST, network.server.port, DIALECT, on.clock.now)
        await till.start()
        waiting = [asyncio.create_task(till.request(each, TIMEOUT_S)) for each in first]
        for _ in first:
            await reached.acquire()
        assert (await till.request(last, TIMEOUT_S)).text(39) == "91"
        assert not any(each.done() for each in waiting)
        goes_on.set()
        assert [(await each).text(39) for each in waiting] == ["00"] * LIMIT
        # It was refused at the door: its number still pays.
        assert (await till.request(last, TIMEOUT_S)).text(39) == "00"
        for part in (till, network, issuer):
            await part.close()

    asyncio.run(scene())


def test_an_issuer_whose_database_stalls_refuses_what_is_too_much(tmp_path: Path) -> None:
    on = Installation(tmp_path)
    messages = requests(on, LIMIT + 2)

    async def scene() -> None:
        issuer = IssuerNode(on.bank, on.issuer, on.outbox, on.clock, queue_max=LIMIT)
        await issuer.start()
        link = IsoLink(HOST, issuer.server.port, DIALECT, on.clock.now)
        await link.start()
        with on.issuer.transaction() as somebody:  # who has the database's only write lock
            somebody.accounts()
            asked = [asyncio.create_task(link.request(each, TIMEOUT_S)) for each in messages]
            # As many as the limit wait, and one more if it is being worked on already.
            done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            assert {each.result().text(39) for each in done} == {"91"}
            assert len(waiting) in (LIMIT, LIMIT + 1)
        for each in waiting:
            assert (await each).text(39) != "91"
        await link.close()
        await issuer.close()

    asyncio.run(scene())
