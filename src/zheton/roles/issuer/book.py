"""The part of the ledger that one group of requests touches, held in memory while it is worked on.

It is read in a few bulk statements, changed request by request, so that two debits of one account
in one group see each other, and written back at once.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from zheton.roles.issuer.ledger import Entry, LedgerAccount
from zheton.roles.issuer.ports import Changes, IssuerTransaction
from zheton.roles.issuer.state import Account, Answered, Hold, HoldKey, Presented, PresentedKey


@dataclass(frozen=True, slots=True)
class Touched:
    """The keys of everything that a group may touch."""

    pan_indexes: Collection[bytes] = field(default=(), repr=False)
    requests: Collection[str] = ()
    holds: Collection[HoldKey] = ()
    presented: Collection[PresentedKey] = ()


class Book:
    """Accounts, balances, holds and answers by their keys, and what was changed in them."""

    def __init__(self, transaction: IssuerTransaction, touched: Touched) -> None:
        accounts = transaction.accounts_by_pan(touched.pan_indexes)
        self._accounts = {account.pan_index: account for account in accounts}
        funds = [ledger for a in accounts for ledger in (a.money, a.held)]
        self._balances = defaultdict(int, transaction.balances(funds))
        self._answered = {a.id: a for a in transaction.answered(touched.requests)}
        self._holds = {h.key: h for h in transaction.holds(touched.holds)}
        self._presented = {p.key: p for p in transaction.presented(touched.presented)}
        self._entries: list[Entry] = []
        self._changed_accounts: dict[str, Account] = {}
        self._changed_holds: dict[HoldKey, Hold] = {}
        self._new_answers: list[Answered] = []
        self._new_presented: list[Presented] = []

    def account(self, pan_index: bytes) -> Account | None:
        """The account of a card."""
        return self._accounts.get(pan_index)

    def balance(self, account: LedgerAccount) -> int:
        """What a cardholder has or has promised, in minor units, this group's entries included."""
        return self._balances[account]

    def answered(self, request_id: str) -> Answered | None:
        """How a request was answered."""
        return self._answered.get(request_id)

    def hold(self, key: HoldKey) -> Hold | None:
        """A hold, whatever its status."""
        return self._holds.get(key)

    def presented(self, key: PresentedKey) -> Presented | None:
        """An earlier presentment of the same debit or refund."""
        return self._presented.get(key)

    def post(self, entry: Entry) -> None:
        """Book an entry."""
        self._entries.append(entry)
        for posting in entry.postings:
            self._balances[posting.account] += posting.minor

    def put_account(self, account: Account) -> None:
        """Replace an account, whose card stays the same."""
        self._accounts[account.pan_index] = self._changed_accounts[account.id] = account

    def put_hold(self, hold: Hold) -> None:
        """Add a hold, or replace the one of the same key."""
        self._holds[hold.key] = self._changed_holds[hold.key] = hold

    def answer(self, answered: Answered) -> None:
        """Remember an answer."""
        self._answered[answered.id] = answered
        self._new_answers.append(answered)

    def present(self, presented: Presented) -> None:
        """Remember a presentment; of several alike the first stays the one that is found."""
        self._presented.setdefault(presented.key, presented)
        self._new_presented.append(presented)

    def changes(self) -> Changes:
        """Everything that the group changed."""
        return Changes(
            self._entries,
            tuple(self._changed_accounts.values()),
            tuple(self._changed_holds.values()),
            self._new_answers,
            self._new_presented,
        )
