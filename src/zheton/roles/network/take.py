"""The transaction of a debit: burn, bind, count and journal, for debits of different cards at once.

The conditional update decides who has won a number; nothing is decided by what was read before.
Every card that is opened is an entry of the detokenisation log in the same transaction.
What `take` returns is durable, so an issuer may see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from zheton.core.debit import Admitted, DebitState, Journalled, RevealedCard
from zheton.core.decline import Decline, Reason
from zheton.core.errors import VerificationError
from zheton.core.token.audit.entry import Purpose
from zheton.core.token.domain import refuse_counted
from zheton.roles.network.opening import opening
from zheton.roles.network.ports import JournalTx, Tokens
from zheton.roles.network.state import Switch


@dataclass(frozen=True, slots=True)
class Taken:
    """The number is burnt and the debit journalled: its issuer may hear of it."""

    line: Journalled
    card: RevealedCard


@dataclass(frozen=True, slots=True)
class Refused:
    """The number is burnt, and the debit journalled as declined."""

    line: Journalled
    decline: Decline


@dataclass(frozen=True, slots=True)
class Known:
    """The journal has this debit already: a repeat came first, or its reversal did."""

    line: Journalled


@dataclass(frozen=True, slots=True)
class Lost:
    """Another debit has burnt the number, or its lease has ended meanwhile."""

    decline: Decline


ID_BYTES = 16
Outcome = Taken | Refused | Known | Lost
_LOST = Lost(Decline(Reason.REPLAY, "This number has been used: it pays once."))


def take(on: Switch, group: Sequence[Admitted], now: datetime) -> list[Outcome]:
    """The outcome of each debit, in order; no two of them may be of one card."""
    with on.journal.transaction() as tx:
        burnt = tx.burn(group, now)
        won = [admitted for admitted in group if admitted.debit.at in burnt]
        judged = _judged(on, tx, won, now)
        opened = [each.line for each in judged.values() if isinstance(each, Taken)]
        tx.log([opening(on, line, Purpose.AUTHORISATION, now) for line in opened])
        appended = tx.append([each.line for each in judged.values()])
        rest = [admitted.debit for admitted in group if admitted.debit.repeat_key not in appended]
        known = tx.seen([(debit.at.bucket, debit.repeat_key) for debit in rest])
    outcomes: list[Outcome] = []
    for key in (admitted.debit.repeat_key for admitted in group):
        if key in appended:
            outcomes.append(judged[key])
        else:
            outcomes.append(Known(known[key]) if key in known else _LOST)
    return outcomes


def _judged(
    on: Switch, tx: JournalTx, won: Sequence[Admitted], now: datetime
) -> dict[str, Taken | Refused]:
    """Debits with a burnt number by repeat key, each with the line that the journal gets.

    The card is opened before the commit: one that does not open must not leave a debit pending.
    """
    refusals = _refusals(tx, won, now)
    judged: dict[str, Taken | Refused] = {}
    for admitted in won:
        key = admitted.debit.repeat_key
        opened = refusals.get(key) or _opened(on.tokens, admitted)
        judged[key] = (
            Refused(_line(on, admitted, opened, now), opened)
            if isinstance(opened, Decline)
            else Taken(_line(on, admitted, None, now), opened)
        )
    return judged


def _refusals(tx: JournalTx, won: Sequence[Admitted], now: datetime) -> dict[str, Decline]:
    """Why debits with a burnt number are declined all the same, by repeat key."""
    refusals = {a.debit.repeat_key: a.refusal for a in won if a.refusal is not None}
    binding = [a for a in won if a.binds_shop and a.refusal is None]
    bound = tx.bind_shop(binding)
    for admitted in binding:
        if admitted.debit.at not in bound:
            refusals[admitted.debit.repeat_key] = Decline(
                Reason.DOMAIN_MERCHANT, "This number belongs to another shop.", "domain-merchant"
            )
    spending = [a for a in won if a.debit.repeat_key not in refusals]
    within = tx.spend(spending, now)
    over = [a for a in spending if a.debit.repeat_key not in within]
    counted = tx.counted(over)
    return refusals | {
        a.debit.repeat_key: refuse_counted(counted[a.card.id], a.debit.amount, now) for a in over
    }


def _opened(tokens: Tokens, admitted: Admitted) -> RevealedCard | Decline:
    try:
        return tokens.reveal(admitted)
    except VerificationError:
        return Decline(Reason.SUSPENDED, "The card's row in the vault was changed: look into it.")


def _line(on: Switch, admitted: Admitted, refusal: Decline | None, now: datetime) -> Journalled:
    debit = admitted.debit
    return Journalled(
        debit=(on.mark + on.entropy.take(ID_BYTES - len(on.mark))).hex(),
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
        preauthorised=debit.preauthorised,
    )
