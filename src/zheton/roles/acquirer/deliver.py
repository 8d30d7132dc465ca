"""Deliver: what the network has to hear of follow-ups, until it has confirmed each.

A completion or a partial reversal is repeated with its first trace number and time; so is the
reversal of an increment or a refund that ended without a trustworthy answer.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from zheton.core.iso8583.message import Message
from zheton.roles.acquirer import follow_up_request
from zheton.roles.acquirer.follow import conclude, found, sale, settle
from zheton.roles.acquirer.follow_up import TOLD, FollowUp
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.reference import references
from zheton.roles.acquirer.reverse import GROUP_MAX, SETTLED
from zheton.roles.acquirer.state import Cause, Status


def abandon_follow_ups(before: datetime, store: AcquirerStore) -> int:
    """Have reversed what was asked before a moment and got no outcome; how many were."""
    with store.transaction() as transaction:
        sent = transaction.follow_ups_with(Status.SENT, before, GROUP_MAX)
        stale = [
            replace(line, status=Status.REVERSAL_DUE, cause=Cause.ABANDONED)
            for line in sent
            if line.wish.kind not in TOLD
        ]
        transaction.put_follow_ups(stale)
    return len(stale)


def follow_ups_due(
    store: AcquirerStore, before: datetime, now: datetime
) -> list[tuple[FollowUp, Message]]:
    """What has to be sent (again), with its line: reversals, and what was told before a moment."""
    due: list[tuple[FollowUp, Message]] = []
    with store.transaction() as transaction:
        fresh = transaction.follow_ups_with(Status.REVERSAL_DUE, now, GROUP_MAX)
        again = transaction.follow_ups_with(Status.REVERSING, now, GROUP_MAX)
        told = transaction.follow_ups_with(Status.SENT, before, GROUP_MAX)
        named = references(transaction, len(fresh), now)
        first = [
            replace(
                line,
                status=Status.REVERSING,
                reversal_stan=each.stan,
                reversal_transmitted=each.transmitted,
            )
            for line, each in zip(fresh, named, strict=True)
        ]
        transaction.put_follow_ups(first)
        sales = {r.rrn: r for r in transaction.find({line.rrn for line in (*first, *again, *told)})}
    reversing = [(line, False) for line in first] + [(line, True) for line in again]
    for line, repeat in reversing:
        due.append((line, follow_up_request.reversal(sales[line.rrn], line, repeat=repeat)))
    for line in told:
        if line.wish.kind in TOLD:
            due.append((line, follow_up_request.request(sales[line.rrn], line, repeat=True)))
    return due


def follow_ups_answered(
    answers: Sequence[tuple[FollowUp, Message]], store: AcquirerStore
) -> list[FollowUp]:
    """Journal the answers to what was due; the lines that have their outcome now."""
    return [
        ended
        for line, answer in answers
        if not (
            ended := (
                _reversed(line, answer, store)
                if line.status is Status.REVERSING
                else conclude(line, answer, store)
            )
        ).is_open
    ]


def _reversed(line: FollowUp, answer: Message, store: AcquirerStore) -> FollowUp:
    with store.transaction() as transaction:
        record, known = sale(transaction, line.rrn), found(transaction, line)
        confirmed = follow_up_request.answers_reversal(answer, record, known)
        if known.status is not Status.REVERSING or not confirmed or answer.text(39) not in SETTLED:
            return known
        after = replace(known, status=Status.REVERSED)
        settle(transaction, record, after)
    return after
