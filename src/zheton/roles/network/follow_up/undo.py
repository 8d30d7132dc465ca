"""The reversal of a follow-up (0400 whose DE48.28 says of what): it undoes one, or blocks it.

An increment that is undone leaves what was held before, a refund may be asked for again. A
completion is not undone by itself: what it let go may be spent, so its whole debit is reversed.
"""

from dataclasses import replace
from datetime import datetime

from zheton.core import money
from zheton.core.debit import DebitState, Journalled, Location
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import ZhetonError
from zheton.core.follow_up import MTI, FollowUpKind, reversed_kind
from zheton.core.iso8583.match import Original, decode_original
from zheton.core.iso8583.message import Message
from zheton.core.money import Money
from zheton.roles.network.answer import answer
from zheton.roles.network.follow_up_line import FollowUp
from zheton.roles.network.ports import JournalTx
from zheton.roles.network.read import repeat_key
from zheton.roles.network.reverse import ACCEPTED, BLOCKED_MAX, give_all_back
from zheton.roles.network.state import Switch

_REQUIRED = (2, 3, 4, 7, 11, 32, 37, 41, 42, 49, 90)


def reverse_follow_up(on: Switch, request: Message, now: datetime) -> Message:
    """The 0410; where the issuer has heard of the follow-up, its reversal is noted as due first."""
    missing = any(number not in request for number in _REQUIRED)
    at = on.tokens.locate(request.text(2))
    if missing or at is None:
        return answer(request, RESPONSE_CODE[Reason.FORMAT if missing else Reason.UNKNOWN_NUMBER])
    try:
        original, kind = decode_original(request.text(90)), reversed_kind(request)
        if kind is None:
            return answer(request, RESPONSE_CODE[Reason.FORMAT])
        blocked = _blocked(on, request, kind, original, at, now)
    except ZhetonError:
        return answer(request, RESPONSE_CODE[Reason.FORMAT])
    if (original.acquirer, original.mti) != (request.text(32).lstrip("0"), MTI[kind]):
        return answer(request, RESPONSE_CODE[Reason.NO_ORIGINAL])
    lease = on.tokens.lease_of(at)
    if lease is None:
        return answer(request, RESPONSE_CODE[Reason.UNKNOWN_NUMBER])
    with on.journal.transaction() as tx:
        against = _undone_or_blocked(tx, replace(blocked, generation=lease[0]), now)
    return answer(request, ACCEPTED if against is None else RESPONSE_CODE[against])


def _undone_or_blocked(tx: JournalTx, blocked: FollowUp, now: datetime) -> Reason | None:
    """Undo the follow-up, or keep its place; why neither was done."""
    places = tx.count_blocked_follow_ups(blocked.at, blocked.generation)
    if places < BLOCKED_MAX and tx.add_follow_up(blocked):
        return None
    line = tx.follow_up(blocked.at, blocked.repeat_key)
    if line is None:
        return Reason.OVERLOADED  # not undone, so the acquirer repeats it
    if (line.generation, line.kind, line.merchant, line.retrieval_reference) != (
        blocked.generation,
        blocked.kind,
        blocked.merchant,
        blocked.retrieval_reference,
    ):
        return Reason.NO_ORIGINAL
    if line.amount != blocked.amount:
        return Reason.FORMAT
    tx.touch([(line.at, line.generation)], now)
    if line.state is DebitState.PENDING:
        return _stopped(tx, line)
    return _undone(tx, line) if line.state is DebitState.APPROVED else None


def _stopped(tx: JournalTx, line: FollowUp) -> Reason | None:
    """Undo what its issuer has not answered yet."""
    gone = replace(line, state=DebitState.REVERSED)
    if not tx.turn(gone, DebitState.PENDING):
        return Reason.OVERLOADED  # the issuer answered meanwhile: asked again, it is undone
    tx.end(gone, 0, 0)
    _counted_no_more(tx, gone)
    tx.want_told(gone, due=True)
    return None


def _undone(tx: JournalTx, line: FollowUp) -> Reason | None:
    gone = replace(line, state=DebitState.REVERSED)
    seen = tx.seen([(line.at.bucket, line.original_key)])
    original = seen[line.original_key]
    if line.kind is FollowUpKind.COMPLETION:
        return _whole(tx, original, gone)
    minor = line.amount.minor
    refund = line.kind is FollowUpKind.REFUND
    taken = tx.take_back(line, 0 if refund else minor, minor if refund else 0)
    if not taken and original.state is DebitState.APPROVED:
        return Reason.SCOPE
    tx.turn(gone, DebitState.APPROVED)
    if taken:  # else its debit is reversed as a whole, and nothing counts any more
        _counted_no_more(tx, gone)
    tx.want_told(gone, due=True)
    return None


def _whole(tx: JournalTx, original: Journalled, gone: FollowUp) -> Reason | None:
    if tx.undo(original):
        give_all_back(tx, original)
    elif original.state is DebitState.APPROVED:
        return Reason.SCOPE  # refunded
    tx.turn(gone, DebitState.APPROVED)
    tx.want_told(gone, due=False)
    return None


def _counted_no_more(tx: JournalTx, line: FollowUp) -> None:
    if line.kind is FollowUpKind.INCREMENT:
        tx.give_back_more(line)


def _blocked(
    on: Switch,
    request: Message,
    kind: FollowUpKind,
    original: Original,
    at: Location,
    now: datetime,
) -> FollowUp:
    """The line that keeps the place of a follow-up that has not come yet."""
    return FollowUp(
        id=on.entropy.take(16).hex(),
        kind=kind,
        repeat_key=repeat_key(request, original.stan, original.transmitted, at),
        digest=b"",
        at=at,
        generation=0,
        original="",
        original_key="",
        card="",
        par="",
        state=DebitState.BLOCKED,
        amount=Money(int(request.text(4)), money.currency(request.text(49))),
        rest_minor=0,
        acquirer=request.text(32),
        terminal=request.text(41).strip(),
        merchant=request.text(42).strip(),
        stan=original.stan,
        transmitted=original.transmitted,
        retrieval_reference=request.text(37),
        received_at=now,
    )
