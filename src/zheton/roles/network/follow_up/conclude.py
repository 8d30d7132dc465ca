"""The second half of an increment or a refund: the issuer has answered, or has not.

Nobody stands in for an issuer here: what it did not allow in time is refused, counted no more, and
reversed at the issuer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from zheton.core.debit import DebitState, Journalled
from zheton.core.decline import RESPONSE_CODE, Decline, Reason
from zheton.core.follow_up import FollowUpKind
from zheton.core.iso8583.message import Message
from zheton.roles.network.answer import answer, answers
from zheton.roles.network.follow_up_line import FollowUp
from zheton.roles.network.follow_up_ports import FollowUpTx
from zheton.roles.network.state import Switch

APPROVED = "00"


@dataclass(frozen=True, slots=True)
class ForwardFollowUp:
    """Send this to the issuer; its answer, or its silence, goes to `conclude`."""

    message: Message
    request: Message
    line: FollowUp
    original: Journalled


@dataclass(frozen=True, slots=True)
class AnsweredFollowUp:
    """What the issuer said to a forwarded follow-up; None where it said nothing in time."""

    forward: ForwardFollowUp
    response: Message | None


def conclude(on: Switch, group: Sequence[AnsweredFollowUp]) -> list[Message]:
    """The answers for the acquirers, in order; every outcome is durable before this returns."""
    lines = [_outcome(answered) for answered in group]
    ended: dict[str, FollowUp] = {}
    with on.journal.transaction() as tx:
        for line in sorted(lines, key=lambda each: (each.card, each.original_key)):
            ended[line.id] = _ended(tx, line)
    return [
        stored_answer(answered.forward.request, ended[line.id])
        for answered, line in zip(group, lines, strict=True)
    ]


def failed(on: Switch, line: FollowUp, why: Decline) -> FollowUp:
    """A follow-up that can't be asked of its issuer, as it ends."""
    with on.journal.transaction() as tx:
        return _ended(
            tx,
            replace(
                line, state=DebitState.DECLINED, response_code=why.response_code, reason=why.reason
            ),
        )


def abandon_follow_ups(on: Switch, count: int, before: datetime, *, own: bool = False) -> int:
    """Time out follow-ups that nobody brings to their end, at most `count`; how many.

    Whose they are is as with debits (`complete.abandon`).
    """
    stale = on.journal.follow_ups_pending(count, before, on.mark.hex() if own else "")
    with on.journal.transaction() as tx:
        for line in sorted(stale, key=lambda each: (each.card, each.original_key)):
            _ended(tx, _timed_out(line))
    return len(stale)


def stored_answer(request: Message, line: FollowUp) -> Message:
    """The answer of a follow-up that has an outcome, for its request and every repeat of it."""
    if line.state in (DebitState.REVERSED, DebitState.BLOCKED):
        return answer(request, RESPONSE_CODE[Reason.REVERSED])
    return answer(request, line.response_code, auth_code=line.auth_code, par=line.par)


def _ended(tx: FollowUpTx, line: FollowUp) -> FollowUp:
    """A line after its outcome; where it had another one meanwhile, a reversal, by that."""
    if not tx.turn(line, DebitState.PENDING):
        return tx.follow_up(line.at, line.repeat_key) or line
    approved, increment = line.state is DebitState.APPROVED, line.kind is FollowUpKind.INCREMENT
    moved = line.amount.minor if approved else 0
    stands = tx.end(line, moved if increment else 0, 0 if increment else moved)
    if approved and not stands:  # its debit was reversed while the issuer thought
        undone = replace(line, state=DebitState.REVERSED)
        tx.turn(undone, DebitState.APPROVED)
        line = undone
    if increment and line.state is not DebitState.APPROVED:
        tx.give_back_more(line)
    if line.state in (DebitState.REVERSED, DebitState.TIMED_OUT):
        tx.want_told(line, due=True)
    return line


def _outcome(answered: AnsweredFollowUp) -> FollowUp:
    line, response = answered.forward.line, answered.response
    if response is None or not answers(response, answered.forward.message):
        return _timed_out(line)
    code = response.text(39)
    approved = code == APPROVED
    return replace(
        line,
        state=DebitState.APPROVED if approved else DebitState.DECLINED,
        response_code=code,
        auth_code=response.text(38) if approved else "",
        reason="" if approved else Reason.ISSUER_DECLINED,
    )


def _timed_out(line: FollowUp) -> FollowUp:
    return replace(
        line,
        state=DebitState.TIMED_OUT,
        response_code=RESPONSE_CODE[Reason.ISSUER_UNAVAILABLE],
        reason=Reason.ISSUER_UNAVAILABLE,
    )
