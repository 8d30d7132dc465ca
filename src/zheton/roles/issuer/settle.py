"""Settlement: the network's net advice is paid, so that what the bank owes it comes to nothing."""

from dataclasses import dataclass
from datetime import datetime

from zheton.core.clearing import SettlementReport
from zheton.roles.issuer.ledger import Kind, LedgerAccount, entry
from zheton.roles.issuer.ports import Changes, IssuerStore
from zheton.roles.issuer.state import Bank


@dataclass(frozen=True, slots=True)
class Settled:
    """One currency: what the bank paid (below zero: received) and what it owes after that.

    `outstanding_minor` is zero once all files of the report are posted; `repeated` tells that
    the advice had been paid before and nothing moved now.
    """

    currency: str
    paid_minor: int
    outstanding_minor: int
    repeated: bool


def settle(
    report: SettlementReport, bank: Bank, store: IssuerStore, now: datetime
) -> tuple[Settled, ...]:
    """Pay the bank's positions of a report, each currency once however often the report comes."""
    own = [p for p in report.positions if p.participant == bank.participant]
    ids = {p: f"settlement/{report.file_id}/{p.currency}" for p in own}
    with store.transaction() as transaction:
        done = set(transaction.entries(ids.values()))
        entries = [
            entry(
                ids[position],
                now,
                (LedgerAccount(Kind.NETWORK, position.currency), position.minor),
                (LedgerAccount(Kind.CASH, position.currency), -position.minor),
            )
            for position in own
            if ids[position] not in done
        ]
        transaction.apply(Changes(entries=entries))
        payable = [LedgerAccount(Kind.NETWORK, position.currency) for position in own]
        balances = transaction.balances(payable)
    return tuple(
        Settled(p.currency, -p.minor, balances.get(account, 0), ids[p] in done)
        for p, account in zip(own, payable, strict=True)
    )
