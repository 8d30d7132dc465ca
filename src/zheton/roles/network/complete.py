"""The second half of a debit: the issuer has answered, or has not; journal it, then answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from zheton.core.debit import DebitState, Journalled
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.iso8583.message import Message
from zheton.core.token.audit.entry import Purpose
from zheton.roles.network.answer import answers, issuer_reversal, stored_answer
from zheton.roles.network.opening import opening
from zheton.roles.network.ports import JournalTx
from zheton.roles.network.stand_in import stand_in
from zheton.roles.network.state import Forward, Switch

APPROVED = "00"
_NOBODY = "91"  # ISO 8583:1987, DE39: issuer or switch inoperative


@dataclass(frozen=True, slots=True)
class Answered:
    """What the issuer said to a forwarded debit; None where it said nothing in time.

    `asked` is False where it can't have heard of the debit, `can_be_asked` where nobody ever could
    ask about it: another one is under way under its references.
    """

    forward: Forward
    response: Message | None
    asked: bool = True
    can_be_asked: bool = True

    @property
    def is_silent(self) -> bool:
        """Whether nobody has decided: no answer, or one that says that nobody could (91)."""
        if not self.can_be_asked:  # nor could it be advised of it or told to reverse it
            return False
        return self.response is None or (
            answers(self.response, self.forward.message) and self.response.text(39) == _NOBODY
        )

    @property
    def may_hold(self) -> bool:
        """Whether the issuer may have the debit in its books, though it did not say so."""
        return self.asked and (self.response is None or not self.is_silent)


def complete(on: Switch, group: Sequence[Answered], now: datetime) -> list[Message]:
    """The answers for the acquirers, in order; every outcome is durable before this returns.

    A debit that got another outcome meanwhile, such as a reversal, is answered by that. Where the
    issuer did not answer, the network stands in for it as far as it allows (`stand_in`). Beyond
    that, or where an answer is not to the question, the debit is declined, and the issuer will hear
    of a reversal if it may have the debit.
    """
    lines = [_outcome(on, answered) for answered in group]
    with on.journal.transaction() as tx:
        finished = _finished(tx, lines, now)
        undecided = {
            line.debit: answered
            for answered, line in zip(group, lines, strict=True)
            if line.debit in finished and line.state is DebitState.TIMED_OUT
        }
        silent = [answered.forward for answered in undecided.values() if answered.is_silent]
        stood_in = stand_in(on, tx, silent)
        lines = [stood_in.get(line.debit, line) for line in lines]
        given_up = [line for line in lines if line.debit in undecided.keys() - stood_in.keys()]
        _give_up(tx, [(line, undecided[line.debit].may_hold) for line in given_up])
        overtaken = [line for line in lines if line.debit not in finished]
        journal = tx.seen([(line.at.bucket, line.repeat_key) for line in overtaken])
    return [
        stored_answer(answered.forward.request, journal.get(line.repeat_key, line))
        for answered, line in zip(group, lines, strict=True)
    ]


def abandon(on: Switch, count: int, before: datetime, *, own: bool = False) -> int:
    """Time out debits that nobody brings to their end, at most `count`; how many there were.

    Those are whatever came `before` a moment, whichever process has journalled it: longer ago than
    an issuer may take. A process that begins names its `own` as well, which a crash has left. One
    that still works on such a debit finds it timed out and answers so (`complete`).
    """
    mark = on.mark.hex() if own else ""
    lines = [_timed_out(line) for line in on.journal.pending(count, before, mark)]
    with on.journal.transaction() as tx:
        finished = _finished(tx, lines, before)
        _give_up(tx, [(line, True) for line in lines if line.debit in finished])
    return len(lines)


def _finished(tx: JournalTx, lines: Sequence[Journalled], now: datetime) -> set[str]:
    """The ids of lines that have their outcome now.

    Batches before debits, as wherever rows of both are locked: two processes that did it in either
    order would wait for each other.
    """
    tx.touch([(line.at, line.generation) for line in lines], now)
    return tx.finish(lines)


def _give_up(tx: JournalTx, lines: Sequence[tuple[Journalled, bool]]) -> None:
    """What timed-out lines leave to do; a reversal only where the issuer may hold the debit."""
    # One order of cards over all processes, or two of them could wait for each other.
    for line, may_hold in sorted(lines, key=lambda each: each[0].card):
        if may_hold:
            tx.want_reversal(line, due=True)
        tx.give_back(line)


def reversals_due(on: Switch, count: int, skip: int = 0) -> list[Journalled]:
    """The debits whose reversal issuers still have to hear of, the oldest first, after `skip`."""
    return on.journal.reversals_due(count, skip)


def reversal_message(on: Switch, line: Journalled, now: datetime) -> Message:
    """The reversal for the issuer of a debit; the card is opened for it, so ask when it is sent."""
    card = on.tokens.reveal_card(opening(on, line, Purpose.REVERSAL, now))
    return issuer_reversal(line, card)


def reversal_heard(on: Switch, line: Journalled) -> None:
    """The issuer has answered a reversal."""
    with on.journal.transaction() as tx:
        tx.want_reversal(line, due=False)


def _outcome(on: Switch, answered: Answered) -> Journalled:
    forward, response = answered.forward, answered.response
    if response is None or answered.is_silent or not answers(response, forward.message):
        return _timed_out(forward.line)
    code = response.text(39)
    approved = code == APPROVED
    return replace(
        forward.line,
        state=DebitState.APPROVED if approved else DebitState.DECLINED,
        response_code=code,
        auth_code=response.text(38) if approved else "",
        issuer_authentication_data=on.tokens.answer_chip(forward.admitted, code),
        reason="" if approved else Reason.ISSUER_DECLINED,
    )


def _timed_out(line: Journalled) -> Journalled:
    return replace(
        line,
        state=DebitState.TIMED_OUT,
        response_code=RESPONSE_CODE[Reason.ISSUER_UNAVAILABLE],
        reason=Reason.ISSUER_UNAVAILABLE,
    )
