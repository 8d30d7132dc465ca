"""Journals of acquirer, network and issuer, read past the product, against each other."""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, make_url, text

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.place import place_of
from zheton.core.token.batch import BATCH_SIZE

_MASK = (1 << 64) - 1


# A data folder, the URL that `--database` had, or databases in memory by party.
Where = Path | str | Mapping[str, Database]


def rows(where: Where, party: str, query: str) -> list[dict[str, Any]]:
    """Rows of a party's database."""
    if isinstance(where, str):
        return _rows_of_server(where, party, query)
    if isinstance(where, Mapping):
        with where[party].reading() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]
    with closing(sqlite3.connect(where / f"{party}.db", timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def _rows_of_server(url: str, party: str, query: str) -> list[dict[str, Any]]:
    placed = make_url(place_of(url, party))
    schema = placed.query["schema"]
    engine = create_engine(
        placed.difference_update_query(["schema"]).set(drivername="postgresql+psycopg"),
        connect_args={"options": f"-c search_path={schema}"},
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def unsettled(data: Where) -> int:
    """How many debits have no end yet, at the acquirer or at the network."""
    open_sales = "SELECT rrn FROM sales WHERE status IN ('sent', 'reversal-due', 'reversing')"
    open_debits = (
        "SELECT debit FROM debit WHERE state = 'pending' OR reversal_due"
        " OR advice IN ('due', 'sent')"
    )
    open_wishes = open_sales.replace("sales", "follow_ups")
    open_lines = "SELECT debit FROM follow_up WHERE state = 'pending' OR issuer_due"
    queries = {"acquirer": (open_sales, open_wishes), "vault": (open_debits, open_lines)}
    return sum(len(rows(data, party, each)) for party in queries for each in queries[party])


def under_way(data: Where) -> int:
    """How many debits are burnt, and wait for their issuer."""
    return len(rows(data, "vault", "SELECT debit FROM debit WHERE state = 'pending'"))


@dataclass(frozen=True)
class Journals:
    """All that the three wrote, by retrieval reference."""

    sales: dict[str, dict[str, Any]]
    wishes: list[dict[str, Any]]
    debits: list[dict[str, Any]]
    follow_ups: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    stood_in: list[dict[str, Any]]
    holds: dict[str, dict[str, Any]]
    balances: list[dict[str, Any]]
    postings: list[dict[str, Any]]

    @classmethod
    def read(cls, data: Where) -> "Journals":
        """As they are now."""
        sums = "SELECT kind, currency, owner, SUM(minor) AS minor FROM postings GROUP BY 1, 2, 3"
        return cls(
            {row["rrn"]: row for row in rows(data, "acquirer", "SELECT * FROM sales")},
            rows(data, "acquirer", "SELECT * FROM follow_ups"),
            rows(data, "vault", "SELECT * FROM debit"),
            rows(data, "vault", "SELECT * FROM follow_up"),
            rows(data, "vault", "SELECT * FROM batch"),
            rows(data, "vault", "SELECT * FROM stand_in"),
            {
                row["retrieval_reference"]: row
                for row in rows(data, "issuer", "SELECT * FROM holds")
            },
            rows(data, "issuer", "SELECT kind, currency, owner, minor FROM balances"),
            rows(data, "issuer", sums),
        )

    def not_approved(self) -> int:
        """How many sales came to nothing."""
        return sum(sale["status"] != "approved" for sale in self.sales.values())

    def cut_short(self) -> int:
        """How many sales have no answer of the issuer, for there was nothing else to decline."""
        refused = {rrn for rrn, sale in self.sales.items() if sale["status"] != "approved"}
        return len(
            refused | {line["retrieval_reference"] for line in self.debits if line["advice"]}
        )

    def check(self, told_approved: set[str]) -> None:
        """That they agree, and that nothing approved is missing; `told_approved` are DE37s."""
        approved = self._approved()
        assert told_approved <= set(approved), "a till was told of an approval that is none"
        at_network = {
            line["retrieval_reference"]: (_held(line), line["auth_code"])
            for line in self.debits
            if line["state"] == "approved"
        }
        assert at_network == approved, "network and acquirer disagree on what was approved"
        held = {
            rrn: h["amount_minor"]
            for rrn, h in self.holds.items()
            if h["status"] in ("held", "completed")
        }
        cleared = {rrn for rrn, sale in self.sales.items() if sale["status"] == "cleared"}
        assert held == {r: minor for r, (minor, _) in approved.items() if r not in cleared}, (
            "the issuer holds something else than what was approved"
        )
        ended = {each["status"] for each in (*self.sales.values(), *self.wishes)}
        assert ended <= {"approved", "declined", "reversed", "cleared"}
        assert not any(sale["under_way"] for sale in self.sales.values())
        self._check_follow_ups()
        self._check_numbers()
        self._check_stood_in()
        self._check_money(sum(held.values()))

    def _approved(self) -> dict[str, tuple[int, str]]:
        return {
            rrn: (_held(sale), sale["auth_code"])
            for rrn, sale in self.sales.items()
            if sale["status"] in ("approved", "cleared")
        }

    def _check_follow_ups(self) -> None:
        """What shops heard approved is what the network approved, and comes to what it says."""
        of_shops = {
            (w["kind"], w["stan"], w["transmitted"]): w["auth_code"]
            for w in self.wishes
            if w["status"] == "approved" and self.sales[w["rrn"]]["status"] != "reversed"
        }
        undone = {line["debit"] for line in self.debits if line["state"] == "reversed"}
        of_network = {
            (line["kind"], line["stan"], line["transmitted"]): line["auth_code"]
            for line in self.follow_ups
            if line["state"] == "approved" and line["debit"] not in undone
        }
        assert of_network == of_shops, "network and acquirer disagree on what followed"
        for line in self.debits:
            if line["state"] == "approved":
                self._check_sums(line)

    def _check_sums(self, debit: Mapping[str, Any]) -> None:
        own = [
            line
            for line in self.follow_ups
            if line["debit"] == debit["debit"] and line["state"] == "approved"
        ]
        assert not debit["under_way"]
        assert 0 <= debit["refunded_minor"] <= _held(debit), "more was refunded than captured"
        refunds = sum(line["amount_minor"] for line in own if line["kind"] == "refund")
        assert debit["refunded_minor"] == refunds
        added = sum(line["amount_minor"] for line in own if line["kind"] == "increment")
        assert _held(debit) <= debit["amount_minor"] + added, "more is held than was approved"
        completions = [line for line in own if line["kind"] == "completion"]
        assert len(completions) == bool(debit["completed"]), "a debit is completed once"
        if completions:
            assert completions[0]["amount_minor"] == _held(debit)

    def _check_numbers(self) -> None:
        """Every burnt bit has one journal line, and every line that needs one has a burnt bit."""
        burnt = {
            (batch["bin"], batch["batch"] * BATCH_SIZE + place)
            for batch in self.batches
            for place in range(BATCH_SIZE)
            if (batch["burnt"] & _MASK) >> place & 1
        }
        lines = Counter((line["bin"], line["number_index"]) for line in self.debits)
        assert all(count == 1 for count in lines.values()), "a number has two journal lines"
        assert burnt <= set(lines), "a bit is burnt without a journal line"
        kept = {
            (line["bin"], line["number_index"])
            for line in self.debits
            if line["state"] != "blocked"
        }
        assert kept <= burnt, "a debit was journalled whose number is not burnt"

    def _check_stood_in(self) -> None:
        """What counts towards issuers' allowances is what was approved for them, and they know."""
        standing: Counter[tuple[str, str]] = Counter()
        for line in self.debits:
            if line["advice"]:
                ends = {"approved": {"heard"}, "reversed": {"heard", "dropped"}}
                assert line["advice"] in ends[line["state"]], "an advice has no end"
                if line["state"] == "approved":
                    standing[line["card"], line["currency"]] += line["amount_minor"]
        counted: Counter[tuple[str, str]] = Counter()
        for row in self.stood_in:
            counted[row["card"], row["currency"]] += row["minor"]
        assert +counted == standing, "an allowance was not counted as it was used"

    def _check_money(self, held_minor: int) -> None:
        totals: Counter[str] = Counter()
        for line in self.postings:
            totals[line["currency"]] += line["minor"]
        assert not any(totals.values()), "the issuer's books do not add up"
        kept = {tuple(row.values()) for row in self.balances if row["minor"]}
        assert kept == {tuple(row.values()) for row in self.postings if row["minor"]}
        holding = sum(row["minor"] for row in self.postings if row["kind"] == "holds")
        assert holding == held_minor, "what is held is not what was approved"


def _held(row: Mapping[str, Any]) -> int:
    """What a sale or a debit comes to."""
    return int(row["amount_minor"] + row["changed_minor"])
