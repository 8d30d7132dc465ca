"""Whole verbs in several processes at once: debits, repeats, limits, online numbers, enrolments.

Each under every isolation that a transaction of a vault may run in.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.unit.roles.tsp.debits import NOW, VaultBench, card_number, opened
from tests.vault_racer import Racers
from zheton.adapters.storage.audit_log import SqlAuditLog
from zheton.adapters.storage.database import Database
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, encode
from zheton.roles.network.complete import abandon
from zheton.roles.tsp.audit import faults

PROCESSES, ROUNDS = 3, 6
SNAPSHOT = {"options": "-c default_transaction_isolation=repeatable\\ read"}


@pytest.fixture(scope="module")
def all_racers() -> Iterator[Racers]:
    racers = Racers(PROCESSES)
    yield racers
    racers.end()


@pytest.fixture(params=["sqlite-file", "postgresql", "postgresql-snapshot"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(kind: str, url: str) -> Iterator[VaultBench]:
    """The vault, as it is looked at from outside the race; its log of openings is whole."""
    database = Database(f"{url}&options={SNAPSHOT['options']}" if "snapshot" in kind else url)
    yield VaultBench(database)
    found = {fault.text for fault in faults(SqlAuditLog(database), [], [])}
    assert found <= {"no checkpoint shows where the log ended"}  # nobody has signed one
    database.close()


@pytest.fixture
def racers(all_racers: Racers, bench: VaultBench) -> Racers:
    all_racers.open(bench.database.url)
    return all_racers


def asked(racers: Racers, *messages: Message) -> list[tuple[str, str | bytes]]:
    """What becomes of one message a process, all at once."""
    said = racers.together([("authorise", (encode(DIALECT, each),)) for each in messages])
    assert all(isinstance(each, list) for each in said), said
    return sorted((each[0] for each in said), key=str)


def test_one_number_in_several_debits_is_paid_once(bench: VaultBench, racers: Racers) -> None:
    for number in range(ROUNDS):
        batch = bench.leased(serial=1 + number)
        said = asked(racers, *(bench.at_till(batch, 0) for _ in range(PROCESSES)))
        assert said == [("decline", "replay")] * (PROCESSES - 1) + [("forward", "")]
        assert bench.burnt(batch) == 1


def test_a_message_in_several_processes_is_one_debit(bench: VaultBench, racers: Racers) -> None:
    for number in range(ROUNDS):
        batch = bench.leased(serial=1 + number)
        request = bench.at_till(batch, 0)
        said = asked(racers, *[request] * PROCESSES)
        assert said == [("forward", "")] + [("wait", "")] * (PROCESSES - 1)
        assert sum(racers.together([("complete", ())] * PROCESSES)) == 1
        answers = asked(racers, *[request] * PROCESSES)
        assert len(set(answers)) == 1
        assert answers[0][0] == "answer"
    assert abandon(bench.switch, 9, NOW) == 0


def test_cards_and_batches_crosswise_end_without_a_loss(bench: VaultBench, racers: Racers) -> None:
    batches = [bench.leased(serial=1 + number) for number in range(8)]
    for place in range(0, 2 * PROCESSES, PROCESSES):
        groups = [
            [encode(DIALECT, bench.at_till(batch, place + n)) for batch in batches]
            for n in range(PROCESSES)
        ]
        groups[1].reverse()
        said = racers.together([("authorise", tuple(group)) for group in groups])
        assert said == [[("forward", "")] * len(batches)] * PROCESSES
    assert {bench.burnt(batch) for batch in batches} == {2 ** (2 * PROCESSES) - 1}


def test_processes_together_keep_to_the_debits_of_a_day(bench: VaultBench, racers: Racers) -> None:
    batch = bench.leased()
    groups = [
        tuple(encode(DIALECT, bench.at_till(batch, 4 * n + i)) for i in range(4))
        for n in range(PROCESSES)
    ]
    said = racers.together([("authorise", group) for group in groups])
    words = [word for each in said for word in each]
    assert words.count(("forward", "")) == 6, words
    assert words.count(("decline", "day-count")) == 4 * PROCESSES - 6
    assert bench.burnt(batch) == 2 ** (4 * PROCESSES) - 1


def test_an_online_number_belongs_to_one_shop(bench: VaultBench, racers: Racers) -> None:
    for number in range(ROUNDS):
        given = bench.online(serial=1 + number)
        shops = [bench.at_shop(given, merchant=f"SHOP{n}") for n in range(PROCESSES)]
        said = asked(racers, *shops)
        assert [word for word, _ in said].count("forward") == 1, said


def test_no_more_codes_are_looked_at_than_there_are_tries(
    bench: VaultBench, racers: Racers
) -> None:
    given = bench.online()
    wrong = f"{(int(given.code) + 1) % 10 ** len(given.code):0{len(given.code)}d}"
    for _ in range(2):
        said = asked(racers, *(bench.at_shop(given, code=wrong) for _ in range(PROCESSES)))
        assert said == [("decline", "wrong-code")] * PROCESSES
    assert asked(racers, *(bench.at_shop(given) for _ in range(PROCESSES))) == said
    with bench.database.reading() as connection:
        assert connection.execute(text("SELECT codes_tried FROM online_number")).scalar_one() == 3


def test_online_numbers_are_given_once(bench: VaultBench, racers: Racers) -> None:
    enrolment, _ = bench.enrolled()
    given = [
        opened(sealed).number
        for _ in range(ROUNDS)
        for sealed in racers.together([("transact", (enrolment.id,))] * PROCESSES)
    ]
    assert len(set(given)) == PROCESSES * ROUNDS


def test_a_card_that_comes_at_once_is_one_card(bench: VaultBench, racers: Racers) -> None:
    for number in range(ROUNDS):
        envelope = bench.envelope(card_number(serial=100 + number))
        cards = racers.together([("tokenise", (envelope,))] * PROCESSES)
        assert len(set(cards)) == 1, cards
    assert bench.vault.count_cards() == ROUNDS
