"""The first half of a debit, for a whole group: everything up to the issuer.

A burnt bit and its journal line are durable before anything is returned that an issuer may see.
Debits of one card share no transaction (`take`), so they take turns.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from zheton.core.debit import Admitted, Debit, DebitState, Journalled
from zheton.core.decline import Decline, Reason
from zheton.core.iso8583.message import Message
from zheton.roles.network.answer import answer, issuer_request, stored_answer
from zheton.roles.network.fresh import refuse_stale
from zheton.roles.network.read import read_debit
from zheton.roles.network.state import Answer, Forward, Step, Switch, Wait
from zheton.roles.network.take import Known, Lost, Outcome, Refused, take

_REVERSED = Decline(Reason.REVERSED, "This debit has been reversed.")


def authorise(on: Switch, requests: Sequence[Message], now: datetime) -> list[Step]:
    """One step a request, in order."""
    steps, admitted = _judged(on, requests, now)
    for turn in _turns(admitted):
        outcomes = on.again(partial(take, on, [admitted[i] for i in turn], now))
        for i, outcome in zip(turn, outcomes, strict=True):
            steps[i] = _step(on, requests[i], admitted[i], outcome)
    return [steps[i] for i in range(len(requests))]


def repeats(on: Switch, requests: Sequence[Message]) -> list[Step | None]:
    """The step of each request that the journal has already, None for all others.

    It costs no look at a lease and no key of a number.
    """
    read = [read_debit(request, on.tokens.locate) for request in requests]
    known = _seen(on, [debit for debit in read if isinstance(debit, Debit)])
    steps: list[Step | None] = []
    for request, debit in zip(requests, read, strict=True):
        line = known.get(debit.repeat_key) if isinstance(debit, Debit) else None
        if line is None or isinstance(debit, Decline) or line.state is DebitState.BLOCKED:
            steps.append(None)
        else:
            steps.append(_repeated(request, debit, line))
    return steps


def _judged(
    on: Switch, requests: Sequence[Message], now: datetime
) -> tuple[dict[int, Step], dict[int, Admitted]]:
    """By position: what is decided without burning anything, and the debits that go on."""
    steps: dict[int, Step] = {}
    debits: dict[int, Debit] = {}
    for i, request in enumerate(requests):
        read = read_debit(request, on.tokens.locate)
        if isinstance(read, Decline):
            steps[i] = _declined(request, read)
        else:
            debits[i] = read
    known = _seen(on, debits.values())
    for i, debit in debits.items():
        line = known.get(debit.repeat_key)
        if line is not None and line.state is not DebitState.BLOCKED:
            steps[i] = _repeated(requests[i], debit, line)
        elif (stale := refuse_stale(debit, now)) is not None:
            steps[i] = _declined(requests[i], stale)
    fresh = {i: debit for i, debit in debits.items() if i not in steps}
    admitted: dict[int, Admitted] = {}
    verdicts = on.again(partial(on.tokens.examine, list(fresh.values()), now))
    judged = list(zip(fresh.items(), verdicts, strict=True))
    # Where another process took the same message meanwhile, its number is burnt and looks replayed.
    known |= _seen(on, [debit for (_, debit), verdict in judged if isinstance(verdict, Decline)])
    for (i, debit), verdict in judged:
        line = known.get(debit.repeat_key)
        # A debit whose reversal came first is declined whatever it proves, but its number burns.
        refusal = None if line is None else _REVERSED
        if not isinstance(verdict, Decline):
            admitted[i] = replace(verdict, refusal=refusal or verdict.refusal)
        elif line is not None and line.state is not DebitState.BLOCKED:
            steps[i] = _repeated(requests[i], debit, line)
        else:
            steps[i] = _declined(requests[i], refusal or verdict)
    return steps, admitted


def _seen(on: Switch, debits: Iterable[Debit]) -> dict[str, Journalled]:
    keys = [(debit.at.bucket, debit.repeat_key) for debit in debits]
    return dict(on.again(partial(on.journal.seen, keys))) if keys else {}


def _turns(admitted: Mapping[int, Admitted]) -> Iterator[list[int]]:
    """The positions in as many turns as are needed for each to have a card once."""
    waiting = list(admitted)
    while waiting:
        turn: dict[str, int] = {}
        for i in waiting:
            turn.setdefault(admitted[i].card.id, i)
        yield list(turn.values())
        taken = set(turn.values())
        waiting = [i for i in waiting if i not in taken]


def _step(on: Switch, request: Message, admitted: Admitted, outcome: Outcome) -> Step:
    if isinstance(outcome, Known):
        return _repeated(request, admitted.debit, outcome.line)
    if isinstance(outcome, Lost):
        return _declined(request, outcome.decline)
    if isinstance(outcome, Refused):
        return Answer(stored_answer(request, outcome.line), outcome.decline)
    requestor = on.requestors[admitted.card.network]
    message = issuer_request(request, admitted.debit, outcome.card, admitted.card.par, requestor)
    return Forward(message, request, admitted, outcome.line)


def _repeated(request: Message, debit: Debit, line: Journalled) -> Step:
    """A message that was seen before: its stored answer, or a refusal if it asks for more."""
    if line.state in (DebitState.BLOCKED, DebitState.REVERSED):
        return _declined(request, _REVERSED)
    if line.digest != debit.digest:
        text = "A repeat must ask for the same amount with the same chip data."
        return _declined(request, Decline(Reason.CHANGED_REPEAT, text))
    if line.state is DebitState.PENDING:
        return Wait(request, line.debit)
    return Answer(stored_answer(request, line))


def _declined(request: Message, decline: Decline) -> Answer:
    return Answer(answer(request, decline.response_code), decline)
