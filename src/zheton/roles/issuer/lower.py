"""What lowers a hold: its completion for less, a partial reversal, the end of an increment.

The part that stays is billed at the rate at which it was promised. A hold that is completed or has
ended is not lowered any more: these come from the network's journal, in any order, and a completion
says all.
"""

from dataclasses import replace
from datetime import datetime

from zheton.core.decline import Decline, Reason
from zheton.core.money import Money
from zheton.roles.issuer.book import Book
from zheton.roles.issuer.ledger import entry
from zheton.roles.issuer.request import Request
from zheton.roles.issuer.state import Account, Hold, HoldStatus

_NOTHING_HELD = Decline(Reason.NO_ORIGINAL, "Nothing is held any more; there is nothing to lower.")


def complete(book: Book, request: Request, now: datetime) -> Decline | None:
    """Keep what a completion says and release the rest, for good; None, or why nothing is done."""
    found = held(book, request)
    if isinstance(found, Decline):
        return found
    account, hold = found
    if hold.status is not HoldStatus.HELD:
        return _NOTHING_HELD
    if not 0 < request.amount.minor <= hold.amount.minor:
        return Decline(Reason.AMOUNT_LIMIT, "A completion is of no more than what is held.")
    keep = request.amount.minor
    lower(book, account, replace(hold, status=HoldStatus.COMPLETED), keep, request.id, now)
    return None


def reverse_partially(book: Book, request: Request, now: datetime) -> Decline | None:
    """Release what a partial reversal gives back; None, or why nothing is done.

    It says what was held before and after at the network, where increments may have come or gone
    that are under way here: so it is the difference that is given back.
    """
    found = held(book, request)
    if isinstance(found, Decline):
        return found
    account, hold = found
    if hold.status is not HoldStatus.HELD:
        return _NOTHING_HELD
    rest = request.amount.minor if request.rest is None else request.rest.minor
    keep = hold.amount.minor - (request.amount.minor - rest)
    if keep <= 0:
        return Decline(Reason.AMOUNT_LIMIT, "More is given back than is held.")
    lower(book, account, hold, keep, request.id, now)
    return None


def held(book: Book, request: Request) -> tuple[Account, Hold] | Decline:
    """The account and the hold that a message is about, in whatever status."""
    hold = book.hold((request.acquirer, request.retrieval_reference))
    account = book.account(request.pan_index)
    if hold is None:
        return Decline(Reason.NO_ORIGINAL, "Nothing is held under this retrieval reference.")
    if (
        account is None
        or hold.account_id != account.id
        or hold.amount.currency != request.amount.currency
    ):
        return Decline(Reason.FORMAT, "The message does not agree with its original.")
    return account, hold


def lower(book: Book, account: Account, hold: Hold, keep: int, cause: str, now: datetime) -> None:
    """Keep `keep` minor units of what the merchant asked for, and release the rest."""
    kept = -(-hold.minor * keep // hold.amount.minor)
    free = hold.minor - kept
    if free:
        book.post(entry(f"release/{cause}", now, (account.held, -free), (account.money, free)))
    # What rose last falls first, so a limit never gets back what counted on another day.
    of_day = min(free, hold.day_minor)
    amount = Money(keep, hold.amount.currency)
    book.put_hold(replace(hold, minor=kept, amount=amount, day_minor=hold.day_minor - of_day))
    if of_day and account.spent_on == hold.held_on:
        book.put_account(replace(account, spent_minor=account.spent_minor - of_day))
