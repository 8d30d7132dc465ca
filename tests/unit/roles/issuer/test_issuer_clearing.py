"""Posting and settlement: who bears what, repeats, and money that is never made or lost."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.adapters.issuer_file import bundled
from zheton.adapters.outbox import Outbox
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.issuer import IssuerDatabase, Transaction
from zheton.core.clearing import (
    CardAcceptor,
    ClearingFile,
    Presentment,
    SettlementReport,
    net_positions,
)
from zheton.core.iso8583.match import original_of
from zheton.core.iso8583.message import Message
from zheton.core.money import money
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.ledger import Kind, LedgerAccount
from zheton.roles.issuer.post import GROUP_MAX, PostingReport, post
from zheton.roles.issuer.settle import Settled, settle
from zheton.roles.issuer.state import Bank, Flag

Ask = Callable[..., list[Message]]
Make = Callable[..., Message]
Funds = Callable[..., tuple[int, int]]
ANNA, BORIS = "5413330089600010", "5413330089020110"
NOW = datetime(2019, 8, 30, 9, 0, tzinfo=UTC)
DAY = date(2019, 8, 30)
SHOP = CardAcceptor("SHOP0001", "Kofeinya", "Moskva", "RUS", "5814", "TILL0001")


def presentment(stan: int = 1, minor: int = 35_000, code: str = "RUB") -> Presentment:
    return Presentment(
        number=ANNA,
        expiry="2912",
        processing_code="000000",
        amount=replace(money("0", code), minor=minor),
        acquirer_id="220001",
        acceptor=SHOP,
        auth_code="123456",
        retrieval_reference=f"924209{stan:06d}",
        stan=f"{stan:06d}",
        local_time=datetime.fromisoformat("2019-08-30T12:00:00"),
    )


def clearing_file(*presentments: Presentment, sequence: int = 1) -> ClearingFile:
    return ClearingFile("220001", DAY, sequence, presentments)


def report_of(*files: ClearingFile, name: str = "day") -> SettlementReport:
    cleared = [(p, "330001") for file in files for p in file.presentments]
    return SettlementReport(name, DAY, len(cleared), (), net_positions(cleared))


@pytest.fixture
def book(bank: Bank, store: IssuerDatabase) -> Callable[[ClearingFile], PostingReport]:
    return lambda file: post(file, bank, store, NOW)


@pytest.fixture
def ledger(store: IssuerDatabase) -> Callable[[], Mapping[LedgerAccount, int]]:
    def ledger() -> Mapping[LedgerAccount, int]:
        with store.transaction() as transaction:
            return transaction.trial_balance()

    return ledger


Book = Callable[[ClearingFile], PostingReport]
Ledger = Callable[[], Mapping[LedgerAccount, int]]
NETWORK, CASH = LedgerAccount(Kind.NETWORK, "RUB"), LedgerAccount(Kind.CASH, "RUB")
SUSPENSE = LedgerAccount(Kind.SUSPENSE, "RUB")


def test_a_debit_clears_and_is_settled(
    ask: Ask, purchase: Make, funds: Funds, book: Book, bank: Bank, store: IssuerDatabase
) -> None:
    ask(purchase())
    file = clearing_file(presentment())
    assert book(file) == PostingReport(file.id, 1, 0, ())
    assert funds() == (25_000_000 - 35_000, 0)
    paid = settle(report_of(file), bank, store, NOW)
    assert paid == (Settled("RUB", 35_000, 0, repeated=False),)
    again = settle(report_of(file), bank, store, NOW)
    assert again == (Settled("RUB", 35_000, 0, repeated=True),)


def test_an_advised_debit_clears_as_others_do(
    ask: Ask, purchase: Make, advice: Make, funds: Funds, book: Book
) -> None:
    ask(advice(purchase()))
    assert book(clearing_file(presentment())).flagged == ()
    assert funds() == (25_000_000 - 35_000, 0)


def test_an_advice_that_clearing_has_overtaken_takes_nothing_twice(
    ask: Ask,
    purchase: Make,
    advice: Make,
    reversal: Make,
    funds: Funds,
    book: Book,
    ledger: Ledger,
) -> None:
    file = clearing_file(presentment())
    assert [each.flag for each in book(file).flagged] == [Flag.NO_HOLD]
    messages = (advice(purchase()), reversal(purchase()))
    assert [m[39] for m in ask(*messages)] == ["00", "25"]
    assert funds() == (25_000_000, 0)
    assert (ledger()[SUSPENSE], ledger()[NETWORK]) == (-35_000, 35_000)


def test_settlement_moves_the_cash(
    ask: Ask, purchase: Make, book: Book, ledger: Ledger, bank: Bank, store: IssuerDatabase
) -> None:
    before = ledger()[CASH]
    ask(purchase())
    file = clearing_file(presentment())
    book(file)
    assert (ledger()[NETWORK], ledger()[CASH]) == (35_000, before)
    settle(report_of(file), bank, store, NOW)
    assert (ledger()[NETWORK], ledger()[CASH]) == (0, before + 35_000)


def test_an_advice_before_its_file_is_outstanding(
    ask: Ask, purchase: Make, bank: Bank, store: IssuerDatabase
) -> None:
    ask(purchase())
    (settled,) = settle(report_of(clearing_file(presentment())), bank, store, NOW)
    assert settled.outstanding_minor == -35_000


def test_a_file_that_comes_again_is_booked_once(
    ask: Ask, purchase: Make, funds: Funds, book: Book
) -> None:
    ask(purchase())
    file = clearing_file(presentment())
    book(file)
    assert book(file) == PostingReport(file.id, 0, 1, ())
    assert funds() == (25_000_000 - 35_000, 0)


def test_a_booking_that_broke_off_is_taken_up_again(
    book: Book, ledger: Ledger, bank: Bank, store: IssuerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = clearing_file(*(presentment(n) for n in range(1, GROUP_MAX + 11)))
    transactions = iter([store.transaction])

    def one_only() -> AbstractContextManager[Transaction]:
        return next(transactions)()

    with monkeypatch.context() as patched, pytest.raises(StopIteration):
        patched.setattr(store, "transaction", one_only)
        post(file, bank, store, NOW)
    report = book(file)
    assert (report.posted, report.repeated) == (10, GROUP_MAX)
    assert ledger()[NETWORK] == 35_000 * (GROUP_MAX + 10)


@pytest.mark.parametrize(
    ("presented", "flag", "spendable", "held", "suspense"),
    [
        (presentment(), None, -35_000, 0, 0),
        (presentment(minor=30_000), None, -30_000, 0, 0),
        (presentment(minor=36_000), Flag.OVER_HOLD, -35_000, 0, -1_000),
        (presentment(stan=2), Flag.NO_HOLD, -35_000, 35_000, -35_000),
        (replace(presentment(), number=BORIS), Flag.NO_HOLD, -35_000, 35_000, -35_000),
        (replace(presentment(), number="6" * 16), Flag.UNKNOWN_CARD, -35_000, 35_000, -35_000),
        (presentment(code="CNY", minor=4_000), Flag.OVER_HOLD, -35_000, 0, -2_400),
    ],
)
def test_the_cardholder_bears_what_was_authorised(
    presented: Presentment,
    flag: Flag | None,
    spendable: int,
    held: int,
    suspense: int,
    ask: Ask,
    purchase: Make,
    funds: Funds,
    book: Book,
    ledger: Ledger,
) -> None:
    ask(purchase())
    report = book(clearing_file(presented))
    assert [f.flag for f in report.flagged] == ([flag] if flag else [])
    assert funds() == (25_000_000 + spendable, held)
    assert ledger().get(SUSPENSE, 0) == suspense
    network = LedgerAccount(Kind.NETWORK, presented.amount.currency.code)
    assert ledger()[network] == presented.amount.minor


def test_without_a_rate_it_waits_for_a_person(
    ask: Ask, purchase: Make, funds: Funds, book: Book
) -> None:
    ask(purchase())
    report = book(clearing_file(presentment(code="JPY")))
    assert [f.flag for f in report.flagged] == [Flag.NO_RATE]
    assert funds()[1] == 35_000


def test_the_same_debit_is_borne_once(
    ask: Ask, purchase: Make, funds: Funds, book: Book, ledger: Ledger
) -> None:
    ask(purchase())
    first = book(clearing_file(presentment(), presentment()))
    second = book(clearing_file(presentment(), sequence=2))
    assert [f.flag for f in first.flagged + second.flagged] == [Flag.DUPLICATE] * 2
    assert funds() == (25_000_000 - 35_000, 0)
    assert ledger()[SUSPENSE] == -70_000


def test_a_reversed_debit_does_not_clear(
    ask: Ask, purchase: Make, reversal: Make, funds: Funds, book: Book
) -> None:
    ask(purchase(), reversal(purchase()))
    assert [f.flag for f in book(clearing_file(presentment())).flagged] == [Flag.NO_HOLD]
    assert funds() == (25_000_000, 0)


def test_a_cleared_debit_is_not_reversed(
    ask: Ask, purchase: Make, reversal: Make, funds: Funds, book: Book
) -> None:
    ask(purchase())
    book(clearing_file(presentment()))
    assert ask(reversal(purchase()))[0][39] == "25"
    assert funds() == (25_000_000 - 35_000, 0)


def test_a_refund_comes_back_once(funds: Funds, book: Book, ledger: Ledger) -> None:
    refund = replace(presentment(minor=10_000), processing_code="200000")
    report = book(clearing_file(refund, refund))
    assert [f.flag for f in report.flagged] == [Flag.DUPLICATE]
    assert funds() == (25_010_000, 0)
    assert (ledger()[NETWORK], ledger()[SUSPENSE]) == (-20_000, 10_000)


def test_a_debit_abroad_keeps_the_rate_it_was_held_at(
    ask: Ask, purchase: Make, funds: Funds, bank: Bank, store: IssuerDatabase, ledger: Ledger
) -> None:
    ask(purchase(minor=1_001, de49="156"))
    dearer = replace(bank, rates=replace(bank.rates, by_pair={("CNY", "RUB"): (20, 1)}))
    file = clearing_file(presentment(minor=1_001, code="CNY"))
    assert post(file, dearer, store, NOW).flagged == ()
    assert funds() == (25_000_000 - 9_359, 0)
    assert ledger()[LedgerAccount(Kind.EXCHANGE, "RUB")] == 9_359
    assert ledger()[LedgerAccount(Kind.EXCHANGE, "CNY")] == -1_001
    settle(report_of(file), bank, store, NOW)
    assert ledger()[LedgerAccount(Kind.NETWORK, "CNY")] == 0


def debit(stan: int, number: str, minor: int, code: str) -> Message:
    fields: dict[int, str | bytes] = {
        2: number, 3: "000000", 4: f"{minor:012d}", 7: "0830090000", 11: f"{stan:06d}",
        14: "2912" if number == ANNA else "2806", 32: "220001", 37: f"924209{stan:06d}",
        49: money("0", code).currency.numeric,
    }  # fmt: skip
    return Message("0100", fields)


def undo(original: Message, stan: int) -> Message:
    changes = {7: "0830090100", 11: f"{stan:06d}", 90: original_of(original).encode()}
    return original.with_fields(changes, drop=[14], mti="0400")


Amounts = list[tuple[bool, int, bool]]


@settings(max_examples=30, deadline=None)
@given(
    debits=st.lists(
        st.tuples(st.booleans(), st.integers(1, 60_000), st.booleans()), min_size=1, max_size=12
    ),
    seed=st.integers(0, 2**32),
)
def test_money_is_conserved_whatever_comes_in_whatever_order(debits: Amounts, seed: int) -> None:
    random, file = Random(seed), bundled()
    bank = Bank(file.participant, file.name, file.rates, bytes(16))
    database = Database("sqlite://")
    store = IssuerDatabase(database)
    enrol(file.cardholders, bank, store, NOW)
    originals = [
        debit(n, BORIS if boris else ANNA, minor, "CNY" if abroad else "RUB")
        for n, (boris, minor, abroad) in enumerate(debits, 1)
    ]
    undone = random.sample(originals, random.randint(0, len(originals)))
    messages = originals + [undo(m, 500_000 + n) for n, m in enumerate(undone)]
    messages += random.sample(messages, random.randint(0, len(messages)))
    random.shuffle(messages)
    codes = ask_in_groups(messages, bank, store, random)
    approved = [m for m in originals if "00" in codes[m.mti, m.text(11)] and m not in undone]
    files = [
        clearing_file(*map(presented_of, approved[start::2]), sequence=start + 1)
        for start in range(2)
    ]
    for name in random.choices(files, k=4) + files:
        assert not post(name, bank, store, NOW).flagged
        with store.transaction() as transaction:
            check(transaction.trial_balance())
    settle(report_of(*files), bank, store, NOW)
    with store.transaction() as transaction:
        final = transaction.trial_balance()
        assert transaction.balances(final) == final
    check(final)
    idle = (Kind.HOLDS, Kind.NETWORK, Kind.SUSPENSE)
    assert all(minor == 0 for ledger, minor in final.items() if ledger.kind in idle)
    database.close()


def ask_in_groups(
    messages: Sequence[Message], bank: Bank, store: IssuerDatabase, random: Random
) -> dict[tuple[str, str], set[str]]:
    codes: dict[tuple[str, str], set[str]] = {}
    left = list(messages)
    while left:
        size = random.randint(1, 6)
        group, left = left[:size], left[size:]
        answers = handle(group, bank, store, Outbox(), NOW)
        for request, answer in zip(group, answers, strict=True):
            codes.setdefault((request.mti, request.text(11)), set()).add(answer.text(39))
        with store.transaction() as transaction:
            check(transaction.trial_balance())
    assert all(len(found) == 1 for found in codes.values()), "a repeat is answered alike"
    return codes


def check(balances: Mapping[LedgerAccount, int]) -> None:
    sums: dict[str, int] = {}
    for ledger, minor in balances.items():
        sums[ledger.currency] = sums.get(ledger.currency, 0) + minor
        if ledger.kind in (Kind.CARDHOLDER, Kind.HOLDS):
            assert minor >= 0, "nobody here has a credit limit, and no hold ends twice"
    assert not any(sums.values())


def presented_of(message: Message) -> Presentment:
    code = "CNY" if message[49] == "156" else "RUB"
    made = presentment(int(message.text(11)), int(message.text(4)), code)
    return replace(made, number=message.text(2))
