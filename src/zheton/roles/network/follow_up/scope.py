"""Which debit a message means, and whether what it asks is in that debit's scope and time.

Only a debit of the same acquirer and merchant, under the lease that the number is in now, can be
named, and only by all that its answer told (DE37, DE38, DE90): who has seen a number go by can't.
What is found here is why a message is refused; whether it is accepted its debit's row decides.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from zheton.core.debit import Advice, DebitState, Journalled
from zheton.core.decline import Decline, Reason
from zheton.core.follow_up import WITHIN, FollowUpKind
from zheton.core.money import AMOUNT_MINOR_MAX
from zheton.roles.network.follow_up.read import Asked

_UNKNOWN = Decline(Reason.NO_ORIGINAL, "No debit of this shop is what the message names.")
_OPEN = Decline(Reason.SCOPE, "Only an open preauthorisation is raised or completed.")
_ENDED = Decline(Reason.SCOPE, "The debit is completed or refunded; nothing of it is let go.")
_NOT_TAKEN = Decline(Reason.SCOPE, "Nothing has been captured yet that could be refunded.")
_OVER = Decline(Reason.AMOUNT_LIMIT, "It comes to more than the original allows.")
_UNHEARD = Decline(Reason.ISSUER_UNAVAILABLE, "Its issuer has not heard of the debit yet.")
ASKED_OF_ISSUER = (FollowUpKind.INCREMENT, FollowUpKind.REFUND)
BUSY = Decline(Reason.IN_PROGRESS, "Another message about this debit is under way; ask again.")


def original_of(
    asked: Asked, lines: Sequence[Journalled], lease: tuple[int, str] | None
) -> Journalled | Decline:
    """The debit that a message names among those of its number; a lease is (generation, expiry)."""
    if lease is None:
        return _UNKNOWN
    if asked.expiry != lease[1]:
        return Decline(Reason.EXPIRED, "The number is leased under another expiry by now.")
    named = asked.original
    refund = asked.kind is FollowUpKind.REFUND  # a refund has a reference of its own
    for line in lines:
        if (
            (line.generation, line.stan, line.transmitted)
            == (lease[0], named.stan, named.transmitted)
            and (line.place.acquirer, line.place.merchant) == (asked.acquirer, asked.merchant)
            and line.auth_code == asked.auth_code
            and (refund or line.retrieval_reference == asked.retrieval_reference)
        ):
            return line
    return _UNKNOWN


def refusal(asked: Asked, line: Journalled, now: datetime) -> Decline | None:
    """Why a debit does not allow what is asked of it."""
    if line.state is DebitState.REVERSED:
        return Decline(Reason.REVERSED, "The debit has been reversed.")
    if line.state is not DebitState.APPROVED or line.amount.currency != asked.amount.currency:
        return _UNKNOWN
    if now - line.received_at > WITHIN[asked.kind]:
        return Decline(Reason.STALE, "It comes too long after its original.")
    return _RULES[asked.kind](asked, line) or _not_now(asked, line)


def _not_now(asked: Asked, line: Journalled) -> Decline | None:
    """Why what is in scope has to be asked again later."""
    if line.under_way:
        return BUSY
    # Approved in stand-in: its issuer would find no debit that it could raise or refund.
    unheard = line.advice in (Advice.DUE, Advice.SENT)
    return _UNHEARD if unheard and asked.kind in ASKED_OF_ISSUER else None


def _increment(asked: Asked, line: Journalled) -> Decline | None:
    if not line.preauthorised or line.completed:
        return _OPEN
    return _OVER if line.held_minor + asked.amount.minor > AMOUNT_MINOR_MAX else None


def _completion(asked: Asked, line: Journalled) -> Decline | None:
    if not line.preauthorised or line.completed:
        return _OPEN
    return _OVER if asked.amount.minor > line.held_minor else None


def _refund(asked: Asked, line: Journalled) -> Decline | None:
    if line.preauthorised and not line.completed:
        return _NOT_TAKEN
    return _OVER if line.refunded_minor + asked.amount.minor > line.held_minor else None


def _partial_reversal(asked: Asked, line: Journalled) -> Decline | None:
    if line.completed or line.refunded_minor:
        return _ENDED
    if asked.amount.minor != line.held_minor:
        return Decline(Reason.FORMAT, "DE4 is not what the debit holds.")
    return None


_RULES: dict[FollowUpKind, Callable[[Asked, Journalled], Decline | None]] = {
    FollowUpKind.INCREMENT: _increment,
    FollowUpKind.COMPLETION: _completion,
    FollowUpKind.REFUND: _refund,
    FollowUpKind.PARTIAL_REVERSAL: _partial_reversal,
}
