"""What the token service owns: cards, identifications, devices, leases of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from zheton.core.policy.compiled import Policy
from zheton.core.scheme import Schemes
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Device, Limits
from zheton.core.token.lifecycle import CardStatus


@dataclass(frozen=True, slots=True)
class Card:
    """An enrolled card. The PAN is sealed and bound to bucket, id and key version.

    Region, expiry and limits are those of identified owners; the region is "" until there is one.
    """

    id: str
    bucket: int
    network: str
    region: str  # alpha-2: the country of the first cardholder who was identified
    status: CardStatus
    par: str
    last4: str
    expiry: str  # YYMM
    limits: Limits
    sealed_pan: bytes = field(repr=False)
    pan_key_version: int = 1
    controls: str = ""  # as `core.token.control_sheet` writes them
    controls_edition: int = 0  # how often they were set


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One wallet's claim to a card: what the wallet names, and what its owner was identified for.

    A card that two people enter has two enrolments, and each needs a code of its own. The code is
    kept as a MAC, good until `code_until` and for `tries_left` tries; `delivery` says how it went.
    Numbers go to one chip, by its serial number `device`, and online ones to the phone that has
    the private key of `app_key` (JWK); both came in the envelope.
    """

    id: str
    bucket: int
    card: str
    status: CardStatus
    region: str  # alpha-2: the cardholder's country
    expiry: str  # YYMM, the card's
    device: str
    app_key: str = field(repr=False)
    delivery: str = ""
    code_mac: bytes = field(default=b"", repr=False)
    code_until: datetime | None = None
    tries_left: int = 0
    issuer_told: bool = False  # that it pays from a device now


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device that the token service may fill: its chip's serial number and its class."""

    id: str
    serial: str
    device: Device


@dataclass(frozen=True, slots=True)
class OnlineNumber:
    """What binds one online number: an amount, a time, a shop, and how many codes were tried."""

    bin: str
    index: int
    generation: int
    limit_minor: int
    currency: str
    expires_at: datetime
    merchant: str  # "" until the first to present it
    codes_tried: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """All that is known of a number: its batch, its card, and an online one's binding."""

    batch: Batch
    card: Card
    online: OnlineNumber | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What enrolments, provisionings and debits are judged by: the networks and the policy."""

    schemes: Schemes
    policy: Policy
    limits: Mapping[str, Limits]  # by alpha-2 region, "" for all others: what a new card may spend

    def limits_in(self, region: str) -> Limits:
        """The limits of a card enrolled in a region."""
        return self.limits.get(region, self.limits[""])
