"""Lines of the status history: one for each change of a card, a token, a device or a batch.

A burn is none: that a batch is active, and in the end spent, the journal of debits says better.
"""

from datetime import datetime

from zheton.core.token.batch import BUCKETS, Batch
from zheton.core.token.lifecycle import Actor, Cause
from zheton.roles.tsp.state import By, Card, Change, Enrolment, Kind, RegisteredDevice

OPERATOR = ""  # whose lines those of a card are: no wallet's
SCHEDULE = By(Actor.TOKEN_SERVICE, Cause.SCHEDULE)


def of_token(before: Enrolment | None, after: Enrolment, by: By, at: datetime) -> Change:
    """A claim that is new or has changed."""
    was = before.status if before else ""
    token, owner = after.id, after.requestor
    return Change(after.bucket, Kind.TOKEN, token, owner, token, was, after.status, at, by)


def of_batch(before: Batch | None, after: Batch, requestor: str, by: By, at: datetime) -> Change:
    """A lease that is new or has changed; its line is for the wallet of its claim."""
    was, token = before.status if before else "", after.enrolment
    name, bucket = after.name, after.bucket
    return Change(bucket, Kind.BATCH, name, requestor, token, was, after.status, at, by)


def of_device(
    before: RegisteredDevice | None, after: RegisteredDevice, by: By, at: datetime
) -> Change:
    """A device that is new or has changed."""
    was, bucket = before.status if before else "", device_bucket(after.id)
    return Change(bucket, Kind.DEVICE, after.id, after.requestor, "", was, after.status, at, by)


def of_card(
    before: Card, after: Card, by: By, at: datetime, token: Enrolment | None = None
) -> Change:
    """A card that has changed: its own line, or the one for the wallet of a claim to it."""
    owner, claim = (token.requestor, token.id) if token else (OPERATOR, "")
    was, now = before.status, after.status
    return Change(after.bucket, Kind.CARD, after.id, owner, claim, was, now, at, by)


def of_controls(card: Card, subject: str, owner: str, token: str, by: By, at: datetime) -> Change:
    """Controls that were set for a token or a card; `card` is the one before."""
    was, now = card.controls_edition, card.controls_edition + 1
    before = str(was) if was else ""
    return Change(card.bucket, Kind.CONTROLS, subject, owner, token, before, str(now), at, by)


def device_bucket(device_id: str) -> int:
    """The bucket of a device's lines: any, but always the same."""
    return sum(device_id.encode()) % BUCKETS
