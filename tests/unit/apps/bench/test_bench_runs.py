"""Each bench once, small: it does its work, and its checks see work that was not done."""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from zheton.adapters.merchants_file import load_merchants
from zheton.apps.bench import chain
from zheton.apps.bench.audit import Sold, audit
from zheton.apps.bench.cards import BenchCard, issue
from zheton.apps.bench.chain import Load, prepare
from zheton.apps.bench.reader import why_no_reader
from zheton.apps.cli.main import app
from zheton.apps.wiring import Installation
from zheton.core.money import Money
from zheton.roles.acquirer.state import Status

ACQUIRER = load_merchants().acquirer.id


def test_bench_tap_prints_its_figures() -> None:
    result = CliRunner().invoke(app, ["bench", "tap", "--count", "5", "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.output)
    figures = printed["figures"]
    assert printed["bench"] == "tap"
    assert figures["tap_ms_median"] > 0
    assert figures["tap_ms_p99"] >= figures["tap_ms_median"]
    assert figures["memory_tap_ms_median"] > 0
    missing = why_no_reader()
    assert (figures["pcsc_tap_ms_median"] is None) is (missing is not None)
    assert missing is None or printed["settings"]["pcsc"] == missing


def test_bench_chain_prints_its_figures() -> None:
    arguments = ["--count", "5", "--in-flight", "2", "--cards", "2", "--runs", "2", "--json"]
    result = CliRunner().invoke(app, ["bench", "chain", *arguments])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.output)
    assert printed["bench"] == "chain"
    assert set(printed["figures"]) == {"debits_per_s", "p50_ms", "p99_ms", "cpu_us_per_debit"}
    assert all(figure > 0 for figure in printed["figures"].values())
    assert printed["settings"]["processes"] == 1


@dataclass
class Ran:
    """An installation after a few debits."""

    on: Installation
    cards: list[BenchCard]
    sold: list[Sold]

    def broken(self, sold: list[Sold] | None = None) -> list[str]:
        checks = audit(self.on, self.cards, ACQUIRER, self.sold if sold is None else sold)
        return [check.claim for check in checks if not check.held]

    def change(self, party: str, statement: str) -> None:
        engine = create_engine(f"sqlite:///{self.on.data / party}.db")
        with engine.begin() as connection:
            assert connection.execute(text(statement)).rowcount > 0
        engine.dispose()


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    on = Installation(tmp_path)
    cards = list(issue(on, 1))
    sales = prepare(on, cards, load_merchants(), 12)
    sold = asyncio.run(chain.sell_all(on, sales, Load(count=6, in_flight=3))).sold
    return Ran(on, cards, sold)


def test_the_numbers_and_cryptograms_of_a_load_are_all_distinct(tmp_path: Path) -> None:
    on = Installation(tmp_path)
    sales = prepare(on, list(issue(on, 2)), load_merchants(), 128)
    assert len({sale.entry.number for sale in sales}) == len(sales) == 128


def test_an_honest_run_passes(ran: Ran) -> None:
    assert ran.broken() == []
    assert len(ran.sold) == 12


def test_a_batch_that_is_wholly_burnt_is_found_burnt(tmp_path: Path) -> None:
    on = Installation(tmp_path)
    cards = list(issue(on, 1))
    sales = prepare(on, cards, load_merchants(), 64)
    sold = asyncio.run(chain.sell_all(on, sales, Load(count=32, in_flight=32))).sold
    assert len(sold) == 64
    assert Ran(on, cards, sold).broken() == []


def test_a_sale_that_was_declined_is_seen(ran: Ran) -> None:
    first, *rest = ran.sold
    declined = replace(first, record=replace(first.record, status=Status.DECLINED))
    assert "every debit was approved" in ran.broken([declined, *rest])


def test_a_sale_that_nobody_remembers_is_seen(ran: Ran) -> None:
    broken = ran.broken(ran.sold[1:])
    assert "exactly the numbers that paid are burnt" in broken
    assert "no money appeared or vanished" in broken


def test_a_run_without_sales_proves_nothing(ran: Ran) -> None:
    assert "every debit was approved" in ran.broken([])


def test_another_amount_is_seen(ran: Ran) -> None:
    first, *rest = ran.sold
    amount = Money(first.record.amount.minor + 1, first.record.amount.currency)
    assert len(ran.broken([replace(first, record=replace(first.record, amount=amount)), *rest])) > 3


@pytest.mark.parametrize(
    ("party", "statement", "claim"),
    [
        ("vault", "UPDATE batch SET burnt = burnt & ~(burnt & -burnt)", "burnt"),
        ("vault", "DELETE FROM debit WHERE rowid_is_first", "network"),
        ("vault", "UPDATE debit SET state = 'timed-out'", "network"),
    ],
)
def test_what_a_journal_lost_is_seen(ran: Ran, party: str, statement: str, claim: str) -> None:
    first = ran.sold[0].record.rrn
    ran.change(party, statement.replace("rowid_is_first", f"retrieval_reference = '{first}'"))
    assert any(claim in broken for broken in ran.broken())
