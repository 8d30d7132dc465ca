"""After a chain has run: do all parties tell the same story, and is all the money there?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from zheton.apps.bench.cards import BenchCard, batches_of
from zheton.apps.bench.report import Check
from zheton.apps.wiring import Installation
from zheton.core.debit import DebitState, Location
from zheton.roles.acquirer.state import Record, Sale, Status
from zheton.roles.issuer.ledger import Kind
from zheton.roles.issuer.state import HoldStatus
from zheton.roles.tsp.service import TokenService


@dataclass(frozen=True, slots=True)
class Sold:
    """A sale and what the till was told of it."""

    sale: Sale
    record: Record


def audit(
    on: Installation, cards: Sequence[BenchCard], acquirer_id: str, sold: Sequence[Sold]
) -> list[Check]:
    """What must be true after a run that had nothing but good debits; `sold` are all of them."""
    tokens = TokenService(on.keys, on.vault, on.rules)
    places = [(tokens.locate(each.sale.entry.number), each.record) for each in sold]
    located = [(at, record) for at, record in places if at is not None]
    records = [each.record for each in sold]
    return [
        Check(
            "every debit was approved",
            bool(sold) and all(record.status is Status.APPROVED for record in records),
        ),
        Check("the acquirer's journal has each sale as the till was told", _acquirer(on, records)),
        Check(
            "the network's journal has each debit exactly once",
            len(located) == len(sold) and all(_network(on, at, record) for at, record in located),
        ),
        Check(
            "the issuer holds the money of each debit exactly once",
            _holds(on, acquirer_id, records),
        ),
        Check(
            "exactly the numbers that paid are burnt", _burnt(on, cards, [at for at, _ in located])
        ),
        Check("no money appeared or vanished", _money(on, cards, records)),
    ]


def _acquirer(on: Installation, records: Sequence[Record]) -> bool:
    with on.acquirer.transaction() as tx:
        kept = tx.find({record.rrn for record in records})
    by_rrn = {record.rrn: record for record in records}
    return len(by_rrn) == len(records) == len(kept) and all(
        by_rrn[record.rrn] == record for record in kept
    )


def _network(on: Installation, at: Location, record: Record) -> bool:
    lines = on.vault.of_number(at)
    return [
        (line.state, line.retrieval_reference, line.amount, line.auth_code) for line in lines
    ] == [(DebitState.APPROVED, record.rrn, record.amount, record.auth_code)]


def _holds(on: Installation, acquirer_id: str, records: Sequence[Record]) -> bool:
    keys = {(acquirer_id, record.rrn) for record in records}
    with on.issuer.transaction() as tx:
        holds = {hold.key: hold for hold in tx.holds(keys)}
    return len(holds) == len(records) and all(
        holds[acquirer_id, record.rrn].status is HoldStatus.HELD
        and holds[acquirer_id, record.rrn].amount == record.amount
        for record in records
    )


def _burnt(on: Installation, cards: Sequence[BenchCard], paid: Sequence[Location]) -> bool:
    wanted: Counter[tuple[str, int]] = Counter()
    for at in paid:
        wanted[at.bin, at.slot.batch] |= 1 << at.slot.place
    # A batch that is wholly burnt is no longer among its card's, but still behind its numbers.
    leased = [lease.batch for lease in on.vault.leases(paid).values()]
    leased += [batch for card in cards for batch in batches_of(on, card)]
    found = {(batch.bin, batch.batch): batch.burnt & (1 << 64) - 1 for batch in leased}
    return {name: burnt for name, burnt in found.items() if burnt} == dict(wanted)


def _money(on: Installation, cards: Sequence[BenchCard], records: Sequence[Record]) -> bool:
    """Every currency sums to zero, and what is held for the cards is what the tills sold."""
    with on.issuer.transaction() as tx:
        balances = tx.trial_balance()
        read = tx.balances(list(balances))
    totals: Counter[str] = Counter()
    held, accounts = 0, {card.account for card in cards}
    for account, minor in balances.items():
        totals[account.currency] += minor
        if account.kind is Kind.HOLDS and account.owner in accounts:
            held += minor
    sold = sum(record.amount.minor for record in records)
    return not any(totals.values()) and dict(read) == dict(balances) and held == sold
