"""What the token service owns: cards, claims to them, devices, leases, and who changed them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from zheton.core.crypto.rsa import PublicKey
from zheton.core.emv.no_cvm import NEVER, NoCvm
from zheton.core.policy.compiled import Policy
from zheton.core.scheme import Schemes
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Channel, Device, Limits
from zheton.core.token.lifecycle import Actor, BatchStatus, CardStatus, Cause, Hold


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
    held: Hold = Hold.NOBODY


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
    requestor: str = ""  # whose token it is; "" is nobody who could ask for it
    held: Hold = Hold.NOBODY


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device that the token service may fill: its chip's serial number and key, and its class.

    Its batches lie in many buckets, so they follow its status one bucket after the other;
    `settled` says that all have. `version` counts its changes.
    """

    id: str
    serial: str
    device: Device
    requestor: str = ""
    status: CardStatus = CardStatus.ACTIVE
    held: Hold = Hold.NOBODY
    settled: bool = True
    version: int = 0
    chip_key: PublicKey | None = None


class RequestorKind(StrEnum):
    """What the holder of a credential of the token API is."""

    WALLET = "wallet"
    ISSUER = "issuer"
    TOKEN_SERVICE = "token-service"  # noqa: S105 a kind, no secret


@dataclass(frozen=True, slots=True)
class Requestor:
    """Who may call the token API; `key_hash` is the SHA-256 (hex) of the bearer key."""

    id: str
    kind: RequestorKind
    name: str
    key_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something, and why; `id` is the actor's own name for itself, or ""."""

    actor: Actor
    cause: Cause
    id: str = ""


class Kind(StrEnum):
    """What a change is a change of."""

    CARD = "card"
    TOKEN = "token"  # noqa: S105 a kind, no secret
    DEVICE = "device"
    BATCH = "batch"
    CONTROLS = "controls"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the status history; `before` is "" for what is new.

    `subject` is the id of a card, a token or a device, or the name of a batch (`batch_name`); of
    controls that of their token or card, and `before` and `after` count their editions. The line
    is `requestor`'s to read; `token` is the enrolment that it concerns, or "". `ordinal` counts the
    lines of a bucket and a requestor, without a gap and in the order of their commits.
    """

    bucket: int
    kind: Kind
    subject: str
    requestor: str
    token: str
    before: str
    after: str
    at: datetime
    by: By
    ordinal: int = 0


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
class Terms:
    """What a batch of one BIN and bucket is leased for, to whom, and until when."""

    bin: str
    bucket: int
    card: str
    enrolment: str
    device_id: str
    device: Device
    channel: Channel
    key_version: int
    expiry: str  # YYMM
    until: datetime

    def fresh(self, index: int) -> Batch:
        """The first lease of a batch under these terms."""
        return Batch(
            bin=self.bin,
            batch=index,
            generation=0,
            status=BatchStatus.OFFERED,
            card=self.card,
            enrolment=self.enrolment,
            device_id=self.device_id,
            device=self.device,
            channel=self.channel,
            key_version=self.key_version,
            expiry=self.expiry,
            until=self.until,
        )


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
    no_cvm: NoCvm = NEVER  # what may be paid without a cardholder verification

    def limits_in(self, region: str) -> Limits:
        """The limits of a card enrolled in a region."""
        return self.limits.get(region, self.limits[""])


@dataclass(frozen=True, slots=True)
class Once:
    """A request that shall have its effect once, by the caller's key for it.

    `mac` is a keyed image of the whole request; until `deadline` it counts as under way.
    """

    requestor: str
    key: str
    mac: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What is kept of a request: its keyed image and, once it is done, its answer (JSON)."""

    mac: str
    done: bool
    answer: str = field(repr=False)
