"""What the wallet owns: users, devices, cards, commits (packages on their way), debit notices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from zheton.core.debit import DebitState
from zheton.core.money import Money
from zheton.core.token.domain import Device as DeviceClass
from zheton.core.token.lifecycle import CardStatus


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with the app; `token_hash` is the SHA-256 of the bearer token (hex)."""

    id: str
    name: str
    token_hash: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A band or the like; `serial` is its chip's (20 hex digits), `profile` its kind by name.

    `resets` is how many factory resets of it the wallet has heard of.
    """

    id: str
    user: str
    serial: str
    profile: str
    device_class: DeviceClass
    registered_at: datetime
    resets: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """What the token service tells of a card; `expiry` is YYMM, `delivery` how its code travels."""

    reference: str
    status: CardStatus
    network: str
    last4: str
    expiry: str
    par: str
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class WalletCard:
    """A card of a user: the token service's words for it, and the user's own title."""

    id: str
    user: str
    title: str
    region: str  # alpha-2
    token: Token
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Package:
    """Commands for a chip, sealed to it by the token service, and how many numbers they bring."""

    commands: tuple[bytes, ...] = field(repr=False)
    numbers: int


class CommitState(StrEnum):
    """Where a commit stands."""

    OFFERED = "offered"
    DONE = "done"
    FAILED = "failed"
    ABANDONED = "abandoned"  # the chip's counter went past it, so it can't be run any more


@dataclass(frozen=True, slots=True)
class Commit:
    """One package in a device's feed; `number` counts from 1, `counter` is the chip's for it."""

    device: str
    number: int
    card: str
    counter: int
    package: Package
    state: CommitState
    made_at: datetime


@dataclass(frozen=True, slots=True)
class OnlineNumber:
    """A number for one debit in a web shop: a JWE to its user's phone, handed on and not kept."""

    sealed: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DebitNotice:
    """How a debit stands, as the token service tells it; the number's last four digits only.

    `held` is what its merchant may take of it by now, `refunded` what has gone back. Of two notices
    of one debit that of the higher edition is newer.
    """

    debit: str
    token: str
    at: datetime
    merchant_name: str
    amount: Money
    held: Money
    refunded: Money
    state: DebitState
    edition: int
    response_code: str
    reason: str
    number_last4: str


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """The token service's public key for envelopes (JWK) and its thumbprint (RFC 7638)."""

    jwk: Mapping[str, Any]
    thumbprint: str
