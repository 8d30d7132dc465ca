"""What the token service's door takes and gives, and how its records become that."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from zheton.apps.http.fields import (
    Answer,
    BatchName,
    Body,
    Code,
    Counter,
    DeviceClass,
    Envelope,
    Id,
    Limit,
    Region,
    Serial,
    Shown,
)
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Channel
from zheton.core.token.lifecycle import Actor, BatchStatus, CardStatus, Cause
from zheton.roles.tsp.provision import BATCHES_MAX
from zheton.roles.tsp.state import Card, Change, Kind, RegisteredDevice, Requestor, RequestorKind
from zheton.roles.tsp.view import TokenView

_REFERENCE = "0c6f1e9a4b7d4c0f8a5be2d1903f7a66"
_PAR = "5041ZHT0A1B2C3D4E5F6G7H8I9J0K"
_AT = "2019-09-02T09:00:00Z"
_OF_WALLETS = (Actor.CARDHOLDER, Actor.WALLET)


class TokenizeBody(Body):
    """A card in an envelope, and the country of its cardholder."""

    encryptedPayload: Annotated[Envelope, Field(examples=["eyJhbGciOi.key.iv.text.tag"])]
    region: Annotated[Region, Field(examples=["RU"])]


class ActivateBody(Body):
    """The code that the issuer delivered."""

    code: Annotated[Code, Field(examples=["831502"])]


class DeviceBody(Shown):
    """A device by the wallet's id for it, and what it shows of itself."""

    deviceId: Annotated[Id, Field(examples=[_REFERENCE])]
    serial: Annotated[Serial, Field(examples=["00010203040506070809"])]
    deviceClass: DeviceClass


class ReplenishBody(Body):
    """Which device to fill, with how many batches of 64 numbers."""

    deviceId: Annotated[Id, Field(examples=[_REFERENCE])]
    counter: Annotated[Counter, Field(examples=[4])]
    batches: Annotated[int, Field(ge=1, le=BATCHES_MAX)] = 1


class CertifyBody(Body):
    """Which device's numbers to certify, for the counter of its payment domain."""

    deviceId: Annotated[Id, Field(examples=[_REFERENCE])]
    counter: Annotated[Counter, Field(examples=[4])]


class TransactBody(Limit):
    """What an online number is wanted for."""

    deviceId: Annotated[Id, Field(examples=[_REFERENCE])]


class TokenAnswer(Answer):
    """A token as its wallet may know it; `expiry` is the card's, YYMM.

    `status` is what counts at a debit: that of the token, of its device and of the card behind it,
    whichever is worst. `suspendedBy` says who would have to lift a suspension of which of them.
    """

    tokenUniqueReference: Annotated[str, Field(examples=[_REFERENCE])]
    status: CardStatus
    suspendedBy: Annotated[list[str], Field(examples=[["token: cardholder", "card: issuer"]])]
    network: Annotated[str, Field(examples=["mastercard"])]
    panSuffix: Annotated[str, Field(examples=["0010"], description="the card's last four digits")]
    expiry: Annotated[str, Field(examples=["2912"])]
    paymentAccountReference: Annotated[str, Field(examples=[_PAR])]
    delivery: Annotated[str, Field(description="how the activation code travels, or empty")]
    changedAt: Annotated[datetime, Field(examples=[_AT])]


class TokenPage(Answer):
    """Some tokens, and what to ask for the next page with; the last page has no `next`.

    A page may hold fewer than were asked for, or none, though there is a next one.
    """

    tokens: list[TokenAnswer]
    next: str | None = None


class PackageAnswer(Answer):
    """Commands for the chip in hexadecimal digits, and how many numbers they bring.

    `numbersLeft` counts the unused ones of the device, those of this package among them.
    """

    commands: Annotated[list[str], Field(examples=[["00A4040007A000000151000000"]])]
    numbers: int
    numbersLeft: int


class BatchAnswer(Answer):
    """A batch of one-time numbers; `numbersLeft` of them are not used yet."""

    batch: Annotated[BatchName, Field(examples=["001fc40400000400"])]
    status: BatchStatus
    suspendedBy: list[str]
    deviceId: str
    channel: Channel
    numbersLeft: int
    until: datetime


