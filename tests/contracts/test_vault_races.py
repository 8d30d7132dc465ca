"""Processes that want the same thing of one vault: one gets it, also where another is killed."""

import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pytest

from tests.unit.roles.tsp.debits import BAND, NOW, VaultBench
from zheton.adapters.storage.database import Database
from zheton.core.debit import Admitted
from zheton.core.token.batch import BATCH_SIZE
from zheton.core.token.domain import Channel
from zheton.core.token.lifecycle import Actor, BatchStatus, Cause, Verb
from zheton.roles.tsp.controls import Wish, set_controls
from zheton.roles.tsp.lease import Use, lease
from zheton.roles.tsp.standing import standing
from zheton.roles.tsp.state import By

ROUNDS = 2 * BATCH_SIZE
_OPEN = """
import pickle, sys
from datetime import UTC, datetime
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault import SqlVault
vault = SqlVault(Database(sys.argv[1]))
def say(word):
    print(word, flush=True)
say("ready")
"""
BURN = (
    _OPEN
    + """
with open(sys.argv[2], "rb") as file:
    claims = pickle.load(file)
for line in sys.stdin:
    with vault.transaction() as tx:
        won = tx.burn([claims[int(line)]], datetime.now(UTC))
    say(len(won))
"""
)
SPEND = (
    _OPEN
    + """
from datetime import datetime
with open(sys.argv[2], "rb") as file:
    claims = pickle.load(file)
for line in sys.stdin:
    number, moment = line.split()
    with vault.transaction() as tx:
        spent = tx.spend([claims[int(number)]], datetime.fromisoformat(moment))
    say(len(spent))
"""
)


class Racer:
    """Another process at the same vault, which does a step for each line that it is told."""

    def __init__(self, program: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.hear() == "ready"

    def tell(self, word: object) -> None:
        print(word, file=self._pipe(self.process.stdin), flush=True)

    def hear(self) -> str:
        return self._pipe(self.process.stdout).readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


@pytest.fixture(params=["sqlite-file", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(url: str) -> Iterator[VaultBench]:
    database = Database(url)
    yield VaultBench(database)
    database.close()


@pytest.fixture
def racers() -> Iterator[list[Racer]]:
    started: list[Racer] = []
    yield started
    for racer in started:
        racer.kill()


def test_of_two_processes_with_one_number_exactly_one_wins(
    bench: VaultBench, racers: list[Racer], tmp_path: Path
) -> None:
    batches = [bench.leased(), bench.leased()]
    claims = [
        verdict
        for batch in batches
        for verdict in bench.examine(
            *(bench.at_till(batch, place) for place in range(BATCH_SIZE)), now=NOW
        )
        if isinstance(verdict, Admitted)
    ]
    assert len(claims) == ROUNDS
    (tmp_path / "claims").write_bytes(pickle.dumps(claims))
    arguments = (bench.database.url, str(tmp_path / "claims"))
    racers += [Racer(BURN, *arguments), Racer(BURN, *arguments)]
    wins = [0, 0]
    for number in range(ROUNDS):
        first = number % 2  # whom the word reaches first must not decide
        racers[first].tell(number)
        racers[1 - first].tell(number)
        won = [int(racer.hear()) for racer in racers]
        assert sorted(won) == [0, 1], number
        wins = [total + new for total, new in zip(wins, won, strict=True)]
    assert [bench.burnt(batch) for batch in batches] == [-1, -1]
    assert sum(wins) == ROUNDS


def test_processes_together_spend_no_more_than_a_card_may(
    bench: VaultBench, racers: list[Racer], tmp_path: Path
) -> None:
    """None of the three waits for another's answer: the card's row counts, and counts exactly."""
    controls: tuple[tuple[dict[str, Any], int], ...] = (
        ({"dayCount": 5}, 5),
        ({"dayMinor": 10}, 5),
        ({"velocity": {"debits": 3, "minutes": 10}}, 3),
    )
    claims, by = [], By(Actor.CARDHOLDER, Cause.CARDHOLDER_REQUEST)
    for serial, (document, _) in enumerate(controls, start=1):
        batch = bench.leased(serial=serial)
        claims += bench.examine(bench.at_till(batch, amount_minor=2))
        wish = Wish(batch.enrolment, True, document, 0, by)
        set_controls(bench.vault, bench.rules, wish, NOW)
    (tmp_path / "claims").write_bytes(pickle.dumps(claims))
    arguments = (bench.database.url, str(tmp_path / "claims"))
    racers += [Racer(SPEND, *arguments) for _ in range(3)]
    for day in range(2):
        for number, (_, taken) in enumerate(controls):
            for step in range(6):
                moment = NOW + timedelta(days=day, seconds=step)
                for racer in racers:
                    racer.tell(f"{number} {moment.isoformat()}")
            assert sum(int(racer.hear()) for racer in racers for _ in range(6)) == taken


def test_a_suspension_that_is_done_stops_every_process(
    bench: VaultBench, racers: list[Racer], tmp_path: Path
) -> None:
    """Whoever burns at that moment wins or loses; whoever burns after it loses."""
    batch = bench.leased()
    messages = (bench.at_till(batch, place) for place in range(BATCH_SIZE))
    claims = [claim for claim in bench.examine(*messages, now=NOW) if isinstance(claim, Admitted)]
    (tmp_path / "claims").write_bytes(pickle.dumps(claims))
    racers += [Racer(BURN, bench.database.url, str(tmp_path / "claims")) for _ in range(2)]
    for place in range(0, BATCH_SIZE, 4):
        for ahead, racer in enumerate(racers):
            racer.tell(place + ahead)
        bench.change(batch.enrolment, Verb.SUSPEND)
        assert {racer.hear() for racer in racers} <= {"0", "1"}
        held = bench.burnt(batch)
        for ahead, racer in enumerate(racers):
            racer.tell(place + 2 + ahead)
        assert [racer.hear() for racer in racers] == ["0", "0"]
        assert bench.burnt(batch) == held
        bench.change(batch.enrolment, Verb.UNSUSPEND)
    racers[0].tell(2)
    assert racers[0].hear() == "1"


def test_a_lease_under_way_is_found_by_the_suspension(bench: VaultBench) -> None:
    """A provisioning that looked before the suspension must not leave a batch behind it."""
    enrolment, card = bench.enrolled()
    bench.vault.take_block("520473", card.bucket, 1, 10**7)
    suspending = threading.Thread(target=bench.change, args=(enrolment.id, Verb.SUSPEND))
    with bench.vault.transaction() as tx:
        standing(tx, enrolment.id)
        suspending.start()
        suspending.join(0.3)
        assert suspending.is_alive(), "it has to wait for whoever gives out numbers"
        scheme = bench.rules.schemes.named(card.network)
        use = Use(BAND.id, BAND.device, Channel.TILL)
        (batch,) = lease(tx, bench.keys, scheme, enrolment, use, 1, NOW)
    suspending.join()
    with bench.vault.transaction() as tx:
        found = tx.held_batch(batch.bin, batch.batch, batch.generation)
    assert found is not None
    assert found.status is BatchStatus.SUSPENDED
