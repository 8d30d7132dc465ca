"""Reversal (0400): a hold is released once, also when the reversal overtakes its original."""

from dataclasses import replace
from datetime import datetime

from zheton.core.decline import RESPONSE_CODE, Decline, Reason
from zheton.roles.issuer.book import Book
from zheton.roles.issuer.lower import held, lower
from zheton.roles.issuer.request import Request, advice_id
from zheton.roles.issuer.state import Answered, Hold, HoldStatus, RequestKind

APPROVED = "00"
_DEBIT = (RequestKind.PURCHASE, RequestKind.ADVISED)


def reverse(book: Book, request: Request, now: datetime) -> Decline | None:
    """Release what the original holds; None, or why there is nothing to release.

    An original that has not come yet is noted, so that it is refused when it comes: whoever sent
    the reversal has given the debit up. A reversed increment gives back what it added.
    """
    original = book.answered(request.original_id)
    if original is None:
        refused = RESPONSE_CODE[Reason.REVERSED]
        book.answer(Answered(request.original_id, RequestKind.OVERTAKEN, b"", "", refused))
    if original is None or original.kind is RequestKind.OVERTAKEN:
        return Decline(Reason.NO_ORIGINAL, "The original is not known here; it will be refused.")
    if not _approved(book, original, request):
        return None
    found = held(book, request)
    if isinstance(found, Decline) or original.asked_minor != request.amount.minor:
        return Decline(Reason.FORMAT, "The reversal does not agree with its original.")
    account, hold = found
    if hold.status is HoldStatus.CLEARED:
        return Decline(Reason.NO_ORIGINAL, "The debit has cleared; it takes a refund now.")
    after = _after(hold, original)
    if after is not None:
        lower(book, account, *after, request.original_id, now)
    return None


def _approved(book: Book, original: Answered, request: Request) -> bool:
    """Whether the bank holds the original: it approved it, or the network did so in its place."""
    if original.kind not in (*_DEBIT, RequestKind.INCREMENT):
        return False
    if original.response_code == APPROVED or original.kind is RequestKind.INCREMENT:
        return original.response_code == APPROVED
    advice = book.answered(advice_id(request.original_id))
    if advice is not None:
        return advice.response_code == APPROVED
    # An advice of it may still come, and has nothing to tell any more.
    book.answer(Answered(advice_id(request.original_id), RequestKind.OVERTAKEN, b"", "", APPROVED))
    return False


def _after(hold: Hold, original: Answered) -> tuple[Hold, int] | None:
    """The hold's new status, and what stays of it; None where the original holds nothing more."""
    if hold.status is HoldStatus.RELEASED:
        return None
    if original.kind in _DEBIT:
        return replace(hold, status=HoldStatus.RELEASED), 0
    # A completion has said already what is kept, whatever had been added before.
    if hold.status is HoldStatus.COMPLETED:
        return None
    return hold, hold.amount.minor - original.asked_minor
