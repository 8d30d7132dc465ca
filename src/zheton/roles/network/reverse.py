"""A reversal (0400): undoes a debit once; one that comes before its original blocks it for good.

No reversal ever clears a burnt bit: the number stays spent.
"""

from datetime import datetime

from zheton.core import money
from zheton.core.debit import DebitState, Journalled, Location, Place
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import DecodeError, ZhetonError
from zheton.core.iso8583.match import decode_original
from zheton.core.iso8583.message import Message
from zheton.core.money import Money
from zheton.roles.network.answer import answer
from zheton.roles.network.authorise import Switch
from zheton.roles.network.read import repeat_key

_REQUIRED = (2, 3, 4, 7, 11, 32, 37, 41, 42, 49, 90)
_UNDOABLE = (DebitState.PENDING, DebitState.APPROVED)


def reverse(on: Switch, request: Message, now: datetime) -> Message:
    """The 0410; where the issuer has heard of the debit, its reversal is noted as due first."""
    missing = next((number for number in _REQUIRED if number not in request), None)
    at = on.tokens.locate(request.text(2))
    if missing is not None or at is None:
        reason = Reason.FORMAT if missing is not None else Reason.UNKNOWN_NUMBER
        return answer(request, RESPONSE_CODE[reason])
    try:
        original = decode_original(request.text(90))
        key = repeat_key(request, original.stan, original.transmitted, at)
        blocked = _blocked(on, request, key, original.stan, original.transmitted, at, now)
    except (DecodeError, ZhetonError):
        return answer(request, RESPONSE_CODE[Reason.FORMAT])
    with on.journal.transaction() as tx:
        if key in tx.append([blocked]):
            return answer(request, "00")
        line = tx.seen([(at.bucket, key)])[key]
        if line.amount != blocked.amount:
            return answer(request, RESPONSE_CODE[Reason.FORMAT])
        if line.state in _UNDOABLE and tx.change_state(line, DebitState.REVERSED):
            tx.want_reversal(line, due=True)
    return answer(request, "00")


def _blocked(
    on: Switch,
    request: Message,
    key: str,
    stan: str,
    transmitted: str,
    at: Location,
    now: datetime,
) -> Journalled:
    """The line that keeps the place of an original that has not come yet."""
    return Journalled(
        debit=on.entropy.take(16).hex(),
        repeat_key=key,
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
        stan=stan,
        transmitted=transmitted,
        retrieval_reference=request.text(37),
        received_at=now,
    )
