"""Reversal (0400): a hold is released once, also when the reversal overtakes its original."""

from dataclasses import replace
from datetime import datetime

from zheton.core.decline import RESPONSE_CODE, Decline, Reason
from zheton.roles.issuer.book import Book
from zheton.roles.issuer.ledger import entry
from zheton.roles.issuer.request import Request
from zheton.roles.issuer.state import Account, Answered, Hold, HoldStatus, RequestKind


def reverse(book: Book, request: Request, now: datetime) -> Decline | None:
    """Release what the original holds; None, or why there is nothing to release.

    An original that has not come yet is noted, so that it is refused when it comes: whoever sent
    the reversal has given the debit up.
    """
    original = book.answered(request.original_id)
    if original is None:
        refused = RESPONSE_CODE[Reason.REVERSED]
        book.answer(Answered(request.original_id, RequestKind.OVERTAKEN, b"", "", refused))
    if original is None or original.kind is RequestKind.OVERTAKEN:
        return Decline(Reason.NO_ORIGINAL, "The original is not known here; it will be refused.")
    if original.response_code != "00" or original.kind is not RequestKind.PURCHASE:
        return None
    hold = book.hold((request.acquirer, request.retrieval_reference))
    account = book.account(request.pan_index)
    if hold is None or account is None or not _agrees(hold, account, request):
        return Decline(Reason.FORMAT, "The reversal does not agree with its original.")
    if hold.status is HoldStatus.CLEARED:
        return Decline(Reason.NO_ORIGINAL, "The debit has cleared; it takes a refund now.")
    if hold.status is HoldStatus.HELD:
        _release(book, account, hold, request, now)
    return None


def _agrees(hold: Hold, account: Account, request: Request) -> bool:
    return hold.account_id == account.id and hold.amount == request.amount


def _release(book: Book, account: Account, hold: Hold, request: Request, now: datetime) -> None:
    lines = ((account.held, -hold.minor), (account.money, hold.minor))
    book.post(entry(f"release/{request.original_id}", now, *lines))
    book.put_hold(replace(hold, status=HoldStatus.RELEASED))
    if account.spent_on == hold.held_on:
        book.put_account(replace(account, spent_minor=account.spent_minor - hold.minor))
