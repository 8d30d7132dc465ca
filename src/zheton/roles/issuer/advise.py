"""Advice (0120): the network has approved a debit for the bank, which holds its money once.

The bank may know the debit: it approved it, and its answer was lost; it declined it, too late; or
the debit was reversed before the advice came. The advice means the debit of its original's id, so
all of these are one debit (docs/decisions/0016-stand-in.md).
"""

from dataclasses import replace
from datetime import datetime

from zheton.core.clearing import PURCHASE
from zheton.core.decline import Decline, Reason
from zheton.roles.issuer.authorise import bill, new_hold, raise_hold
from zheton.roles.issuer.book import Book
from zheton.roles.issuer.exchange import Rates
from zheton.roles.issuer.lower import held
from zheton.roles.issuer.request import Request
from zheton.roles.issuer.state import Account, Answered, HoldStatus, RequestKind

APPROVED = "00"


def advise(book: Book, request: Request, rates: Rates, now: datetime) -> Decline | None:
    """Hold the money of an approved debit, whatever the account has; None, or why nothing can be.

    Limits, balance and the card's status are not asked: the merchant has been promised the money.
    """
    original = book.answered(request.original_id)
    if original is not None and original.kind is RequestKind.OVERTAKEN:
        return None  # reversed already: there is nothing to hold
    account = book.account(request.pan_index)
    if account is None:
        return Decline(Reason.NO_ACCOUNT, "The bank has no such card.")
    if original is not None and original.response_code == APPROVED:
        return _known(book, request, original)
    if book.hold((request.acquirer, request.retrieval_reference)) is not None:
        return Decline(
            Reason.CHANGED_REPEAT, "The retrieval reference is that of another debit already."
        )
    billed = bill(account, request, rates)
    if isinstance(billed, Decline):
        return billed
    _book(book, account, request, billed, now)
    if original is None:
        book.answer(_forestalled(account, request))
    return None


def _known(book: Book, request: Request, original: Answered) -> Decline | None:
    """The bank approved this debit itself, so its money is held, cleared or released already."""
    if (
        isinstance(held(book, request), Decline)
        or original.kind is not RequestKind.PURCHASE
        or original.asked_minor != request.amount.minor
    ):
        return Decline(Reason.FORMAT, "The advice does not agree with its original.")
    return None


def _book(book: Book, account: Account, request: Request, billed: int, now: datetime) -> None:
    hold = new_hold(account, request, billed, now)
    if book.presented((request.acquirer, request.retrieval_reference, PURCHASE)) is None:
        # The id of the original makes the entry one: the bank can't hold it twice.
        raise_hold(book, account, hold, request.original_id, billed, now)
    else:  # clearing came first and put the money into suspense, where a person finds it
        book.put_hold(replace(hold, status=HoldStatus.CLEARED))


def _forestalled(account: Account, request: Request) -> Answered:
    """What the original will be answered, should it come after its advice."""
    return Answered(
        request.original_id,
        RequestKind.ADVISED,
        b"",
        account.id,
        APPROVED,
        request.authorisation,
        asked_minor=request.amount.minor,
    )