class Batches(Answer):
    """The batches of a token that may pay, or are suspended."""

    batches: list[BatchAnswer]


class DeviceAnswer(Answer):
    """A device. `settled` says that every batch on it follows its status already."""

    deviceId: str
    serial: str
    deviceClass: DeviceClass
    status: CardStatus
    suspendedBy: list[str]
    settled: bool


class CardAnswer(Answer):
    """A card for its issuer: no number, but where it is known by.

    `numberKeptUntil` is set for a deleted card whose number is still sealed in the vault: so long
    its debits may be disputed, and a refund has to find it.
    """

    paymentAccountReference: str
    status: CardStatus
    suspendedBy: list[str]
    network: str
    panSuffix: str
    expiry: str
    tokens: Annotated[int, Field(description="how many claims to it are not deleted")]
    numberKeptUntil: str | None = None


class ChangeAnswer(Answer):
    """One change: of what, from which status to which, when, in whose name and why."""

    subject: Kind
    id: str
    tokenUniqueReference: str | None
    before: str | None
    after: str
    at: datetime
    actor: Actor
    actorId: str
    reason: Cause


class History(Answer):
    """Changes, the oldest first, and what to ask for the next page with."""

    changes: list[ChangeAnswer]
    next: str | None = None


class EventAnswer(ChangeAnswer):
    """A change as an event; `eventId` is its own, also if it comes twice."""

    eventId: str


class Events(Answer):
    """Events after a cursor, in order for each token and each device, and the cursor to go on with.

    An empty list: nothing is new; ask with the same cursor later.
    """

    events: list[EventAnswer]
    cursor: str


class Done(Answer):
    """It is done."""

    done: Literal[True] = True


def token_answer(view: TokenView) -> TokenAnswer:
    """A token for whoever may see it."""
    token, card = view.token, view.card
    return TokenAnswer(
        tokenUniqueReference=token.id,
        status=view.status,
        suspendedBy=view.suspended_by,
        network=card.network,
        panSuffix=card.last4,
        expiry=token.expiry,
        paymentAccountReference=card.par,
        delivery=token.delivery,
        changedAt=view.changed_at,
    )


def batch_answer(batch: Batch) -> BatchAnswer:
    """A batch."""
    return BatchAnswer(
        batch=batch.name,
        status=batch.status,
        suspendedBy=batch.held.names,
        deviceId=batch.device_id,
        channel=batch.channel,
        numbersLeft=batch.left,
        until=batch.until,
    )


def device_answer(device: RegisteredDevice) -> DeviceAnswer:
    """A device."""
    return DeviceAnswer(
        deviceId=device.id,
        serial=device.serial,
        deviceClass=device.device,
        status=device.status,
        suspendedBy=device.held.names,
        settled=device.settled,
    )


def card_answer(card: Card, tokens: int, kept_until: str | None) -> CardAnswer:
    """A card."""
    return CardAnswer(
        paymentAccountReference=card.par,
        status=card.status,
        suspendedBy=card.held.names,
        network=card.network,
        panSuffix=card.last4,
        expiry=card.expiry,
        tokens=tokens,
        numberKeptUntil=kept_until,
    )


def change_answer(change: Change, to: Requestor) -> ChangeAnswer:
    """A line of the history; a wallet learns that an issuer acted, and not which case it was."""
    hidden = to.kind is RequestorKind.WALLET and change.by.actor not in _OF_WALLETS
    return ChangeAnswer(
        subject=change.kind,
        id=change.subject,
        tokenUniqueReference=change.token or None,
        before=change.before or None,
        after=change.after,
        at=change.at,
        actor=change.by.actor,
        actorId="" if hidden else change.by.id,
        reason=change.by.cause,
    )


def event_answer(change: Change, to: Requestor) -> EventAnswer:
    """The same as an event."""
    said = change_answer(change, to).model_dump()
    return EventAnswer(**said, eventId=f"{change.bucket:02x}-{change.ordinal}")
