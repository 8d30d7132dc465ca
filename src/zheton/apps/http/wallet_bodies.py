"""What the wallet's door takes and gives, and how its records become that."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, RootModel

from zheton.apps.http.fields import (
    AmountMinor,
    Answer,
    Apdu,
    Body,
    Code,
    Counter,
    CurrencyCode,
    Envelope,
    Id,
    Limit,
    Region,
    Serial,
    Shown,
    Title,
)
from zheton.core.debit import DebitState
from zheton.core.money import Money, currency
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.wallet.state import Commit, CommitState, DebitNotice, Device, WalletCard

UNSPENT_MAX = 100_000
NOTICES_MAX = 500

# Free texts of others: bounded, and one line each, for they go into an event stream.
_Line = Annotated[str, Field(max_length=40, pattern=r"^[^\x00-\x1f]*$")]


class UserBody(Body):
    """A new user's name."""

    name: Title


class UserAnswer(Answer):
    """A new user, and the bearer token that nobody tells again."""

    id: str
    name: str
    token: str


class DeviceBody(Shown):
    """A device: its chip's serial number, what kind it is, and what it shows of itself."""

    serial: Serial
    profile: Annotated[str, Field(max_length=32, pattern=r"^[a-z0-9-]+$")]


class DeviceAnswer(Answer):
    """A device."""

    id: str
    serial: str
    profile: str
    deviceClass: str
    registeredAt: datetime


class DeviceStateAnswer(Answer):
    """How a device stands at the token service."""

    id: str
    status: CardStatus


class CardBody(Body):
    """A card in an envelope."""

    encryptedData: Envelope
    region: Region
    title: Title | None = None


class CardAnswer(Answer):
    """A card; `delivery` says how its code travels, `expiry` is YYMM.

    `tokenReference` is what the chip calls the card, so that the app can ask it for this one.
    """

    id: str
    tokenReference: str
    title: str
    status: CardStatus
    network: str
    last4: str
    expiry: str
    delivery: str
    addedAt: datetime


class CodeBody(Body):
    """The code that the issuer sent."""

    code: Code


class OnlineBody(Limit):
    """What an online number is wanted for, and which device it counts for."""

    deviceId: Id


class NeedBody(Body):
    """What a device says at a sync; `unspent` is of `creditCard` if one is named.

    `resets` counts its factory resets: with a new one, all tokens that it held end.
    """

    counter: Counter
    unspent: Annotated[int, Field(ge=0, le=UNSPENT_MAX)]
    creditCard: Id | None = None
    resets: Annotated[int, Field(ge=0, le=0xFFFF)] = 0


class CommitAnswer(Answer):
    """A package: its commands in hexadecimal digits, in order."""

    commit: int
    creditCard: str
    commands: list[Apdu]
    numbers: int


class AcknowledgeBody(Body):
    """Status words in hexadecimal digits, one a command that was sent."""

    statuses: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{4}$")]], Field(max_length=300)
    ]


class CommitStateAnswer(Answer):
    """How a commit stands."""

    commit: int
    state: CommitState


class Notice(Body):
    """How a debit stands, from the token service."""

    debitId: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[ -~]+$")]
    tokenUniqueReference: Id
    at: AwareDatetime
    merchantName: _Line
    amountMinor: AmountMinor
    heldMinor: AmountMinor
    refundedMinor: AmountMinor
    currency: CurrencyCode
    state: DebitState
    edition: Annotated[int, Field(ge=0, lt=2**31)]
    responseCode: Annotated[str, Field(max_length=2, pattern=r"^[0-9A-Z]*$")]
    reason: Annotated[str, Field(max_length=32, pattern=r"^[a-z-]*$")]
    numberLast4: Annotated[str, Field(pattern=r"^([0-9]{4})?$")]

    def record(self) -> DebitNotice:
        """The notice; ConfigurationError for a currency that is not known."""
        unit = currency(self.currency)
        return DebitNotice(
            debit=self.debitId,
            token=self.tokenUniqueReference,
            at=self.at,
            merchant_name=self.merchantName,
            amount=Money(self.amountMinor, unit),
            held=Money(self.heldMinor, unit),
            refunded=Money(self.refundedMinor, unit),
            state=self.state,
            edition=self.edition,
            response_code=self.responseCode,
            reason=self.reason,
            number_last4=self.numberLast4,
        )


class Notices(RootModel[Annotated[list[Notice], Field(max_length=NOTICES_MAX)]]):
    """A list of notices."""


class NoticesAnswer(Answer):
    """How many of them said something new."""

    recorded: int


class DebitAnswer(Answer):
    """One debit; `numberLast4` are the last four digits of its one-time number.

    `amount` is what was asked for, `held` what that comes to by now (raised, lowered, completed),
    `refunded` what has gone back; without `Minor` they are written for people.
    """

    debitId: str
    creditCard: str
    at: datetime
    merchantName: str
    amountMinor: int
    heldMinor: int
    refundedMinor: int
    currency: str
    amount: str
    held: str
    refunded: str
    state: DebitState
    responseCode: str
    reason: str
    numberLast4: str


def device_answer(device: Device) -> DeviceAnswer:
    """A device for its user."""
    return DeviceAnswer(
        id=device.id,
        serial=device.serial,
        profile=device.profile,
        deviceClass=device.device_class,
        registeredAt=device.registered_at,
    )


def card_answer(card: WalletCard) -> CardAnswer:
    """A card for its user."""
    token = card.token
    return CardAnswer(
        id=card.id,
        tokenReference=token.reference,
        title=card.title,
        status=token.status,
        network=token.network,
        last4=token.last4,
        expiry=token.expiry,
        delivery=token.delivery,
        addedAt=card.added_at,
    )


def commit_answer(commit: Commit) -> CommitAnswer:
    """A package for its device."""
    return CommitAnswer(
        commit=commit.number,
        creditCard=commit.card,
        commands=[command.hex().upper() for command in commit.package.commands],
        numbers=commit.package.numbers,
    )


def debit_answer(card_id: str, notice: DebitNotice) -> DebitAnswer:
    """A debit for the card's user."""
    return DebitAnswer(
        debitId=notice.debit,
        creditCard=card_id,
        at=notice.at,
        merchantName=notice.merchant_name,
        amountMinor=notice.amount.minor,
        heldMinor=notice.held.minor,
        refundedMinor=notice.refunded.minor,
        currency=notice.amount.currency.code,
        amount=str(notice.amount),
        held=str(notice.held),
        refunded=str(notice.refunded),
        state=notice.state,
        responseCode=notice.response_code,
        reason=notice.reason,
        numberLast4=notice.number_last4,
    )
