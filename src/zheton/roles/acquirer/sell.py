"""Sell: from sales to 0100 messages, and from their answers to outcomes."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from zheton.core.errors import NotFoundError
from zheton.core.iso8583.message import Message
from zheton.roles.acquirer import request
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.reference import Reference, references
from zheton.roles.acquirer.state import Acquirer, Cause, Record, Sale, Status

APPROVED = "00"
_AUTH_CODE = re.compile("[A-Za-z0-9]{6}").fullmatch


def is_auth_code(text: str) -> bool:
    """Whether an approval brought DE38 as it has to."""
    return _AUTH_CODE(text) is not None


def sell(
    group: Sequence[Sale], acquirer: Acquirer, store: AcquirerStore, now: datetime
) -> list[Message]:
    """The 0100 of each sale, in order; each stands in the journal as sent when this returns.

    `now` is UTC. DE37 of a message is the name of its sale from here on.
    """
    with store.transaction() as transaction:
        named = references(transaction, len(group), now)
        records = [
            _record(sale, acquirer, reference, now)
            for sale, reference in zip(group, named, strict=True)
        ]
        transaction.add(records)
    return [request.purchase(r, sale) for r, sale in zip(records, group, strict=True)]


def complete(outcomes: Sequence[tuple[str, Message | None]], store: AcquirerStore) -> list[Record]:
    """Journal what came of sales, each named by its DE37: an answer, or None where none came.

    An approval counts only if it repeats the request and brings an authorisation code; without a
    trustworthy answer a reversal is due. A record that is not `sent` any more stays as it is, so
    late and repeated answers change nothing. Returns the records in the order of `outcomes`;
    NotFoundError if one is unknown, and then nothing is changed.
    """
    with store.transaction() as transaction:
        known = {r.rrn: r for r in transaction.find({rrn for rrn, _ in outcomes})}
        changed = {}
        for rrn, answer in outcomes:
            if rrn not in known:
                raise NotFoundError(f"No sale has the retrieval reference {rrn}.")
            if known[rrn].status is Status.SENT:
                changed[rrn] = known[rrn] = completed(known[rrn], answer)
        transaction.put(list(changed.values()))
    return [known[rrn] for rrn, _ in outcomes]


def completed(record: Record, answer: Message | None) -> Record:
    """A sent record after its answer."""
    if answer is None:
        return replace(record, status=Status.REVERSAL_DUE, cause=Cause.NO_ANSWER)
    response_code, auth_code = answer.text(39), answer.text(38)
    unproved = response_code == APPROVED and not is_auth_code(auth_code)
    if not request.answers(answer, record) or not response_code or unproved:
        return replace(record, status=Status.REVERSAL_DUE, cause=Cause.ANSWER_DISAGREES)
    if response_code != APPROVED:
        return replace(record, status=Status.DECLINED, response_code=response_code)
    return replace(
        record,
        status=Status.APPROVED,
        response_code=response_code,
        auth_code=auth_code,
        par=answer.text(56).strip(),
    )


def _record(sale: Sale, acquirer: Acquirer, reference: Reference, now: datetime) -> Record:
    return Record(
        rrn=reference.rrn,
        stan=reference.stan,
        transmitted=reference.transmitted,
        sent_at=now,
        acquirer_id=acquirer.id,
        acceptor=sale.till.acceptor,
        channel=sale.till.channel,
        amount=sale.amount,
        number=sale.entry.number,
        expiry=sale.entry.expiry,
        local_time=sale.local_time,
        preauthorised=sale.preauthorised,
    )
