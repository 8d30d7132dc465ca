"""Stand-in: debits whose issuer can't be asked, approved within what it allows, and advised.

An allowance is counted in the transaction that makes the outcome. So no two processes can exceed
it together, and no outcome is lost that was counted (docs/decisions/0016-stand-in.md).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from zheton.core.debit import Advice, DebitState, Journalled
from zheton.core.iso8583.message import Message
from zheton.core.token.audit.entry import Purpose
from zheton.roles.network.allowance import Allowance
from zheton.roles.network.answer import issuer_advice
from zheton.roles.network.opening import opening
from zheton.roles.network.ports import JournalTx
from zheton.roles.network.state import Forward, Switch

APPROVED = "00"
_CODE_DIGITS = 5


def stand_in(on: Switch, tx: JournalTx, silent: Sequence[Forward]) -> dict[str, Journalled]:
    """The lines, by id, that are approved now, of debits that this transaction has timed out."""
    waiting: list[tuple[Journalled, Allowance]] = []
    for forward in silent:
        allowance = on.stand_ins.allowance(forward.message.text(2), forward.admitted.debit)
        if allowance is not None:
            waiting.append((forward.line, allowance))
    within: set[str] = set()
    while waiting:  # a card and currency at most once a turn
        turn: dict[tuple[str, str], tuple[Journalled, Allowance]] = {}
        for each in waiting:
            turn.setdefault((each[0].card, each[0].amount.currency.numeric), each)
        within |= tx.count_stood_in(list(turn.values()))
        taken = {line.debit for line, _ in turn.values()}
        waiting = [each for each in waiting if each[0].debit not in taken]
    approved = {
        forward.line.debit: _approved(on, forward)
        for forward in silent
        if forward.line.debit in within
    }
    tx.stand_in(list(approved.values()))
    return approved


def advices_due(on: Switch, count: int) -> list[Journalled]:
    """The debits whose advice issuers still have to hear, those of a card in their order."""
    return on.journal.advices_due(count)


def advice_message(on: Switch, line: Journalled, now: datetime) -> Message | None:
    """The advice for the issuer of a debit, noted as sent; None if it is not due any more.

    The card is opened for it, so ask when it is sent.
    """
    with on.journal.transaction() as tx:
        if not tx.advise(line, Advice.SENT):
            return None
    card = on.tokens.reveal_card(opening(on, line, Purpose.ADVICE, now))
    return issuer_advice(line, card)


def advice_heard(on: Switch, line: Journalled) -> None:
    """The issuer has confirmed an advice."""
    with on.journal.transaction() as tx:
        tx.advise(line, Advice.HEARD)


def _approved(on: Switch, forward: Forward) -> Journalled:
    number = int.from_bytes(on.entropy.take(8)) % 10**_CODE_DIGITS
    return replace(
        forward.line,
        state=DebitState.APPROVED,
        response_code=APPROVED,
        auth_code=f"S{number:0{_CODE_DIGITS}d}",  # tells at sight that no issuer made it
        issuer_authentication_data=on.tokens.answer_chip(forward.admitted, APPROVED),
        reason="",
        advice=Advice.DUE,
    )
