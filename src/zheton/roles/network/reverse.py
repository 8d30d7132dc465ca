"""A reversal (0400): undoes a debit once; one that comes before its original blocks it for good.

No reversal ever clears a burnt bit: the number stays spent. What the debit counted towards its
card's limits of the day is given back. A line is kept for numbers that are leased alone, while the
original could still come, and for no more of them than a batch could need, or anybody could fill
the journal.
"""

from dataclasses import replace
from datetime import datetime

from zheton.core import money
from zheton.core.debit import DebitState, Journalled, Location, Place
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import ZhetonError
from zheton.core.iso8583.match import Original, decode_original
from zheton.core.iso8583.message import Message
from zheton.core.money import Money
from zheton.core.token.batch import BATCH_SIZE
from zheton.roles.network.answer import answer
from zheton.roles.network.fresh import is_of_this_day
from zheton.roles.network.ports import JournalTx
from zheton.roles.network.read import repeat_key
from zheton.roles.network.state import Switch

ACCEPTED = "00"
BLOCKED_MAX = BATCH_SIZE  # lines of one batch whose original has not come
_UNDONE_FROM = (DebitState.PENDING, DebitState.APPROVED)
_REQUIRED = (2, 3, 4, 7, 11, 32, 37, 41, 42, 49, 90)


def reverse(on: Switch, request: Message, now: datetime) -> Message:
    """The 0410; where the issuer has heard of the debit, its reversal is noted as due first."""
    missing = any(number not in request for number in _REQUIRED)
    at = on.tokens.locate(request.text(2))
    if missing or at is None:
        reason = Reason.FORMAT if missing else Reason.UNKNOWN_NUMBER
        return answer(request, RESPONSE_CODE[reason])
    lease = on.tokens.lease_of(at)
    if lease is None:
        return answer(request, RESPONSE_CODE[Reason.UNKNOWN_NUMBER])
    try:
        original = decode_original(request.text(90))
        blocked = replace(_blocked(on, request, original, at, now), generation=lease[0])
    except ZhetonError:
        return answer(request, RESPONSE_CODE[Reason.FORMAT])
    if original.acquirer != request.text(32).lstrip("0"):
        return answer(request, RESPONSE_CODE[Reason.NO_ORIGINAL])
    with on.journal.transaction() as tx:
        against = _undone_or_blocked(tx, blocked, now)
    return answer(request, ACCEPTED if against is None else RESPONSE_CODE[against])


def original_key(on: Switch, request: Message) -> tuple[int, str] | None:
    """Bucket and repeat key of what a reversal names; None where it names nothing."""
    at = None if 90 not in request else on.tokens.locate(request.text(2))
    if at is None:
        return None
    try:
        original = decode_original(request.text(90))
    except ZhetonError:
        return None
    return at.bucket, repeat_key(request, original.stan, original.transmitted, at)


def _undone_or_blocked(tx: JournalTx, blocked: Journalled, now: datetime) -> Reason | None:
    """Undo the original, or keep its place; why neither was done."""
    may_come = is_of_this_day(blocked.transmitted, now)
    if (
        may_come
        and tx.count_blocked(blocked.at, blocked.generation) < BLOCKED_MAX
        and blocked.repeat_key in tx.append([blocked])
    ):
        return None
    line = tx.seen([(blocked.at.bucket, blocked.repeat_key)]).get(blocked.repeat_key)
    if line is None:  # what is not undone, and may come, the acquirer has to repeat
        return Reason.OVERLOADED if may_come else Reason.NO_ORIGINAL
    against = _against(line, blocked)
    if against is None and line.state in _UNDONE_FROM:
        tx.touch([(line.at, line.generation)], now)  # the batch's row is locked before the debit's
        if tx.undo(line):
            give_all_back(tx, line)
    return against


def give_all_back(tx: JournalTx, line: Journalled) -> None:
    """Count a reversed debit, with its increments, no more towards its card's limits."""
    tx.give_back(line)
    for increment in tx.increments_of(line):
        tx.give_back_more(increment)


def _against(line: Journalled, reversal: Journalled) -> Reason | None:
    """Why a reversal does not belong to the debit that it names: another shop, sale or amount."""
    if (line.generation, line.place.merchant, line.retrieval_reference) != (
        reversal.generation,
        reversal.place.merchant,
        reversal.retrieval_reference,
    ):
        return Reason.NO_ORIGINAL
    if line.refunded_minor:
        return Reason.SCOPE  # its money has gone back already
    return Reason.FORMAT if line.amount != reversal.amount else None


def _blocked(
    on: Switch, request: Message, original: Original, at: Location, now: datetime
) -> Journalled:
    """The line that keeps the place of an original that has not come yet."""
    return Journalled(
        debit=on.entropy.take(16).hex(),
        repeat_key=repeat_key(request, original.stan, original.transmitted, at),
        digest=b"",
        at=at,
        generation=0,
        card="",
        par="",
        state=DebitState.BLOCKED,
        amount=Money(int(request.text(4)), money.currency(request.text(49))),
        place=Place(
            acquirer=request.text(32),
            terminal=request.text(41).strip(),
            merchant=request.text(42).strip(),
            merchant_name="",
            country="",
            category="",
        ),
        stan=original.stan,
        transmitted=original.transmitted,
        retrieval_reference=request.text(37),
        received_at=now,
    )
