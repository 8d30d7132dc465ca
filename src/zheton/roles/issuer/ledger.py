"""Double entry: every movement of money is an entry whose postings sum to zero in each currency.

Signs are the bank's liabilities: a posting above zero is a credit, what the bank owes more
(the cardholder's money, the network's claims); below zero is a debit. Cash is an asset, so it
stands below zero while the bank has it, and all balances together are always zero.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from zheton.core.errors import ConflictError


class Kind(StrEnum):
    """What a ledger account is for."""

    CARDHOLDER = "cardholder"  # what the cardholder can spend
    HOLDS = "holds"  # what is promised to merchants and not cleared yet
    NETWORK = "network"  # cleared, to be paid in the next settlement
    CASH = "cash"  # the bank's own account at the settlement bank
    EXCHANGE = "exchange"  # the bank's open position where a debit is in another currency
    SUSPENSE = "suspense"  # presented by the network, and nobody here authorised it


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """One account of the ledger; `owner` is an account id for cardholder and holds, else empty."""

    kind: Kind
    currency: str
    owner: str = ""

    @property
    def id(self) -> str:
        """Its key in the store."""
        return f"{self.kind}/{self.currency}/{self.owner}"


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry, in minor units of the account's currency."""

    account: LedgerAccount
    minor: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of money. ConflictError unless it has two lines or more and they balance.

    `id` says what caused it, so that the same cause can't be booked twice.
    """

    id: str
    at: datetime
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        sums: defaultdict[str, int] = defaultdict(int)
        for posting in self.postings:
            sums[posting.account.currency] += posting.minor
        if len(self.postings) < 2 or any(sums.values()):
            raise ConflictError(
                f"Entry {self.id} does not balance, so it would make or lose money; "
                "nothing was booked."
            )


def entry(entry_id: str, at: datetime, *lines: tuple[LedgerAccount, int]) -> Entry:
    """An entry of (account, minor) lines; lines of zero are left out."""
    return Entry(entry_id, at, tuple(Posting(account, minor) for account, minor in lines if minor))
