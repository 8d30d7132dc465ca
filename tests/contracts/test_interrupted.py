"""Transactions of every node that are cut, in the middle or at COMMIT: each is done, and once.

The connections are cut for real: by the server, whose backend another connection terminates, or on
the way, where the socket is gone before the COMMIT or after it was kept.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Table, event, func, select, text

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, reversal
from zheton.adapters.issuer_file import bundled
from zheton.adapters.merchants_file import load_merchants
from zheton.adapters.outbox import Outbox
from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.acquirer_tables import SALES
from zheton.adapters.storage.audit_tables import audit_entry
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.interrupted import InterruptedTransactionError, repeated
from zheton.adapters.storage.issuer import ENTRIES, IssuerDatabase
from zheton.adapters.storage.receipt import receipt
from zheton.core.debit import DebitState
from zheton.core.iso8583.message import Message
from zheton.core.iso8583.subelements import encode
from zheton.core.money import money
from zheton.roles.acquirer.sell import sell
from zheton.roles.acquirer.state import ChipEntry, Sale
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.state import Bank
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Forward, Switch

MIDDLE = "by the server, in the middle"
AT_COMMIT = "by the server, before COMMIT"
BEFORE = "on the way, before COMMIT"
AFTER = "on the way, after COMMIT"
TURNS = 3


class Cutter:
    """Cuts every transaction at its first try; one that was kept all the same has no second."""

    def __init__(self, database: Database, cut: str) -> None:
        self.database, self.cut, self.cuts = database, cut, 0
        self._cutting = True
        event.listen(database.engine, "before_cursor_execute", self._at_statement)
        event.listen(database.engine, "commit", self._at_commit)

    def _at_statement(
        self, connection: Connection, _cursor: object, statement: str, *_: object
    ) -> None:
        if "pg_current_xact_id" in statement:  # the receipt: the transaction is about to commit
            connection.info["at its end"] = True
            if self.cut == MIDDLE and self._is_to_cut():
                self._terminate(connection)

    def _at_commit(self, connection: Connection) -> None:
        ending = connection.info.pop("at its end", False)
        if self.cut == MIDDLE or not ending or not self._is_to_cut():
            return
        if self.cut == AT_COMMIT:
            self._terminate(connection)
            return
        driver: Any = connection.connection.dbapi_connection
        if self.cut == AFTER:
            driver.execute("COMMIT")
        driver.pgconn.finish()

    def _is_to_cut(self) -> bool:
        cutting, self._cutting = self._cutting, self.cut == AFTER or not self._cutting
        self.cuts += cutting
        return cutting

    def _terminate(self, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        other = Database(self.database.url)
        with other.engine.begin() as beside:
            beside.execute(
                text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": driver.info.backend_pid}
            )
        other.close()


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture(params=[MIDDLE, AT_COMMIT, BEFORE, AFTER])
def cut(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def count(database: Database, table: Table) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_a_debit_is_burnt_journalled_and_forwarded_once(database: Database, cut: str) -> None:
    bench = VaultBench(database)
    batch = bench.leased()
    seen = count(database, audit_entry)
    requests = [bench.at_till(batch, place) for place in range(TURNS)]
    on = again(bench.switch)
    cutter = Cutter(database, cut)
    steps = authorise(on, requests, NOW)  # of one card, so as many transactions
    assert all(isinstance(step, Forward) for step in steps), steps
    assert cutter.cuts == TURNS
    assert bench.burnt(batch) == 2**TURNS - 1
    for step in steps:
        assert isinstance(step, Forward)
        assert bench.vault.of_number(step.line.at) == [step.line]
    assert count(database, audit_entry) == seen + TURNS
    assert day_of(bench) == (TURNS, TURNS * 35000)


def test_an_outcome_and_a_reversal_are_journalled_once(database: Database, cut: str) -> None:
    bench = VaultBench(database)
    batch = bench.leased()
    first, second = (bench.at_till(batch, place) for place in range(2))
    steps = authorise(bench.switch, [first, second], NOW)
    cutter = Cutter(database, cut)
    answers = []
    for step, code in zip(steps, ("00", "51"), strict=True):
        assert isinstance(step, Forward)
        answered = [Answered(step, approval(step.message, code))]
        answers += repeated(partial(complete, bench.switch, answered, NOW))
    assert [answer.text(39) for answer in answers] == ["00", "51"]
    undone = repeated(lambda: reverse(bench.switch, reversal(first), NOW))
    assert undone.text(39) == "00"
    assert cutter.cuts >= 3
    states = [bench.vault.of_number(s.line.at)[0].state for s in steps if isinstance(s, Forward)]
    assert states == [DebitState.REVERSED, DebitState.DECLINED]
    assert day_of(bench) == (1, 35000)


def test_the_issuer_books_once_and_sends_each_letter_once(database: Database, cut: str) -> None:
    file, outbox = bundled(), Outbox()
    bank = Bank(file.participant, file.name, file.rates, b"index key of tests")
    store = IssuerDatabase(database)
    enrol(file.cardholders, bank, store, NOW)
    booked = count(database, ENTRIES)
    cutter = Cutter(database, cut)
    group = [
        Message(
            "0100", COMMON | {3: "000000", 11: "000001", 37: "924209000001", 4: "000000035000"}
        ),
        Message("0100", COMMON | {3: "330000", 11: "000002", 37: "924209000002", 48: CODE}),
    ]
    answers = repeated(lambda: handle(group, bank, store, outbox, NOW))
    assert [answer.text(39) for answer in answers] == ["00", "00"]
    assert cutter.cuts == 1
    assert count(database, ENTRIES) == booked + 1
    assert len(outbox.letters()) == 1
    repeats = repeated(lambda: handle(group, bank, store, outbox, NOW))
    assert [answer.text(39) for answer in repeats] == ["00", "00"]
    assert len(outbox.letters()) == 1
    assert count(database, ENTRIES) == booked + 1


def test_a_sale_is_journalled_once_under_one_reference(database: Database, cut: str) -> None:
    merchants = load_merchants()
    store = AcquirerDatabase(database)
    entry = ChipEntry("5204730000000008", "2912", 0, "5204730000000008=2912201", b"\x9a\x01\x01")
    sale = Sale(merchants.till("moscow"), money("350", "RUB"), entry, NOW.replace(tzinfo=None))
    cutter = Cutter(database, cut)
    (request,) = repeated(lambda: sell([sale], merchants.acquirer, store, NOW))
    assert cutter.cuts == 1
    with database.reading() as connection:
        rows = connection.execute(select(SALES.c.rrn, SALES.c.stan)).all()
    assert [tuple(row) for row in rows] == [(request.text(37), request.text(11))]


def test_while_the_server_stays_away_nobody_claims_to_know(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = VaultBench(database)
    (step,) = authorise(bench.switch, [bench.at_till(bench.leased())], NOW)
    assert isinstance(step, Forward)
    cutter = Cutter(database, AFTER)

    def away(*_: object) -> bool:
        raise InterruptedTransactionError("away", outcome_unknown=False)

    monkeypatch.setattr("zheton.adapters.storage.receipt.was_kept", away)
    with pytest.raises(InterruptedTransactionError) as caught:
        repeated(lambda: complete(bench.switch, [Answered(step, None)], NOW))
    assert caught.value.outcome_unknown
    assert cutter.cuts == 1


def test_what_only_reads_leaves_no_receipt_and_old_ones_go(database: Database) -> None:
    bench = VaultBench(database)
    with database.transaction() as connection:
        connection.execute(receipt.delete())
    before = count(database, receipt)
    with bench.vault.transaction() as tx:
        assert tx.card("00" * 16) is None
    assert count(database, receipt) == before == 1  # of the deletion itself
    with database.transaction() as connection:
        connection.execute(receipt.update().values(written=datetime(2019, 9, 10, tzinfo=UTC)))
        connection.execute(
            receipt.insert().values(
                writer="long gone", number=7, written=datetime(2019, 9, 10, tzinfo=UTC)
            )
        )
    again_opened = Database(database.url)
    VaultBench(again_opened)
    again_opened.close()
    with database.reading() as connection:
        assert "long gone" not in connection.execute(select(receipt.c.writer)).scalars().all()


def again(on: Switch) -> Switch:
    """A switch that does ended transactions again."""
    return Switch(on.tokens, on.journal, on.entropy, on.requestors, on.who, repeated, on.mark)


def day_of(bench: VaultBench) -> tuple[int, int]:
    """How many debits the one card counts for today, and their sum in minor units."""
    with bench.database.reading() as connection:
        row = connection.execute(text("SELECT day_debits, day_minor FROM card")).one()
    return row.day_debits, row.day_minor


COMMON: dict[int, Any] = {
    2: "5413330089600010",
    4: "000000000000",
    7: "0910093015",
    14: "2912",
    18: "5814",
    32: "220001",
    33: "440001",
    41: "TILL0001",
    42: "SHOP0001       ",
    49: "643",
    48: encode({"33": "5204730000000008291250110030273"}),
    56: "50010000000000000000000000000",
}
CODE = encode({"25": "ACN", "26": "123456"})
