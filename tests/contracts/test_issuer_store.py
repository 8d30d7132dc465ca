"""What every issuer store has to do, on each database there is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.core.errors import ConflictError
from zheton.core.money import money
from zheton.roles.issuer.ledger import Entry, Kind, LedgerAccount, entry
from zheton.roles.issuer.ports import Changes, IssuerStore
from zheton.roles.issuer.state import (
    Account,
    AccountStatus,
    Answered,
    Flag,
    Hold,
    HoldStatus,
    Presented,
    RequestKind,
)

NOW = datetime(2019, 8, 30, 9, 0, tzinfo=UTC)
CASH = LedgerAccount(Kind.CASH, "RUB")
ANNA = Account(
    id="anna",
    holder="Anna",
    pan_index=bytes(31) + b"\x01",
    last4="0010",
    expiry="2912",
    currency="RUB",
    credit_limit_minor=0,
    debit_limit_minor=10**11,
    daily_limit_minor=10**12,
    phone="+7 916 123-12-34",
)
BORIS = replace(ANNA, id="boris", pan_index=bytes(32), phone="")
HOLD = Hold("220001", "924209000001", "anna", 500, money("5", "RUB"), date(2019, 8, 30), 500)
ANSWERED = Answered("01/1", RequestKind.PURCHASE, b"digest", "anna", "00", "123456", "")
PRESENTED = Presented("file", 1, "220001", "924209000001", "000000", "anna", Flag.OVER_HOLD)


@pytest.fixture
def store(url: str) -> Iterator[IssuerStore]:
    database = Database(url)
    yield IssuerDatabase(database)
    database.close()


def opening(account: Account, minor: int) -> Entry:
    return entry(f"opening/{account.id}", NOW, (account.money, minor), (CASH, -minor))


def apply(store: IssuerStore, changes: Changes) -> None:
    with store.transaction() as transaction:
        transaction.apply(changes)


def test_everything_comes_back_as_it_went_in(store: IssuerStore) -> None:
    entries = [opening(ANNA, 10**11)]
    presented = [PRESENTED, replace(PRESENTED, record=2, flag=None)]
    apply(store, Changes(entries, [BORIS, ANNA], [HOLD], [ANSWERED], presented))
    with store.transaction() as t:
        assert t.accounts() == [ANNA, BORIS]
        assert t.accounts_by_pan({ANNA.pan_index, b"?" * 32}) == [ANNA]
        assert t.accounts_by_pan([BORIS.pan_index, ANNA.pan_index]) == [ANNA, BORIS]
        assert t.holds([HOLD.key, ("220001", "924209000002")]) == [HOLD]
        assert t.answered(["01/1", "01/2"]) == [ANSWERED]
        assert sorted(t.presented([PRESENTED.key]), key=lambda p: p.record) == presented
        assert t.entries(["opening/anna", "opening/boris"]) == ["opening/anna"]
        assert t.balances([ANNA.money, ANNA.held]) == {ANNA.money: 10**11}


def test_nothing_is_asked_for_nothing(store: IssuerStore) -> None:
    with store.transaction() as t:
        assert not [*t.accounts_by_pan([]), *t.holds([]), *t.answered([]), *t.presented([])]
        assert not t.balances([]) and not t.trial_balance() and not t.entries([])
        t.apply(Changes())


def test_more_keys_than_one_statement_takes(store: IssuerStore) -> None:
    many = [replace(ANSWERED, id=f"01/{n}") for n in range(1000)]
    apply(store, Changes(answered=many))
    with store.transaction() as t:
        assert len(t.answered([f"01/{n}" for n in range(2000)])) == 1000


def test_balances_follow_from_the_postings(store: IssuerStore) -> None:
    hold = entry("hold", NOW, (ANNA.money, -700), (ANNA.held, 700))
    apply(store, Changes([opening(ANNA, 1000), opening(BORIS, 50), hold], [ANNA, BORIS]))
    apply(store, Changes([entry("release", NOW, (ANNA.held, -200), (ANNA.money, 200))]))
    expected = {CASH: -1050, ANNA.money: 500, ANNA.held: 500, BORIS.money: 50}
    with store.transaction() as t:
        assert t.trial_balance() == expected
        assert t.balances(expected) == expected


def test_accounts_and_holds_are_replaced(store: IssuerStore) -> None:
    apply(store, Changes(accounts=[ANNA], holds=[HOLD]))
    later = replace(ANNA, status=AccountStatus.BLOCKED, spent_on=date(2019, 8, 30), spent_minor=500)
    cleared = replace(HOLD, status=HoldStatus.CLEARED)
    apply(store, Changes(accounts=[later], holds=[cleared]))
    with store.transaction() as t:
        assert t.accounts() == [later]
        assert t.holds([HOLD.key]) == [cleared]


@pytest.mark.parametrize(
    "again",
    [
        Changes(entries=[opening(ANNA, 1)]),
        Changes(answered=[ANSWERED]),
        Changes(presented=[PRESENTED]),
        Changes(accounts=[replace(BORIS, pan_index=ANNA.pan_index)]),
    ],
)
def test_what_is_there_is_not_written_twice(store: IssuerStore, again: Changes) -> None:
    first = Changes([opening(ANNA, 5)], [ANNA], [], [ANSWERED], [PRESENTED])
    apply(store, first)
    mixed = replace(again, entries=[*again.entries, entry("new", NOW, (CASH, 1), (BORIS.held, -1))])
    with pytest.raises(ConflictError):
        apply(store, mixed)
    with store.transaction() as t:
        assert t.entries(["new"]) == []
        assert t.trial_balance() == {CASH: -5, ANNA.money: 5}


def test_a_transaction_that_raises_leaves_nothing(store: IssuerStore) -> None:
    with pytest.raises(KeyError), store.transaction() as t:
        t.apply(Changes(entries=[opening(ANNA, 5)], accounts=[ANNA]))
        raise KeyError
    with store.transaction() as t:
        assert t.accounts() == [] and t.trial_balance() == {}


@pytest.mark.parametrize("kind", ["sqlite-file", "postgresql"], indirect=True)
def test_what_lasts_is_there_when_it_is_opened_again(url: str) -> None:
    for expected in ([], [ANNA]):
        database = Database(url)
        store = IssuerDatabase(database)
        with store.transaction() as t:
            assert t.accounts() == expected
            t.apply(Changes(accounts=[ANNA]))
        database.close()
