"""Opening accounts: a cardholder, a card, limits, and the money that the account starts with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from zheton.core.errors import ConflictError
from zheton.core.token.pan import Pan
from zheton.roles.issuer.ledger import Kind, LedgerAccount, entry
from zheton.roles.issuer.ports import Changes, IssuerStore
from zheton.roles.issuer.state import Account, AccountStatus, Bank


@dataclass(frozen=True, slots=True)
class Cardholder:
    """What the bank is told when it opens an account; amounts are minor units of `currency`.

    `expiry` is YYMM. `phone` is a country code, a space and the rest, or empty.
    """

    id: str
    holder: str = field(repr=False)
    pan: Pan
    expiry: str
    currency: str
    opening_minor: int
    credit_limit_minor: int
    debit_limit_minor: int
    daily_limit_minor: int
    phone: str = field(repr=False)
    status: AccountStatus = AccountStatus.ACTIVE


def enrol(
    cardholders: Sequence[Cardholder], bank: Bank, store: IssuerStore, now: datetime
) -> list[Account]:
    """Open the accounts that are not there yet and return the new ones; all or none.

    ConflictError if a card belongs to another account already. An account that exists is left as
    it is: its money is the ledger's business and no longer the file's.
    """
    with store.transaction() as transaction:
        existing = {account.id: account for account in transaction.accounts()}
        owners = {account.pan_index: account.id for account in existing.values()}
        opened = []
        for cardholder in cardholders:
            account = _account(cardholder, bank)
            if owners.setdefault(account.pan_index, account.id) != account.id:
                raise ConflictError(
                    f"The card *{account.last4} of account {account.id} belongs to another "
                    "account; give each account a card of its own."
                )
            if account.id not in existing:
                existing[account.id] = account
                opened.append((account, cardholder.opening_minor))
        entries = [
            entry(
                f"opening/{account.id}",
                now,
                (account.money, minor),
                (LedgerAccount(Kind.CASH, account.currency), -minor),
            )
            for account, minor in opened
            if minor
        ]
        accounts = [account for account, _ in opened]
        transaction.apply(Changes(entries=entries, accounts=accounts))
    return accounts


def _account(cardholder: Cardholder, bank: Bank) -> Account:
    return Account(
        id=cardholder.id,
        holder=cardholder.holder,
        pan_index=bank.pan_index(cardholder.pan.reveal()),
        last4=cardholder.pan.last4,
        expiry=cardholder.expiry,
        currency=cardholder.currency,
        credit_limit_minor=cardholder.credit_limit_minor,
        debit_limit_minor=cardholder.debit_limit_minor,
        daily_limit_minor=cardholder.daily_limit_minor,
        phone=cardholder.phone,
        status=cardholder.status,
    )
