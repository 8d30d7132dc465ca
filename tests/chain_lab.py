"""The whole chain on a temporary folder, for flows: real roles and wires, a date of our choice."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from zheton.adapters.clock import SystemClock
from zheton.adapters.datafiles import load_schemes
from zheton.adapters.keys.certification import with_certification
from zheton.adapters.keys.file import file_custody, plain_ring
from zheton.adapters.secret_file import write_private
from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.database import Database
from zheton.adapters.tcp.framing import HEADER_BYTES, framed
from zheton.apps.lab.debit import Told
from zheton.apps.lab.front import Front
from zheton.apps.lab.lab import Lab
from zheton.apps.lab.people import Holding, People, Resident
from zheton.apps.parties import HOST
from zheton.apps.wiring import Installation
from zheton.core.decline import Decline
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, decode, encode
from zheton.core.money import money
from zheton.roles.acquirer.sell import sell
from zheton.roles.acquirer.state import Acquirer, ChipEntry, Sale
from zheton.roles.issuer.ledger import LedgerAccount
from zheton.roles.network.guard import Heard
from zheton.roles.network.state import Answer
from zheton.roles.terminal.outcome import OnlineRequest

LAUNCHED = datetime(2019, 9, 2, 9, 0, tzinfo=UTC)
LIMIT_S = 60.0  # no flow takes nearly as long unless something is wrong
ANNA, LI, PRIYA = (Resident("anna", "RU"), Resident("li", "CN"), Resident("priya", "IN"))


@cache
def vault_keys() -> str:
    """A key file that is made once: its RSA keys take time."""
    bins = {each: s.cryptogram.cipher for s in load_schemes() for each in s.token_bins}
    day = "2019-08-01"
    ring = plain_ring(bins, day)
    certified = with_certification(ring, file_custody(ring.custody, str), day)
    return json.dumps(certified.to_json())


@dataclass
class StandingClock(SystemClock):
    """A clock whose date moves only when told to; durations stay real."""

    moment: datetime = LAUNCHED

    def now(self) -> datetime:
        """The moment that was set."""
        return self.moment

    def advance(self, step: timedelta) -> None:
        """Move on by `step`."""
        self.moment += step


@dataclass
class Chain:
    """A running lab, its people, and tills that speak for themselves to the network."""

    lab: Lab
    people: People
    clock: StandingClock
    front: Front
    declines: list[Decline] = field(default_factory=list)
    _tills: AcquirerDatabase = field(
        default_factory=lambda: AcquirerDatabase(Database("sqlite://"))
    )

    async def settle(self, resident: Resident) -> Holding:
        """A resident with an active card and, where policy lets it, a filled band."""
        await asyncio.to_thread(self.people.settle_in, [resident])
        return next(h for h in await self.people.holdings() if h.phone.name == resident.name)

    async def debit(self, holding: Holding, till: str, amount: str) -> Told:
        """A debit as the console does it."""
        merchant = self.lab.merchants.till(till).merchant.id
        wish = await self.front.wish(holding.card["id"], merchant, amount)
        return await self.front.debit(wish, lambda _event: None)

    async def tapped(self, holding: Holding, till: str = "moscow", amount: str = "350") -> Message:
        """The 0100 of a tap at a till, sent to nobody yet."""
        await asyncio.to_thread(holding.phone.arm, holding.card)
        place = self.lab.merchants.till(till)
        charged = money(amount, place.merchant.currency.code)
        outcome = self.lab.counter.present(holding.phone.band.element, place, charged)
        assert isinstance(outcome, OnlineRequest), outcome
        sale = outcome.sale
        entry = ChipEntry(sale.number, sale.expiry, sale.psn, sale.track2, sale.chip)
        local = self.clock.now().replace(tzinfo=None)
        sold = Sale(place, charged, entry, local)
        # An acquirer beside the lab's own: the same references of the same one would be repeats.
        return sell([sold], Acquirer("400002"), self._tills, self.clock.now())[0]

    async def wire(self, message: Message) -> bytes:
        """What the network answers to a message on a connection of its own, byte for byte."""
        reader, writer = await asyncio.open_connection(HOST, self.lab.network.server.port)
        try:
            writer.write(framed(encode(DIALECT, message)))
            header = await reader.readexactly(HEADER_BYTES)
            return await reader.readexactly(int.from_bytes(header, "big"))
        finally:
            writer.close()

    async def ask(self, message: Message) -> str:
        """DE39 of the network's answer."""
        return decode(DIALECT, await self.wire(message)).text(39)

    def ledger(self) -> dict[LedgerAccount, int]:
        """The issuer's books: every account that is not empty, added up from its postings."""
        with self.lab.installation.issuer.transaction() as transaction:
            return {a: minor for a, minor in transaction.trial_balance().items() if minor}

    def burnt(self) -> int:
        """How many numbers of all batches are burnt, as the vault's database has it."""
        return sum(row["burnt"].bit_count() for row in self.vault("SELECT burnt FROM batch"))

    def vault(self, query: str) -> list[dict[str, Any]]:
        """Rows of the vault's database, read past the product. `burnt` comes as unsigned."""
        connection = sqlite3.connect(self.lab.installation.data / "vault.db")
        connection.row_factory = sqlite3.Row
        with closing(connection):
            rows = [dict(row) for row in connection.execute(query)]
        for row in rows:
            if "burnt" in row:
                row["burnt"] &= 2**64 - 1
        return rows


@asynccontextmanager
async def chain(
    folder: Path, *, moment: datetime | None = LAUNCHED, policy: Path | None = None
) -> AsyncIterator[Chain]:
    """A running chain; with `moment` None it lives in the present."""
    _give_keys(folder)
    clock = StandingClock(moment or SystemClock().now())
    lab = Lab(Installation(folder, policy, clock if moment else SystemClock()))
    await lab.start()
    try:
        people = await lab.add(People(lab))
        made = Chain(lab, people, clock, Front(lab, people))
        _keep_declines(made)
        yield made
    finally:
        await lab.close()


def _give_keys(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "vault.keys").exists():
        write_private(folder / "vault.keys", vault_keys())


def flow(folder: Path, test: Callable[[Chain], Awaitable[None]], **options: Any) -> None:
    """Run a flow over a chain of its own, within a bound."""

    async def bounded() -> None:
        async with asyncio.timeout(LIMIT_S), chain(folder, **options) as made:
            await test(made)

    asyncio.run(bounded())


def _keep_declines(made: Chain) -> None:
    """Why the network declined: its acquirers hear a code, we want the reason as well."""
    network = made.lab.network
    authorising = network._authorising

    async def listening(heard: Heard) -> Any:
        step = await authorising(heard)
        if isinstance(step, Answer) and step.decline is not None:
            made.declines.append(step.decline)
        return step

    network._authorising = listening  # type: ignore[assignment]
