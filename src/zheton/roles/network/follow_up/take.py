"""The first half of a follow-up: it is decided and journalled against the row of its debit.

An increment or a refund is the issuer's to allow: its debit is taken for it, so that nothing else
follows meanwhile, and it goes to the issuer. A completion and a partial reversal only let money go:
the network accepts them at once, and tells the issuer until it has heard (`tell`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from zheton.core.debit import DebitState, Journalled
from zheton.core.decline import Decline, Reason
from zheton.core.errors import NotFoundError, VerificationError
from zheton.core.follow_up import FollowUpKind
from zheton.core.iso8583.message import Message
from zheton.core.money import Money
from zheton.roles.network.answer import answer
from zheton.roles.network.follow_up.conclude import ForwardFollowUp, failed, stored_answer
from zheton.roles.network.follow_up.read import Asked, read_follow_up
from zheton.roles.network.follow_up.scope import ASKED_OF_ISSUER, BUSY, original_of, refusal
from zheton.roles.network.follow_up.tell import opened, request_message
from zheton.roles.network.follow_up_line import FOLLOW_UPS_MAX, FollowUp
from zheton.roles.network.ports import JournalTx
from zheton.roles.network.state import Answer, Switch, Wait
from zheton.roles.network.take import ID_BYTES

APPROVED = "00"
_REVERSED = Decline(Reason.REVERSED, "This message has been taken back.")
_LIMIT = Decline(
    Reason.DAY_AMOUNT, "The card's limits do not let the debit rise today.", "card.dayMinor"
)
_OVER = Decline(Reason.NO_ORIGINAL, "The lease of the number is over, and so is its debit.")
_MANY = Decline(Reason.SCOPE, f"No more than {FOLLOW_UPS_MAX} messages may name one debit.")

FollowUpStep = Answer | ForwardFollowUp | Wait


@dataclass(frozen=True, slots=True)
class _Fit:
    """A message whose debit allows it, as far as was read."""

    line: FollowUp
    original: Journalled


def take_follow_ups(on: Switch, requests: Sequence[Message], now: datetime) -> list[FollowUpStep]:
    """One step a request, in order. What is returned is durable, so an issuer may see it."""
    steps: dict[int, FollowUpStep] = {}
    fits: dict[int, _Fit] = {}
    for i, request in enumerate(requests):
        read = _fit(on, request, now)
        if isinstance(read, _Fit):
            fits[i] = read
        else:
            steps[i] = read
    for i, outcome in on.again(partial(_take, on, fits, now)).items():
        steps[i] = _step(on, requests[i], fits[i], outcome, now)
    return [steps[i] for i in range(len(requests))]


def _take(on: Switch, fits: Mapping[int, _Fit], now: datetime) -> dict[int, FollowUp | Decline]:
    # By card: two groups that lock cards and debits in one order never wait crosswise.
    ordered = sorted(fits, key=lambda i: (fits[i].original.card, fits[i].original.repeat_key, i))
    leases = [(fits[i].line.at, fits[i].line.generation) for i in ordered]
    with on.journal.transaction() as tx:
        # Batches before debits, as everywhere; what is counted below is exact behind their locks.
        standing = tx.touch(leases, now)
        return {
            i: _taken(tx, fits[i], now) if fits[i].line.at in standing else _OVER for i in ordered
        }


def _fit(on: Switch, request: Message, now: datetime) -> _Fit | FollowUpStep:
    asked = read_follow_up(request, on.tokens.locate)
    if isinstance(asked, Decline):
        return _declined(request, asked)
    key = (asked.at.bucket, asked.repeat_key)
    known = on.again(partial(on.journal.follow_ups_seen, [key])).get(asked.repeat_key)
    if known is not None:
        return _repeated(request, asked.digest, known)
    lines = on.again(partial(on.journal.of_number, asked.at))
    found = original_of(asked, lines, on.again(partial(on.tokens.lease_of, asked.at)))
    if isinstance(found, Decline):
        return _declined(request, found)
    refused = refusal(asked, found, now)
    if refused is None and asked.kind is FollowUpKind.INCREMENT:
        total = Money(found.held_minor + asked.amount.minor, asked.amount.currency)
        refused = on.again(partial(on.tokens.refuse_rise, found, total, now))
    if refused is not None:
        return _declined(request, refused)
    return _Fit(_line(on, asked, found, now), found)


def _taken(tx: JournalTx, fit: _Fit, now: datetime) -> FollowUp | Decline:
    """The line as it stands now, that of a repeat that came first, or why there is none."""
    line = fit.line
    completion = line.kind is FollowUpKind.COMPLETION  # once, so it is never one too many
    if not completion and tx.count_follow_ups(fit.original) >= FOLLOW_UPS_MAX:
        return _MANY
    if not tx.add_follow_up(line):
        known = tx.follow_up(line.at, line.repeat_key)
        return BUSY if known is None else known
    if line.kind in ASKED_OF_ISSUER:
        return _begun(tx, fit, now)
    changed = tx.complete(line) if completion else tx.lower(line)
    if not changed:
        tx.drop_follow_up(line)
        return BUSY
    done = replace(line, state=DebitState.APPROVED, response_code=APPROVED)
    tx.turn(done, DebitState.PENDING)
    tx.want_told(done, due=True)
    return done


def _begun(tx: JournalTx, fit: _Fit, now: datetime) -> FollowUp | Decline:
    line = fit.line
    if not tx.begin(line):
        tx.drop_follow_up(line)
        return BUSY
    total = fit.original.held_minor + line.amount.minor
    increment = line.kind is FollowUpKind.INCREMENT
    if increment and _held(tx, line) != fit.original.held_minor:
        # Another one ended in between: limits were asked about an amount that is none any more.
        tx.end(line, 0, 0)
        tx.drop_follow_up(line)
        return BUSY
    if increment and not tx.spend_more(line, total, int(f"{now:%Y%m%d}")):
        tx.end(line, 0, 0)
        lost = replace(
            line,
            state=DebitState.DECLINED,
            response_code=_LIMIT.response_code,
            reason=_LIMIT.reason,
        )
        tx.turn(lost, DebitState.PENDING)
        return lost
    return line


def _held(tx: JournalTx, line: FollowUp) -> int:
    key = line.original_key
    return tx.seen([(line.at.bucket, key)])[key].held_minor


def _step(
    on: Switch, request: Message, fit: _Fit, outcome: FollowUp | Decline, now: datetime
) -> FollowUpStep:
    if isinstance(outcome, Decline):
        return _declined(request, outcome)
    if outcome.id != fit.line.id:
        return _repeated(request, fit.line.digest, outcome)
    if outcome.state is not DebitState.PENDING:
        return Answer(stored_answer(request, outcome))
    try:
        card = on.again(partial(opened, on, outcome, now))
    except (NotFoundError, VerificationError):
        why = Decline(Reason.SUSPENDED, "The card's row in the vault was changed: look into it.")
        ended = on.again(partial(failed, on, outcome, why))
        return Answer(stored_answer(request, ended), why)
    message = request_message(on, request, outcome, fit.original, card)
    return ForwardFollowUp(message, request, outcome, fit.original)


def _repeated(request: Message, digest: bytes, line: FollowUp) -> FollowUpStep:
    if line.state in (DebitState.BLOCKED, DebitState.REVERSED):
        return _declined(request, _REVERSED)
    if line.digest != digest:
        text = "A repeat must ask for the same of the same original."
        return _declined(request, Decline(Reason.CHANGED_REPEAT, text))
    if line.state is DebitState.PENDING:
        return Wait(request, line.id)
    return Answer(stored_answer(request, line))


def _line(on: Switch, asked: Asked, original: Journalled, now: datetime) -> FollowUp:
    return FollowUp(
        id=(on.mark + on.entropy.take(ID_BYTES - len(on.mark))).hex(),
        kind=asked.kind,
        repeat_key=asked.repeat_key,
        digest=asked.digest,
        at=asked.at,
        generation=original.generation,
        original=original.debit,
        original_key=original.repeat_key,
        card=original.card,
        par=original.par,
        state=DebitState.PENDING,
        amount=asked.amount,
        rest_minor=asked.rest.minor if asked.rest else 0,
        acquirer=asked.acquirer,
        terminal=asked.terminal,
        merchant=asked.merchant,
        stan=asked.stan,
        transmitted=asked.transmitted,
        retrieval_reference=asked.retrieval_reference,
        received_at=now,
    )


def _declined(request: Message, decline: Decline) -> Answer:
    return Answer(answer(request, decline.response_code), decline)
