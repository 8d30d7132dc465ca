"""The throttle before debits and reversals: who was wrong too often is answered at once.

A closed source gets DE39 58 for whatever the journal does not know: no lease is read and no key is
derived. What the journal knows is served all the same, for a debit that was approved has to be told
and reversed whatever its till has done since. Nothing here burns, binds or suspends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from zheton.core.decline import RESPONSE_CODE, Decline, Reason
from zheton.core.iso8583.message import Message
from zheton.roles.network.answer import answer
from zheton.roles.network.authorise import authorise, repeats
from zheton.roles.network.reverse import names_a_debit, reverse
from zheton.roles.network.state import Answer, Forward, Step, Switch
from zheton.roles.network.throttle import Throttle

# Refusals that come without a proof and tell the sender something of a number. A message that is
# malformed or of another day tells him nothing, and its sender is more likely broken than bad.
UNPROVEN = frozenset(
    {
        Reason.UNKNOWN_NUMBER,
        Reason.REPLAY,
        Reason.WRONG_CRYPTOGRAM,
        Reason.WRONG_CODE,
        Reason.CHIP_DATA_MISMATCH,
    }
)
_UNFOUND = frozenset({RESPONSE_CODE[Reason.UNKNOWN_NUMBER], RESPONSE_CODE[Reason.NO_ORIGINAL]})
_THROTTLED = Decline(
    Reason.THROTTLED, "Too many messages without proof came from here; wait and try again."
)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message and the line that it came by: the far end of its connection."""

    message: Message
    line: str


def authorise_guarded(
    on: Switch, throttle: Throttle, group: Sequence[Heard], now: datetime
) -> list[Step]:
    """`authorise` for whoever is not closed, one step a request, in order.

    A group is judged before it is counted, so a source may be wrong by a group more at once; its
    bucket then lies below zero, and it is closed for so much longer.
    """
    closed = [throttle.closed(each.line, each.message, now) for each in group]
    looked_at = [each for each, shut in zip(group, closed, strict=True) if not shut]
    fresh = iter(authorise(on, [each.message for each in looked_at], now) if looked_at else ())
    shut_out = [each.message for each, shut in zip(group, closed, strict=True) if shut]
    known = iter(repeats(on, shut_out) if shut_out else ())
    steps: list[Step] = []
    for each, shut in zip(group, closed, strict=True):
        if shut:
            steps.append(next(known) or _throttled(each.message))
        else:
            steps.append(next(fresh))
            _count(throttle, each, steps[-1], now)
    return steps


def reverse_guarded(on: Switch, throttle: Throttle, heard: Heard, now: datetime) -> Message:
    """`reverse`, but a closed source may only undo what the journal knows.

    A refused reversal keeps no place for its original. Its acquirer sends it again until it is
    confirmed, and the original is refused at the same door meanwhile.
    """
    message = heard.message
    if throttle.closed(heard.line, message, now) and not names_a_debit(on, message):
        return answer(message, _THROTTLED.response_code)
    response = reverse(on, message, now)
    if response.text(39) in _UNFOUND:
        throttle.unproven(heard.line, message, now)
    return response


def _count(throttle: Throttle, heard: Heard, step: Step, now: datetime) -> None:
    if isinstance(step, Forward):
        throttle.proven(heard.line, heard.message, now)
    elif isinstance(step, Answer) and step.decline and step.decline.reason in UNPROVEN:
        throttle.unproven(heard.line, heard.message, now)


def _throttled(request: Message) -> Answer:
    return Answer(answer(request, _THROTTLED.response_code), _THROTTLED)
