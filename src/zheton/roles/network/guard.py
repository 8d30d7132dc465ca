"""The throttle before all that acquirers ask: who was wrong too often is answered at once.

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
from zheton.roles.network.follow_up.take import FollowUpStep, take_follow_ups
from zheton.roles.network.follow_up.undo import reverse_follow_up
from zheton.roles.network.reverse import original_key, reverse
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
# What a message hears that names no debit of its sender's: 25, or 54 where another lease is out.
_UNNAMED = frozenset({Reason.UNKNOWN_NUMBER, Reason.NO_ORIGINAL, Reason.EXPIRED})
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


def take_follow_ups_guarded(
    on: Switch, throttle: Throttle, group: Sequence[Heard], now: datetime
) -> list[FollowUpStep]:
    """`take_follow_ups`, where a closed source hears of nothing that it could not name.

    A follow-up needs no proof, only what the answer to its debit told; so who is closed may follow
    his debits, and hears 58 of whatever he guessed.
    """
    closed = [throttle.closed(each.line, each.message, now) for each in group]
    steps = take_follow_ups(on, [each.message for each in group], now)
    for i, (each, step) in enumerate(zip(group, steps, strict=True)):
        if isinstance(step, Answer) and step.decline and step.decline.reason in _UNNAMED:
            if closed[i]:
                steps[i] = _throttled(each.message)
            else:
                throttle.unproven(each.line, each.message, now)
    return steps


def reverse_guarded(on: Switch, throttle: Throttle, heard: Heard, now: datetime) -> Message:
    """`reverse`, but a closed source may only undo what the journal knows.

    A refused reversal keeps no place for its original. Its acquirer sends it again until it is
    confirmed: then the original is there to be undone, or its place is kept.
    """
    message = heard.message
    if throttle.closed(heard.line, message, now):
        key = original_key(on, message)
        if key is None or not on.journal.seen([key]):
            return _throttled(message).message
    return _counted(throttle, heard, reverse(on, message, now), now)


def reverse_follow_up_guarded(
    on: Switch, throttle: Throttle, heard: Heard, now: datetime
) -> Message:
    """The same of `reverse_follow_up`."""
    message = heard.message
    if throttle.closed(heard.line, message, now):
        key = original_key(on, message)
        if key is None or not on.journal.follow_ups_seen([key]):
            return _throttled(message).message
    return _counted(throttle, heard, reverse_follow_up(on, message, now), now)


def _counted(throttle: Throttle, heard: Heard, response: Message, now: datetime) -> Message:
    if response.text(39) in _UNFOUND:
        throttle.unproven(heard.line, heard.message, now)
    return response


def _count(throttle: Throttle, heard: Heard, step: Step, now: datetime) -> None:
    if isinstance(step, Forward):
        throttle.proven(heard.line, heard.message, now)
    elif isinstance(step, Answer) and step.decline and step.decline.reason in UNPROVEN:
        throttle.unproven(heard.line, heard.message, now)


def _throttled(request: Message) -> Answer:
    return Answer(answer(request, _THROTTLED.response_code), _THROTTLED)
