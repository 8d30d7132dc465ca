"""An online number: the same kind of number, bound to an amount, some minutes and a shop.

It leaves the vault sealed to the phone whose key came with the card, so that the wallet carries
it unread: whoever speaks for the wallet can ask for numbers and gets none that he could use.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from zheton.core.country import country
from zheton.core.decline import Decline, Reason
from zheton.core.emv.keys import session_key
from zheton.core.money import Money
from zheton.core.policy.rule import Moment, Question
from zheton.core.token.batch import application_transaction_counter
from zheton.core.token.domain import Channel
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.dynamic_code import dynamic_code
from zheton.roles.tsp.examine import SEQUENCE
from zheton.roles.tsp.lease import Use, lease, leasing
from zheton.roles.tsp.ports import VaultTx
from zheton.roles.tsp.standing import own_device, standing
from zheton.roles.tsp.state import OnlineNumber

MINUTES_MAX = 15


@dataclass(frozen=True, slots=True)
class OnlineCredential:
    """What the cardholder types into a shop's form: good once, for a while, up to a limit."""

    number: str = field(repr=False)
    expiry: str  # YYMM
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """An `OnlineCredential` as a JWE to its owner's phone: JSON with `number`, `expiry`, `code`."""

    jwe: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Purchase:
    """What an online number is good for; `merchant` is DE42, "" binds the first to present it."""

    limit: Money
    merchant: str
    minutes: int


def transact(
    on: TokenDesk,
    enrolment_id: str,
    device_id: str,
    limit: Money,
    *,
    merchant: str,
    minutes: int,
    now: datetime,
) -> SealedCredential | Decline:
    """A number for one debit in a web shop; `merchant` is DE42, "" binds the first to present it.

    Decline DOMAIN_DEVICE for a device that is not the owner's. NotFoundError and ConflictError
    where the enrolment is not there or not active.
    """
    purchase = Purchase(limit, merchant, minutes)
    return leasing(
        on.vault, lambda tx: online_number(tx, on, enrolment_id, device_id, purchase, now)
    )


def online_number(
    tx: VaultTx,
    on: TokenDesk,
    enrolment_id: str,
    device_id: str,
    purchase: Purchase,
    now: datetime,
) -> SealedCredential | Decline:
    """`transact` in a transaction of `leasing`; whoever gets the number out has committed it."""
    enrolment, card = standing(tx, enrolment_id)
    device = own_device(tx, enrolment, device_id)
    if isinstance(device, Decline):
        return device
    decision = on.rules.policy.decide(
        Question(
            Moment.PROVISIONING,
            country(enrolment.region),
            card.network,
            now.date(),
            Channel.ONLINE,
            device.device,
        )
    )
    if not decision.allowed:
        return Decline(Reason.POLICY, decision.text, decision.rule)
    scheme = on.rules.schemes.named(card.network)
    taken = tx.take_online_place(enrolment, now)
    if taken is None:
        use = Use(device.id, device.device, Channel.ONLINE)
        lease(tx, on.keys, scheme, enrolment, use, 1, now)
        taken = tx.take_online_place(enrolment, now)
        assert taken is not None, "a batch that was just leased has places"  # noqa: S101
    batch, place = taken
    index = batch.first_index + place
    expires_at = now + timedelta(minutes=min(max(purchase.minutes, 1), MINUTES_MAX))
    tx.add_online_number(
        OnlineNumber(
            batch.bin,
            index,
            batch.generation,
            purchase.limit.minor,
            purchase.limit.currency.numeric,
            expires_at,
            purchase.merchant,
        )
    )
    number = on.keys.token_range(batch.bin).number(index)
    cipher = scheme.cryptogram.cipher
    card_key = on.keys.card_key(cipher, batch.bin, batch.key_version, number, SEQUENCE)
    counter = application_transaction_counter(batch.generation, place)
    code = dynamic_code(session_key(cipher, card_key, counter))
    content = json.dumps(asdict(OnlineCredential(number, batch.expiry, code)))
    return SealedCredential(on.app_seal.seal(enrolment.app_key, content.encode()), expires_at)
