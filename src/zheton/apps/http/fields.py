"""The types of what the HTTP doors take and give: every text has a shape and a longest length."""

import re
from datetime import datetime
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from zheton.core.emv.device_proof import Evidence
from zheton.core.money import AMOUNT_MINOR_MAX, Currency, Money, currency
from zheton.core.token.domain import Device

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="32 hexadecimal digits")]
Serial = Annotated[
    str, Field(pattern=r"^[0-9A-Fa-f]{20}$", description="the chip's serial number, 10 bytes")
]
Envelope = Annotated[
    str,
    Field(
        max_length=4096,
        # RFC 7516, 7.1. A header is a JSON object, so "ew" or "ey" comes first: a card number that
        # somebody sent in the place of an envelope is not carried on.
        pattern=r"^e[wy][0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+){4}$",
        description="compact JWE (RSA-OAEP-256, A256GCM) of JSON with `pan`, `expiry` (MM/YY), "
        "`device` (the chip's serial number) and `appKey` (the phone's public key, a JWK on P-256)",
    ),
]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Code = Annotated[str, Field(pattern=r"^[0-9]{4,8}$", description="the activation code")]
AmountMinor = Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX, description="minor units")]
CurrencyCode = Annotated[str, Field(pattern=r"^([A-Z]{3}|[0-9]{3})$", description="ISO 4217")]
Merchant = Annotated[str, Field(max_length=15, pattern=r"^[ -~]*$", description="DE42")]
Counter = Annotated[int, Field(ge=0, lt=1 << 24, description="the chip's SCP03 sequence counter")]
Apdu = Annotated[str, Field(max_length=522, pattern=r"^([0-9A-F]{2})+$")]
DeviceClass = Device
BatchName = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="16 hexadecimal digits")]
Par = Annotated[
    str, Field(pattern=r"^[0-9A-Z]{29}$", description="payment account reference (EMVCo), DE56")
]
_HEX = r"^([0-9A-Fa-f]{2})+$"
_LONG_NUMBER = re.compile(r"(?:[0-9][ ._:-]?){11,}[0-9]")


def no_card_number(text: str) -> str:
    """What people call a thing is kept in the clear, so nobody may keep a card number there."""
    if _LONG_NUMBER.search(text):
        raise PydanticCustomError("name", "a name holds no number as long as a card's")
    return text


Title = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(no_card_number)]


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...


class Body(BaseModel):
    """What comes in: exactly the fields that are asked for, of exactly their types."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    def __repr__(self) -> str:
        """Nothing of what came: numbers, codes and envelopes are among it."""
        return f"{type(self).__name__}(...)"

    __str__ = __repr__


class Answer(BaseModel):
    """What goes out."""


class Shown(Body):
    """What a device shows of itself: the maker's certificate, and a challenge that it signed."""

    certificate: Annotated[str, Field(max_length=1024, pattern=_HEX)]
    challenge: Annotated[str, Field(max_length=80, pattern=_HEX)]
    proof: Annotated[str, Field(max_length=496, pattern=_HEX)]

    def evidence(self) -> Evidence:
        """The same as bytes."""
        shown = (self.certificate, self.challenge, self.proof)
        return Evidence(*(bytes.fromhex(each) for each in shown))


class ChallengeBody(Body):
    """Which chip is to show that it is the one."""

    serial: Serial


class ChallengeAnswer(Answer):
    """What the chip has to sign, in hexadecimal digits; it can be answered for ten minutes."""

    challenge: str


class Limit(Body):
    """An amount that an online number is good for, the shop it is for, and for how long."""

    amountMinor: Annotated[int, Field(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: CurrencyCode
    merchant: Merchant = ""
    minutes: Annotated[int, Field(ge=1, le=15)] = 10

    def money(self) -> Money:
        """The amount; ConfigurationError for a currency that is not known."""
        unit: Currency = currency(self.currency)
        return Money(self.amountMinor, unit)


class OnlineNumberAnswer(Answer):
    """What the cardholder types into a shop's form, sealed to the phone that the card came from.

    A JWE (ECDH-ES+A256KW, A256GCM) of JSON with `number`, `expiry` (YYMM) and `code`.
    """

    encryptedPayload: str
    expiresAt: datetime


class EncryptionKeyAnswer(Answer):
    """The key that entry forms seal to (JWK), and its RFC 7638 thumbprint for them to pin."""

    jwk: dict[str, str | list[str]]
    thumbprint: str


class ProblemAnswer(BaseModel):
    """Why something was not done (RFC 9457); `reason` and `rule` where a rule refused it."""

    type: Annotated[str, Field(examples=["urn:zheton:problem:conflict"])]
    title: Annotated[str, Field(examples=["Conflict"])]
    status: Annotated[int, Field(examples=[409])]
    detail: Annotated[str, Field(examples=["It is suspended already, in the name of the same."])]
    reason: str | None = None
    rule: str | None = None
    requestId: str | None = None
