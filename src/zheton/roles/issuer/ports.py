"""What the issuer needs from outside: a store with transactions, and a way to its cardholders."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from zheton.roles.issuer.ledger import Entry, LedgerAccount
from zheton.roles.issuer.state import Account, Answered, Hold, HoldKey, Presented, PresentedKey


@dataclass(frozen=True, slots=True)
class Changes:
    """What a group did to the ledger. Entries, answers and presentments are new by their keys;

    accounts and holds replace what was there. Balances follow from the entries.
    """

    entries: Sequence[Entry] = ()
    accounts: Sequence[Account] = ()
    holds: Sequence[Hold] = ()
    answered: Sequence[Answered] = ()
    presented: Sequence[Presented] = ()


class IssuerTransaction(Protocol):
    """Single operations within one transaction; unknown keys are left out of what is returned."""

    def accounts_by_pan(self, indexes: Collection[bytes]) -> Sequence[Account]:
        """Accounts by keyed card index, locked until the transaction ends, in the order of ids."""
        ...

    def accounts(self) -> Sequence[Account]:
        """All accounts, in the order of ids."""
        ...

    def balances(self, accounts: Collection[LedgerAccount]) -> Mapping[LedgerAccount, int]:
        """Balances in minor units."""
        ...

    def trial_balance(self) -> Mapping[LedgerAccount, int]:
        """All balances, each added up from its postings and not read from its row."""
        ...

    def answered(self, ids: Collection[str]) -> Sequence[Answered]:
        """Requests that were answered."""
        ...

    def holds(self, keys: Collection[HoldKey]) -> Sequence[Hold]:
        """Holds, whatever their status."""
        ...

    def presented(self, keys: Collection[PresentedKey]) -> Sequence[Presented]:
        """Presentments that were booked, of any file."""
        ...

    def entries(self, ids: Collection[str]) -> Sequence[str]:
        """Which of these entries exist."""
        ...

    def apply(self, changes: Changes) -> None:
        """Write a group's changes and add its postings to the balances.

        ConflictError if an entry, an answer or a presentment is there already.
        """
        ...


class IssuerStore(Protocol):
    """The issuer's database."""

    def transaction(self) -> AbstractContextManager[IssuerTransaction]:
        """A transaction: durable when the block has ended, undone if it raises."""
        ...


class Messenger(Protocol):
    """The bank's way to a cardholder, SMS as a rule."""

    def send(self, phone: str, text: str) -> None:
        """Take a message for delivery. It queues, and so neither waits nor fails."""
        ...
