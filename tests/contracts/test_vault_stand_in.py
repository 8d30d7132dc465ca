"""What every vault must do for stand-in, run on each database there is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contracts.test_vault import claim, line
from tests.contracts.test_vault_races import Racer
from tests.unit.roles.tsp.debits import NOW, VaultBench
from zheton.adapters.storage.database import Database
from zheton.core.debit import Advice, DebitState, Journalled
from zheton.core.money import money
from zheton.core.token.batch import Batch
from zheton.roles.network.allowance import Allowance

SMALL = Allowance(debit_max_minor=10**9, day_max_minor=100_000, debits_per_day=3)


@pytest.fixture
def bench(url: str) -> Iterator[VaultBench]:
    database = Database(url)
    yield VaultBench(database)
    database.close()


def timed_out(bench: VaultBench, batch: Batch, place: int, amount: str = "350") -> Journalled:
    """A journal line that nobody has decided, as it is in the journal."""
    made = line(claim(bench, batch, place, amount), DebitState.TIMED_OUT)
    with bench.vault.transaction() as tx:
        assert tx.append([made])
    return made


def counted(bench: VaultBench, *lines: Journalled, allowed: Allowance = SMALL) -> set[str]:
    with bench.vault.transaction() as tx:
        return tx.count_stood_in([(each, allowed) for each in lines])


def approved(bench: VaultBench, before: Journalled) -> Journalled:
    """A line that was stood in for."""
    after = replace(
        before,
        state=DebitState.APPROVED,
        response_code="00",
        auth_code="S00001",
        issuer_authentication_data=b"\1\2",
        advice=Advice.DUE,
    )
    assert counted(bench, before, allowed=replace(SMALL, debits_per_day=10**9)) == {before.debit}
    with bench.vault.transaction() as tx:
        tx.stand_in([after])
    return after


def test_a_day_s_amount_and_count_end_the_stand_in(bench: VaultBench) -> None:
    batch, other = bench.leased(), bench.leased(serial=2)
    first, second = (timed_out(bench, batch, place, "500") for place in (0, 1))
    third, elsewhere = timed_out(bench, batch, 2, "0.01"), timed_out(bench, other, 0, "1000.00")
    assert counted(bench, first, elsewhere) == {first.debit, elsewhere.debit}
    assert counted(bench, second) == {second.debit}
    assert counted(bench, third) == set()
    more = replace(SMALL, day_max_minor=10**9)
    assert counted(bench, third, allowed=more) == {third.debit}
    assert counted(bench, third, allowed=more) == set()
    assert counted(bench) == set()


def test_the_first_debit_of_a_card_is_counted_as_strictly(bench: VaultBench) -> None:
    only = timed_out(bench, bench.leased(), 0, "1000.01")
    assert counted(bench, only) == set()
    assert counted(bench, only, allowed=replace(SMALL, debits_per_day=0)) == set()


def test_days_and_currencies_are_counted_apart(bench: VaultBench) -> None:
    debit = timed_out(bench, bench.leased(), 0, "1000")
    tomorrow = replace(debit, received_at=NOW + timedelta(days=1))
    yuan = replace(debit, amount=money("1000", "CNY"))
    for each in (debit, tomorrow, yuan):
        assert counted(bench, each) == {debit.debit}
    for each in (debit, tomorrow, yuan):
        assert counted(bench, each) == set()
    assert counted(bench, debit, replace(debit, amount=money("1", "USD"))) == {debit.debit}


def test_a_card_and_currency_is_counted_once_at_a_time(bench: VaultBench) -> None:
    debit = timed_out(bench, bench.leased(), 0)
    with pytest.raises(ValueError, match="at most once"), bench.vault.transaction() as tx:
        tx.count_stood_in([(debit, SMALL), (debit, SMALL)])


@pytest.mark.parametrize("state", list(DebitState))
def test_only_what_has_timed_out_is_stood_in_for(bench: VaultBench, state: DebitState) -> None:
    before = line(claim(bench, bench.leased(), 0), state)
    with bench.vault.transaction() as tx:
        tx.append([before])
    after = approved(bench, before)
    timed_out_before = state is DebitState.TIMED_OUT
    assert bench.vault.of_number(before.at) == [after if timed_out_before else before]
    assert bench.vault.advices_due(9) == ([after] if timed_out_before else [])


def test_an_advice_goes_one_way_and_ends(bench: VaultBench) -> None:
    debit = approved(bench, timed_out(bench, bench.leased(), 0))
    with bench.vault.transaction() as tx:
        assert tx.advise(debit, Advice.SENT)
        assert tx.advise(debit, Advice.SENT)
    assert bench.vault.advices_due(9) == [replace(debit, advice=Advice.SENT)]
    with bench.vault.transaction() as tx:
        assert tx.advise(debit, Advice.HEARD)
        assert not tx.advise(debit, Advice.SENT)
    assert bench.vault.advices_due(9) == []
    assert bench.vault.of_number(debit.at) == [replace(debit, advice=Advice.HEARD)]


def test_advices_come_in_the_order_of_their_time(bench: VaultBench) -> None:
    batches = [bench.leased(serial=serial) for serial in (1, 2, 3)]
    made = []
    for place, (batch, second) in enumerate(((0, 3), (1, 2), (0, 1), (2, 0), (1, 4))):
        debit = line(claim(bench, batches[batch], place), DebitState.TIMED_OUT)
        debit = replace(debit, received_at=NOW + timedelta(seconds=second))
        with bench.vault.transaction() as tx:
            tx.append([debit])
        made.append(approved(bench, debit))
    in_order = sorted(made, key=lambda each: each.received_at)
    assert bench.vault.advices_due(9) == in_order
    assert bench.vault.advices_due(2) == in_order[:2]


@pytest.mark.parametrize("advice", [Advice.DUE, Advice.SENT, Advice.HEARD])
def test_a_reversal_drops_what_was_not_confirmed(bench: VaultBench, advice: Advice) -> None:
    debit = approved(bench, timed_out(bench, bench.leased(), 0))
    with bench.vault.transaction() as tx:
        tx.advise(debit, advice)
        assert tx.undo(debit)
        assert not tx.advise(debit, Advice.SENT)
    left = Advice.HEARD if advice is Advice.HEARD else Advice.DROPPED
    after = replace(debit, state=DebitState.REVERSED, advice=left, edition=1)
    assert bench.vault.of_number(debit.at) == [after]
    assert (bench.vault.advices_due(9), bench.vault.reversals_due(9)) == ([], [after])


def test_only_a_debit_that_was_stood_in_for_gives_its_allowance_back(bench: VaultBench) -> None:
    batch = bench.leased()
    debit = approved(bench, timed_out(bench, batch, 0, "1000"))
    other = timed_out(bench, batch, 1, "1000")
    with bench.vault.transaction() as tx:
        tx.give_back(other)
    assert counted(bench, other) == set()
    with bench.vault.transaction() as tx:
        tx.give_back(debit)
    assert counted(bench, other) == {other.debit}


RACE = """
import json, sys
from dataclasses import replace
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault import SqlVault
from zheton.roles.network.allowance import Allowance
vault = SqlVault(Database(sys.argv[1]))
lines = [each for at in json.loads(sys.argv[2]) for each in vault.seen([tuple(at)]).values()]
allowed = Allowance(*json.loads(sys.argv[3]))
print("ready", flush=True)
for number in sys.stdin:
    with vault.transaction() as tx:
        within = tx.count_stood_in([(lines[int(number)], allowed)])
    print(len(within), flush=True)
"""


@pytest.mark.parametrize("kind", ["sqlite-file", "postgresql"], indirect=True)
def test_two_processes_together_stay_within_the_allowance(bench: VaultBench) -> None:
    rounds, allowed = 12, Allowance(10**9, 10**9, 5)
    batches = [bench.leased(serial=serial) for serial in (1, 2)]
    lines = [timed_out(bench, batches[n % 2], n // 2) for n in range(2 * rounds)]
    keys = json.dumps([(each.at.bucket, each.repeat_key) for each in lines])
    limits = json.dumps([allowed.debit_max_minor, allowed.day_max_minor, allowed.debits_per_day])
    racers = [Racer(RACE, bench.database.url, keys, limits) for _ in range(2)]
    within = [0, 0]
    try:
        for number in range(2 * rounds):
            for racer in racers:
                racer.tell(number)
            within[number % 2] += sum(int(racer.hear()) for racer in racers)
    finally:
        for racer in racers:
            racer.kill()
    assert within == [5, 5]
