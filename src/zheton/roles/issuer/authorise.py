"""Authorisation: is the card good, is there enough, and if so the money is held."""

from dataclasses import replace
from datetime import datetime

from zheton.core.decline import Decline, Reason
from zheton.core.money import Money, currency
from zheton.roles.issuer.book import Book
from zheton.roles.issuer.exchange import Rates
from zheton.roles.issuer.ledger import entry
from zheton.roles.issuer.request import Request
from zheton.roles.issuer.state import Account, AccountStatus, Hold, HoldStatus


def usable_account(book: Book, request: Request, now: datetime) -> Account | Decline:
    """The account of a request's card, or why the card is no good at `now` (UTC)."""
    account = book.account(request.pan_index)
    if account is None:
        return Decline(Reason.NO_ACCOUNT, "The bank has no such card.")
    if account.status is not AccountStatus.ACTIVE:
        return Decline(Reason.CARD_BLOCKED, "The card is blocked.")
    # A card is good to the last day of its month; YYMM compares as text within a century.
    if request.expiry != account.expiry or account.expiry < f"{now:%y%m}":
        return Decline(Reason.EXPIRED, "The card has expired, or has another expiry date.")
    return account


def purchase(book: Book, request: Request, rates: Rates, now: datetime) -> Decline | None:
    """Hold the money of a purchase; None, or why not."""
    account = usable_account(book, request, now)
    if isinstance(account, Decline):
        return account
    billed = bill(account, request, rates)
    if isinstance(billed, Decline):
        return billed
    refused = _limits(book, account, billed, billed, now)
    if refused is not None:
        return refused
    if book.hold((request.acquirer, request.retrieval_reference)) is not None:
        # Clearing and reversal find a hold by these two, so they have to be unique.
        return Decline(
            Reason.CHANGED_REPEAT, "The retrieval reference is that of another debit already."
        )
    hold = new_hold(account, request, billed, now)
    raise_hold(book, account, hold, request.id, billed, now)
    return None


def increment(book: Book, request: Request, rates: Rates, now: datetime) -> Decline | None:
    """Hold more money for a debit whose hold is open; None, or why not."""
    account = usable_account(book, request, now)
    if isinstance(account, Decline):
        return account
    hold = book.hold((request.acquirer, request.retrieval_reference))
    if (
        hold is None
        or hold.account_id != account.id
        or hold.amount.currency != request.amount.currency
    ):
        return Decline(Reason.NO_ORIGINAL, "Nothing is held under this retrieval reference.")
    if hold.status is not HoldStatus.HELD:
        return Decline(Reason.REVERSED, f"The hold is {hold.status}; nothing is added to it.")
    billed = bill(account, request, rates)
    if isinstance(billed, Decline):
        return billed
    refused = _limits(book, account, billed, hold.minor + billed, now)
    if refused is not None:
        return refused
    today = now.date()
    before = hold.day_minor if hold.held_on == today else 0
    raised = replace(
        hold,
        minor=hold.minor + billed,
        amount=Money(hold.amount.minor + request.amount.minor, hold.amount.currency),
        held_on=today,
        day_minor=before + billed,
    )
    raise_hold(book, account, raised, request.id, billed, now)
    return None


def refund(book: Book, request: Request, now: datetime) -> Decline | None:
    """Whether a refund may come; it moves no money before it clears."""
    account = usable_account(book, request, now)
    return account if isinstance(account, Decline) else None


def bill(account: Account, request: Request, rates: Rates) -> int | Decline:
    """What a request costs in minor units of the account's currency, if there is a rate."""
    billed = rates.bill(request.amount, currency(account.currency))
    if billed is None:
        return Decline(
            Reason.ISSUER_DECLINED,
            f"The bank has no rate from {request.amount.currency.code} to {account.currency}.",
        )
    return billed


def _limits(book: Book, account: Account, billed: int, total: int, now: datetime) -> Decline | None:
    """Why `billed` is too much today, or `total` for one debit."""
    if total > account.debit_limit_minor:
        return Decline(Reason.AMOUNT_LIMIT, "The amount is over the account's limit for a debit.")
    if account.spent(now.date()) + billed > account.daily_limit_minor:
        return Decline(Reason.AMOUNT_LIMIT, "The amount is over what the account has left today.")
    if book.balance(account.money) + account.credit_limit_minor < billed:
        return Decline(Reason.INSUFFICIENT_FUNDS, "The account has not enough money.")
    return None


def new_hold(account: Account, request: Request, billed: int, now: datetime) -> Hold:
    """The hold of a purchase, `billed` in minor units of the account's currency."""
    return Hold(
        acquirer=request.acquirer,
        retrieval_reference=request.retrieval_reference,
        account_id=account.id,
        minor=billed,
        amount=request.amount,
        held_on=now.date(),
        day_minor=billed,
    )


def raise_hold(
    book: Book, account: Account, hold: Hold, cause: str, billed: int, now: datetime
) -> None:
    """Hold `billed` more, after which the hold stands so; the id of the request is the cause."""
    today = now.date()
    book.post(entry(f"hold/{cause}", now, (account.money, -billed), (account.held, billed)))
    book.put_hold(hold)
    spent = account.spent(today) + billed
    book.put_account(replace(account, spent_on=today, spent_minor=spent))
