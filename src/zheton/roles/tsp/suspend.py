"""Suspending, resuming and deleting: a token, a batch, or the card behind many tokens.

It holds from the next debit on, in every process, whether the device is in reach or not: the burn
asks for the batch's status and the count of the day's spending for the card's, each in the very
statement that changes the row. Rows are locked claim, batch, card: in the order of a debit.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.batch import Batch, parse_name
from zheton.core.token.lifecycle import (
    CardStatus,
    Hold,
    Verb,
    batch_after,
    card_after,
)
from zheton.roles.tsp.history import of_batch, of_card, of_token
from zheton.roles.tsp.ports import VaultTx
from zheton.roles.tsp.state import By, Card, Change, Enrolment

_FOLLOWING = {
    CardStatus.SUSPENDED: Verb.SUSPEND,
    CardStatus.ACTIVE: Verb.UNSUSPEND,
    CardStatus.DELETED: Verb.DELETE,
}
_CHANGED_MEANWHILE = "It was changed at the same moment; try again."


def change_token(tx: VaultTx, token: str, verb: Verb, by: By, now: datetime) -> Enrolment:
    """Suspend, resume or delete one wallet's claim to a card; its batches follow.

    NotFoundError for an unknown one, ConflictError as `held_after` and the table of transitions
    have it.
    """
    before = tx.held_enrolment(token)
    if before is None:
        raise NotFoundError("There is no such token; enrol its card first.")
    after, changes = _changed_token(tx, before, verb, Hold.of(by.actor), by, now)
    tx.record(changes)
    return after


def change_batch(tx: VaultTx, token: str, name: str, verb: Verb, by: By, now: datetime) -> Batch:
    """Suspend, resume or delete one batch of a token, by its name (16 hex digits)."""
    claim = tx.held_enrolment(token, sharing=True)
    before = tx.held_batch(*parse_name(name))
    if claim is None or before is None or before.enrolment != token:
        raise NotFoundError("The token has no such batch.")
    status, held = batch_after(before.status, before.held, verb, Hold.of(by.actor))
    after = replace(before, status=status, held=held)
    written(tx.change_batch(before, after))
    tx.record([of_batch(before, after, claim.requestor, by, now)])
    return after


def change_card(tx: VaultTx, par: str, verb: Verb, by: By, now: datetime) -> Card:
    """Suspend, resume or delete a card by its payment account reference, for all its wallets.

    A suspended card needs no change of its batches: no debit spends on it. A deleted one takes its
    tokens with it, is found by its number no more, and keeps that number sealed for as long as its
    debits may be disputed (`scrub.kept_until`).
    """
    before = tx.card_by_par(par)
    if before is None:
        raise NotFoundError("There is no such card.")
    status, held = card_after(before.status, before.held, verb, Hold.of(by.actor))
    after = replace(before, status=status, held=held)
    tokens = tx.enrolments_of(before)
    changes = [of_card(before, after, by, now)]
    changes += [of_card(before, after, by, now, token) for token in tokens]
    if verb is Verb.DELETE:
        for token in tokens:
            changes += _changed_token(tx, token, verb, Hold.NOBODY, by, now)[1]
        tx.forget_index(before)
    written(tx.change_card(before, after, now))
    tx.record(changes)
    return after


def follow(
    tx: VaultTx,
    batches: Sequence[Batch],
    status: CardStatus,
    hold: Hold,
    requestor: str,
    by: By,
    now: datetime,
) -> list[Change]:
    """Bring live batches to the status of what they belong to; `hold` is that one's.

    A batch that is as it should be stays untouched, so that going over them twice is nothing.
    """
    changes = []
    for before in batches:
        verb = _FOLLOWING[status]
        if verb is not Verb.DELETE and (hold in before.held) is (verb is Verb.SUSPEND):
            continue
        after_status, held = batch_after(before.status, before.held, verb, hold)
        after = replace(before, status=after_status, held=held)
        written(tx.change_batch(before, after))
        changes.append(of_batch(before, after, requestor, by, now))
    return changes


def written(done: bool) -> None:
    """Pass if a conditional change took place; ConflictError if the row was another by then."""
    if not done:
        raise ConflictError(_CHANGED_MEANWHILE)


def _changed_token(
    tx: VaultTx, before: Enrolment, verb: Verb, hold: Hold, by: By, now: datetime
) -> tuple[Enrolment, list[Change]]:
    status, held = card_after(before.status, before.held, verb, hold)
    after = replace(before, status=status, held=held)
    written(tx.change_enrolment(before, after, now))
    changes = [of_token(before, after, by, now)]
    if after.status is not before.status:
        batches, owner = tx.held_batches(before), before.requestor
        changes += follow(tx, batches, after.status, Hold.TOKEN, owner, by, now)
    return after, changes
