"""A day's money from the tills to the bank: acquirer, network and issuer add up to one another.

Messages and files go as bytes. The network's authorisation is left out: the test itself puts the
card number in place of the one-time number, so that a day of many debits stays quick.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.adapters import ipm
from zheton.adapters.issuer_file import bundled
from zheton.adapters.outbox import Outbox
from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.clearing import ClearingDatabase
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.core.clearing import ClearingFile, Presentment
from zheton.core.country import country
from zheton.core.decline import Decline, Reason
from zheton.core.follow_up import FollowUpKind
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, decode, encode
from zheton.core.money import Money, currency
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.clear import clear as present
from zheton.roles.acquirer.follow import conclude, follow
from zheton.roles.acquirer.follow_up import Wish
from zheton.roles.acquirer.sell import complete, sell
from zheton.roles.acquirer.state import Acquirer, ChipEntry, Merchant, Sale, Status, Till
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.ledger import Kind, LedgerAccount
from zheton.roles.issuer.post import post
from zheton.roles.issuer.settle import settle
from zheton.roles.issuer.state import Bank
from zheton.roles.network.clear import Cleared, ResolvedCard, clear

NOW = datetime(2019, 8, 30, 9, 0, tzinfo=UTC)
LOCAL = datetime.fromisoformat("2019-08-30T12:00:00")
SHOP = Merchant("MSKCOFFEE", "Kofeynya", "Moscow", country("RU"), "5814", currency("RUB"))
TILL = Till("MSK00001", SHOP, Channel.TILL)
ACQUIRER = Acquirer("400001")
PAN, EXPIRY = "5413330089600010", "2912"
CASH = LedgerAccount(Kind.CASH, "RUB")


class Day:
    """Three parties, each on a database of its own, and the network's way from number to card."""

    def __init__(self) -> None:
        file = bundled()
        self.bank = Bank(file.participant, file.name, file.rates, bytes(16))
        self.databases = [Database("sqlite://") for _ in range(3)]
        self.acquirer = AcquirerDatabase(self.databases[0])
        self.network = ClearingDatabase(self.databases[1])
        self.issuer = IssuerDatabase(self.databases[2])
        enrol(file.cardholders, self.bank, self.issuer, NOW)
        self.approved: set[str] = set()

    def sell(self, amounts: list[int]) -> None:
        sales = [
            Sale(TILL, Money(minor, currency("RUB")), _chip(n), LOCAL)
            for n, minor in enumerate(amounts)
        ]
        messages = sell(sales, ACQUIRER, self.acquirer, NOW)
        forwarded = [
            m.with_fields({2: PAN, 14: EXPIRY, 33: "900001"}, drop=(35, 55)) for m in messages
        ]
        arrived = [decode(DIALECT, encode(DIALECT, m)) for m in forwarded]
        answers = handle(arrived, self.bank, self.issuer, Outbox(), NOW)
        pairs = list(zip(messages, answers, strict=True))
        complete([(m.text(37), _returned(m, answer)) for m, answer in pairs], self.acquirer)
        self.approved |= {m.text(37) for m, answer in pairs if answer[39] == "00"}

    def refund(self, rrn: str, amount: Money) -> None:
        """Part of a cleared sale is given back, as the bank allows."""
        wish = Wish(FollowUpKind.REFUND, "returned-goods", amount)
        line, message = follow(rrn, wish, self.acquirer, NOW)
        assert message is not None
        asked = message.with_fields({2: PAN, 14: EXPIRY, 33: "900001"})
        (answer,) = handle([asked], self.bank, self.issuer, Outbox(), NOW)
        done = conclude(line, _returned(message, answer), self.acquirer)
        assert done.status is Status.APPROVED
        self.approved.add(done.message_rrn)

    def clear(self) -> Cleared | None:
        file = present(LOCAL.date(), ACQUIRER, self.acquirer)
        if file is None:
            return None
        cleared = clear(_sent(file), self.resolve, self.network)
        for _ in range(2):  # what comes twice is booked once
            for part in cleared.outgoing.values():
                assert not post(_sent(part), self.bank, self.issuer, NOW).flagged
            settle(cleared.report, self.bank, self.issuer, NOW)
        return cleared

    def resolve(self, presentment: Presentment) -> ResolvedCard | Decline:
        if presentment.retrieval_reference not in self.approved:
            return Decline(Reason.NO_ORIGINAL, "No debit of this number is known.")
        return ResolvedCard(PAN, EXPIRY, self.bank.participant)

    def balances(self) -> Mapping[LedgerAccount, int]:
        with self.issuer.transaction() as transaction:
            return transaction.trial_balance()

    def close(self) -> None:
        for database in self.databases:
            database.close()


def _chip(number: int) -> ChipEntry:
    return ChipEntry(f"520473{number:010d}", "2508", 1, None, b"\x9f\x36\x02\x00\x01")


def _returned(request: Message, answer: Message) -> Message:
    """The issuer's answer as the acquirer gets it: with its own number again."""
    return answer.with_fields({2: request.text(2)})


def _sent(file: ClearingFile) -> ClearingFile:
    return ipm.read(ipm.write(file))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 6_000_000), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(1, 100)), max_size=4),
)
def test_what_the_tills_sold_is_what_the_bank_pays(
    amounts: list[int], refunds: list[tuple[int, int]]
) -> None:
    day = Day()
    before = day.balances()[CASH]
    day.sell(amounts)
    day.clear()
    with day.acquirer.transaction() as transaction:
        sold = {r.rrn: r.amount for r in transaction.with_status(Status.CLEARED, 100)}
    assert set(sold) == day.approved
    returned = 0
    for rrn, percent in {
        rrn: percent for place, percent in refunds for rrn in sorted(sold)[place : place + 1]
    }.items():
        part = replace(sold[rrn], minor=max(1, sold[rrn].minor * percent // 100))
        day.refund(rrn, part)
        returned += part.minor
    day.clear()
    balances, spent = day.balances(), sum(m.minor for m in sold.values()) - returned
    assert balances[LedgerAccount(Kind.CARDHOLDER, "RUB", "anna")] == 25_000_000 - spent
    assert balances[CASH] == before + spent
    open_kinds = (Kind.HOLDS, Kind.NETWORK, Kind.SUSPENSE)
    assert not any(minor for ledger, minor in balances.items() if ledger.kind in open_kinds)
    day.close()


def test_the_file_for_the_bank_holds_the_card_and_the_report_does_not() -> None:
    day = Day()
    day.sell([35_000])
    cleared = day.clear()
    assert cleared is not None
    part = cleared.outgoing[day.bank.participant]
    assert PAN.encode() in ipm.write(part)
    assert PAN not in repr(cleared) and PAN not in repr(cleared.report)
    day.close()
