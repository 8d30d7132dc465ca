"""`bench chain`: whole debits through acquirer, network, token service and issuer, on real wires.

Every number is used once and every cryptogram is distinct and correct; all of it is prepared before
the clock starts. Afterwards the journals of all parties are held against what the tills were told.
"""

import asyncio
import secrets
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from zheton.adapters.merchants_file import Merchants, load_merchants
from zheton.adapters.storage.database import parse
from zheton.adapters.storage.place import drop
from zheton.adapters.tcp.link import IsoLink
from zheton.apps.bench.audit import Sold, audit
from zheton.apps.bench.cards import BenchCard, batches_of, cards_for, credential, fill, issue
from zheton.apps.bench.chip import sale_of
from zheton.apps.bench.report import Check, Report, Setting, median_of, percentile
from zheton.apps.nodes.acquirer import AcquirerNode
from zheton.apps.nodes.issuer import IssuerNode
from zheton.apps.nodes.network import NetworkNode
from zheton.apps.wiring import Installation
from zheton.core.country import country
from zheton.core.emv.issuance import profile_of
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.money import Money
from zheton.core.token.batch import BATCH_SIZE
from zheton.roles.acquirer.state import Sale

PARTIES = ("vault", "issuer", "acquirer")
NETWORK, TILL, HOST = "mastercard", "moscow", "127.0.0.1"
AMOUNT_MINOR_MIN, AMOUNT_MINOR_MAX = 1_00, 500_00
WARM_UP_MAX = 64  # debits that are made, checked and not timed: connections, pages, prepared SQL


@dataclass(frozen=True, slots=True)
class Load:
    """How hard and how long a chain is driven; `seconds` ends a run early.

    There are more cards than that where their numbers would not suffice.
    """

    count: int = 2000
    in_flight: int = 64
    cards: int = 256
    seconds: float = 60.0
    runs: int = 3
    database: str = field(default="", repr=False)


@dataclass
class Ran:
    """What was sold in one run, and what the timed part of it took."""

    sold: list[Sold] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    cpu_s: float = 0.0

    def figures(self) -> dict[str, float | None]:
        """The figures by the names that `--json` prints."""
        count = len(self.latencies_ms)
        return {
            "debits_per_s": count / self.elapsed_s,
            "p50_ms": statistics.median(self.latencies_ms),
            "p99_ms": percentile(self.latencies_ms, 99),
            "cpu_us_per_debit": self.cpu_s / count * 1e6,
        }


def bench_chain(load: Load) -> Report:
    """Run the chain several times, each on fresh databases, and report the medians."""
    runs: list[dict[str, float | None]] = []
    checks: list[Check] = []
    for _ in range(load.runs):
        with _installed(load.database) as on:
            figures, held = _run(on, load)
        runs.append(figures)
        checks += held
    settings: dict[str, Setting] = {
        "runs": load.runs,
        "debits_a_run": load.count,
        "in_flight": load.in_flight,
        "cards": _cards(load),
        "network": NETWORK,
        "store": (
            "postgresql, synchronous_commit=on, one schema a party"
            if load.database
            else "sqlite, WAL, synchronous=FULL, one file a party"
        ),
        "wires": "ISO 8583 over TCP on loopback, without TLS",
        "processes": 1,
        "load_generator": "in the same process; its time counts",
    }
    return Report("chain", median_of(runs), settings, checks)


@contextmanager
def _installed(database: str) -> Iterator[Installation]:
    """A fresh installation; of a PostgreSQL, in schemas of its own, which are dropped again."""
    with TemporaryDirectory(prefix="zheton-bench-") as folder:
        if not database:
            yield Installation(Path(folder))
            return
        schema = {"schema": f"zheton_bench_{secrets.token_hex(4)}"}
        url = parse(database).update_query_dict(schema).render_as_string(hide_password=False)
        on = Installation(Path(folder), database=url)
        try:
            yield on
        finally:
            on.close()
            for party in PARTIES:
                drop(on.place(party))


def _run(on: Installation, load: Load) -> tuple[dict[str, float | None], list[Check]]:
    merchants = load_merchants()
    cards = list(issue(on, _cards(load)))
    sales = prepare(on, cards, merchants, load.count + _warm_up(load))
    ran = asyncio.run(sell_all(on, sales, load))
    return ran.figures(), audit(on, cards, merchants.acquirer.id, ran.sold)


async def sell_all(on: Installation, sales: Sequence[Sale], load: Load) -> Ran:
    """Start every role, sell, and stop again; the first sales are not timed."""
    acquirer_id = load_merchants().acquirer
    issuer = IssuerNode(on.bank, on.issuer, on.outbox, on.clock)
    async with AsyncExitStack() as stack:

        async def up(node: IssuerNode | NetworkNode | AcquirerNode) -> None:
            await node.start()
            stack.push_async_callback(node.close)

        await up(issuer)
        to_issuer = IsoLink(HOST, issuer.server.port, DIALECT, on.clock.now)
        network = NetworkNode(on.switch(), to_issuer, on.clock)
        await up(network)
        to_network = IsoLink(HOST, network.server.port, DIALECT, on.clock.now)
        acquirer = AcquirerNode(acquirer_id, on.acquirer, to_network, on.clock)
        await up(acquirer)
        first = await _drive(acquirer, sales[: _warm_up(load)], load)
        ran = await _drive(acquirer, sales[_warm_up(load) :], load)
    ran.sold += first.sold
    return ran


def prepare(
    on: Installation, cards: Sequence[BenchCard], merchants: Merchants, count: int
) -> list[Sale]:
    """Sales for `count` numbers, drawn uniformly over all batches of the cards."""
    scheme, till = on.schemes.named(NETWORK), merchants.till(TILL)
    unit = till.merchant.currency
    profile = profile_of(
        scheme,
        card_ref=bytes(16),
        par=scheme.par_bin_controller + "Q" * 25,
        priority=1,
        language="ruen",
        issuer_country=country("RU").numeric,
        currency=unit.numeric,
    )
    local_time = on.clock.now().replace(microsecond=0, tzinfo=None)
    for card in cards:
        fill(on, card)
    batches = [batch for card in cards for batch in batches_of(on, card)]
    places = [(batch, place) for batch in batches for place in range(BATCH_SIZE)]
    return [
        sale_of(
            scheme,
            profile,
            batch,
            credential(on, scheme, batch, place),
            till,
            Money(AMOUNT_MINOR_MIN + secrets.randbelow(AMOUNT_MINOR_MAX - AMOUNT_MINOR_MIN), unit),
            local_time,
            on.entropy.take(4),
        )
        for batch, place in secrets.SystemRandom().sample(places, count)
    ]


async def _drive(acquirer: AcquirerNode, sales: Sequence[Sale], load: Load) -> Ran:
    """Sell with so many sales in flight."""
    waiting, ran = iter(sales), Ran()

    async def till() -> None:
        for sale in waiting:
            before = time.perf_counter()
            answer = await acquirer.sell(sale)
            after = time.perf_counter()
            ran.latencies_ms.append((after - before) * 1000)
            ran.sold.append(Sold(sale, answer.record))
            if after > deadline:
                return

    started, started_cpu = time.perf_counter(), time.process_time()
    deadline = started + load.seconds
    await asyncio.gather(*(till() for _ in range(load.in_flight)))
    ran.elapsed_s = time.perf_counter() - started
    ran.cpu_s = time.process_time() - started_cpu
    return ran


def _cards(load: Load) -> int:
    return max(load.cards, cards_for(load.count + _warm_up(load)))


def _warm_up(load: Load) -> int:
    return min(load.count, WARM_UP_MAX)
