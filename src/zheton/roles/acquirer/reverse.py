"""Reverse: take back what did not end in a trustworthy approval, until the network confirms.

A reversal keeps its trace number and time from the first 0400 through every 0401, so that whoever
gets it twice knows it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.iso8583.message import Message
from zheton.roles.acquirer import request
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.reference import references
from zheton.roles.acquirer.state import Cause, Record, Status

GROUP_MAX = 500
# 00 taken back; 25 never seen; 12 or 14, and so never approved: nothing is held for the sale.
SETTLED = frozenset({"00", "12", "14", "25"})


def cancel(rrn: str, store: AcquirerStore) -> Record:
    """Take back an approved sale that has not cleared: a reversal is due from now on.

    NotFoundError if there is no such sale; ConflictError if it does not stand as approved.
    """
    with store.transaction() as transaction:
        record = next(iter(transaction.find({rrn})), None)
        if record is None:
            raise NotFoundError(f"No sale has the retrieval reference {rrn}.")
        if record.status is not Status.APPROVED:
            raise ConflictError(f"The sale is {record.status}; only an approved one is cancelled.")
        record = replace(record, status=Status.REVERSAL_DUE, cause=Cause.CANCELLED)
        transaction.put([record])
    return record


def abandon(before: datetime, store: AcquirerStore) -> list[Record]:
    """Give up on sales sent before a moment whose answers nobody waits for any more.

    For a start after a crash: what was in flight then is reversed. Up to GROUP_MAX a call.
    """
    with store.transaction() as transaction:
        records = [
            replace(record, status=Status.REVERSAL_DUE, cause=Cause.ABANDONED)
            for record in transaction.sent_before(before, GROUP_MAX)
        ]
        transaction.put(records)
    return records


def reversals_due(store: AcquirerStore, now: datetime) -> list[Message]:
    """A 0400 for each sale that needs one, a 0401 where one went out before; GROUP_MAX at most.

    Each stands in the journal as `reversing`, with its trace number, when this returns.
    """
    with store.transaction() as transaction:
        # Those that never went out come first, so that ones nobody confirms can't starve them.
        due = transaction.with_status(Status.REVERSAL_DUE, GROUP_MAX)
        repeated = transaction.with_status(Status.REVERSING, GROUP_MAX - len(due))
        first = [
            replace(
                record,
                status=Status.REVERSING,
                reversal_stan=named.stan,
                reversal_transmitted=named.transmitted,
            )
            for record, named in zip(due, references(transaction, len(due), now), strict=True)
        ]
        transaction.put(first)
    return [
        *(request.reversal(record, repeat=False) for record in first),
        *(request.reversal(record, repeat=True) for record in repeated),
    ]


def reversals_answered(answers: Sequence[Message], store: AcquirerStore) -> list[Record]:
    """Journal 0410 answers; a sale is reversed if its own says that nothing is held any more.

    Any other answer leaves it reversing, to be asked again. Returns the records now reversed.
    """
    with store.transaction() as transaction:
        records = {r.rrn: r for r in transaction.find({answer.text(37) for answer in answers})}
        done = {}
        for answer in answers:
            record = records.get(answer.text(37))
            if record is not None and _confirms(answer, record):
                done[record.rrn] = replace(record, status=Status.REVERSED)
        transaction.put(list(done.values()))
    return list(done.values())


def _confirms(answer: Message, record: Record) -> bool:
    return (
        record.status is Status.REVERSING
        and request.answers_reversal(answer, record)
        and answer.text(39) in SETTLED
    )
