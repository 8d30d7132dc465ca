"""A reversal (0400): undoes a debit once; one that comes before its original blocks it for good.

No reversal ever clears a burnt bit: the number stays spent.
"""

from datetime import datetime

from zheton.core import money
from zheton.core.debit import DebitState, Journalled, Location, Place
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import ZhetonError
from zheton.core.iso8583.match import Original, decode_original
from zheton.core.iso8583.message import Message
from zheton.core.money import Money
from zheton.roles.network.answer import answer
from zheton.roles.network.read import repeat_key
from zheton.roles.network.state import Switch

ACCEPTED = "00"
_REQUIRED = (2, 3, 4, 7, 11, 32, 37, 41, 42, 49, 90)


def reverse(on: Switch, request: Message, now: datetime) -> Message:
    """The 0410; where the issuer has heard of the debit, its reversal is noted as due first."""
    missing = any(number not in request for number in _REQUIRED)
    at = on.tokens.locate(request.text(2))
    if missing or at is None:
        reason = Reason.FORMAT if missing else Reason.UNKNOWN_NUMBER
        return answer(request, RESPONSE_CODE[reason])
    try:
        original = decode_original(request.text(90))
        blocked = _blocked(on, request, original, at, now)
    except ZhetonError:
        return answer(request, RESPONSE_CODE[Reason.FORMAT])
    if original.acquirer != request.text(32).lstrip("0"):
        return answer(request, RESPONSE_CODE[Reason.NO_ORIGINAL])
    with on.journal.transaction() as tx:
        if blocked.repeat_key in tx.append([blocked]):
            return answer(request, ACCEPTED)
        line = tx.seen([(at.bucket, blocked.repeat_key)])[blocked.repeat_key]
        against = _against(line, blocked)
        if against is None:
            tx.undo(line)
    return answer(request, ACCEPTED if against is None else RESPONSE_CODE[against])


def _against(line: Journalled, reversal: Journalled) -> Reason | None:
    """Why a reversal does not belong to the debit that it names: another shop, sale or amount."""
    if (line.place.merchant, line.retrieval_reference) != (
        reversal.place.merchant,
        reversal.retrieval_reference,
    ):
        return Reason.NO_ORIGINAL
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
