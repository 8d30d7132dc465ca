"""The first half of a debit: everything up to the issuer, for a whole group in one transaction.

A burnt bit and its journal line are durable before anything is returned that an issuer may see.
The conditional update decides who has won a number; nothing is decided by what was read before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from zheton.core.debit import Admitted, Debit, DebitState, Journalled
from zheton.core.decline import Decline, Reason
from zheton.core.iso8583.message import Message
from zheton.roles.network.answer import answer, issuer_request, stored_answer
from zheton.roles.network.ports import Entropy, Journal, JournalTx, Tokens
from zheton.roles.network.read import read_debit


@dataclass(frozen=True, slots=True)
class Answer:
    """Send this back to the acquirer. `decline` says why, for logs; None where approved."""

    message: Message
    decline: Decline | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """Send this to the issuer; its answer, or its silence, goes to `complete`."""

    message: Message
    request: Message
    admitted: Admitted
    line: Journalled


@dataclass(frozen=True, slots=True)
class Wait:
    """A repeat of a debit under way: answer it when that one is answered."""

    request: Message
    debit: str


@dataclass(frozen=True, slots=True)
class Switch:
    """What the network's verbs need of the world, put together once."""

    tokens: Tokens
    journal: Journal
    entropy: Entropy
    requestors: dict[str, str]  # network -> token requestor id


Step = Answer | Forward | Wait


def authorise(on: Switch, requests: Sequence[Message], now: datetime) -> list[Step]:
    """One step a request, in order. What must not share a transaction takes turns in rounds."""
    steps: list[Step | None] = [None] * len(requests)
    waiting = list(range(len(requests)))
    while waiting:
        later: list[int] = []
        round_steps = _round(on, [requests[i] for i in waiting], now)
        for i, step in zip(waiting, round_steps, strict=True):
            if step is None:
                later.append(i)
            steps[i] = step
        waiting = later
    return [step for step in steps if step is not None]


def _round(on: Switch, requests: Sequence[Message], now: datetime) -> list[Step | None]:
    """One transaction; None for a request whose card already has one in this round."""
    reads = [read_debit(request, on.tokens.locate) for request in requests]
    debits = [read for read in reads if isinstance(read, Debit)]
    known = on.journal.seen([(debit.at.bucket, debit.repeat_key) for debit in debits])
    fresh = [debit for debit in debits if debit.repeat_key not in known]
    verdicts = dict(zip(map(id, fresh), on.tokens.examine(fresh, now), strict=True))

    cards: set[str] = set()
    taken: list[Admitted] = []
    steps: list[Step | None] = []
    for request, read in zip(requests, reads, strict=True):
        if isinstance(read, Decline):
            steps.append(_declined(request, read))
        elif read.repeat_key in known:
            steps.append(_repeated(request, read, known[read.repeat_key]))
        else:
            verdict = verdicts[id(read)]
            if isinstance(verdict, Decline):
                steps.append(_declined(request, verdict))
            elif verdict.card.id in cards:
                steps.append(None)
            else:
                cards.add(verdict.card.id)
                taken.append(verdict)
                steps.append(None)
    if taken:
        outcomes = _take(on, taken, now)
        for i, (request, read) in enumerate(zip(requests, reads, strict=True)):
            if isinstance(read, Debit) and id(read) in outcomes:
                steps[i] = _step(on, request, read, outcomes[id(read)])
    return steps


Outcome = tuple[Admitted, Journalled] | Decline | Journalled


def _take(on: Switch, taken: Sequence[Admitted], now: datetime) -> dict[int, Outcome]:
    """Burn, count and journal in one transaction; the outcome of each debit by its identity."""
    with on.journal.transaction() as tx:
        burnt = tx.burn(taken)
        winners = [admitted for admitted in taken if admitted.debit.at in burnt]
        refusals = _refusals(tx, winners, now)
        lines = {
            admitted.debit.repeat_key: _line(
                on, admitted, refusals.get(admitted.debit.repeat_key), now
            )
            for admitted in winners
        }
        appended = tx.append(list(lines.values()))
        losers = [a.debit for a in taken if a.debit.repeat_key not in appended]
        known = tx.seen([(debit.at.bucket, debit.repeat_key) for debit in losers])
    outcomes: dict[int, Outcome] = {}
    for admitted in taken:
        key = admitted.debit.repeat_key
        if key in appended:
            refusal = refusals.get(key)
            outcomes[id(admitted.debit)] = refusal or (admitted, lines[key])
        elif key in known:
            outcomes[id(admitted.debit)] = known[key]
        else:
            outcomes[id(admitted.debit)] = Decline(
                Reason.REPLAY, "This number has been used: it pays once."
            )
    return outcomes


def _refusals(tx: JournalTx, winners: Sequence[Admitted], now: datetime) -> dict[str, Decline]:
    """Why debits with a burnt number are declined all the same, by repeat key."""
    refusals = {a.debit.repeat_key: a.refusal for a in winners if a.refusal is not None}
    binding = [a for a in winners if a.binds_shop and a.refusal is None]
    bound = tx.bind_shop(binding) if binding else set()
    for admitted in binding:
        if admitted.debit.at not in bound:
            refusals[admitted.debit.repeat_key] = Decline(
                Reason.DOMAIN, "This number belongs to another shop.", "domain-merchant"
            )
    spending = [a for a in winners if a.debit.repeat_key not in refusals]
    within = tx.spend(spending, int(f"{now:%Y%m%d}"))
    for admitted in spending:
        if admitted.debit.repeat_key not in within:
            refusals[admitted.debit.repeat_key] = Decline(
                Reason.VELOCITY, "The card's limit for today is used up.", "domain-day"
            )
    return refusals


def _line(on: Switch, admitted: Admitted, refusal: Decline | None, now: datetime) -> Journalled:
    debit = admitted.debit
    return Journalled(
        debit=on.entropy.take(16).hex(),
        repeat_key=debit.repeat_key,
        digest=debit.digest,
        at=debit.at,
        generation=admitted.generation,
        card=admitted.card.id,
        par=admitted.card.par,
        state=DebitState.PENDING if refusal is None else DebitState.DECLINED,
        amount=debit.amount,
        place=debit.place,
        stan=debit.stan,
        transmitted=debit.transmitted,
        retrieval_reference=debit.retrieval_reference,
        received_at=now,
        response_code="" if refusal is None else refusal.response_code,
        reason="" if refusal is None else refusal.reason,
    )


def _step(on: Switch, request: Message, debit: Debit, outcome: Outcome) -> Step:
    if isinstance(outcome, Decline):
        return _declined(request, outcome)
    if isinstance(outcome, Journalled):
        return _repeated(request, debit, outcome)
    admitted, line = outcome
    card = on.tokens.reveal(admitted)
    requestor = on.requestors[admitted.card.network]
    message = issuer_request(request, debit, card, admitted.card.par, requestor)
    return Forward(message, request, admitted, line)


def _repeated(request: Message, debit: Debit, line: Journalled) -> Step:
    """A message that was seen before: its stored answer, or a refusal if it asks for more."""
    if line.state in (DebitState.BLOCKED, DebitState.REVERSED):
        return _declined(request, Decline(Reason.REVERSED, "This debit has been reversed."))
    if line.digest != debit.digest:
        text = "A repeat must ask for the same amount with the same chip data."
        return _declined(request, Decline(Reason.CHANGED_REPEAT, text))
    if line.state is DebitState.PENDING:
        return Wait(request, line.debit)
    return Answer(stored_answer(request, line))


def _declined(request: Message, decline: Decline) -> Answer:
    return Answer(answer(request, decline.response_code), decline)
