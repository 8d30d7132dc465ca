"""At a debit: is this number live, is the proof right, may it pay here?

The order matters. Anybody can send a number without its proof, and learns nothing but whether
one is leased under that expiry date (14 or 63); nothing burns. The proof comes next. After it the
state of lease and card may be told, and a number that does not stand burns nothing either. One
that stands burns, and what then refuses (policy, domain, amount) travels in the `Admitted`.
"""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

from zheton.core.country import country
from zheton.core.debit import Admitted, CardBehind, Debit, Place
from zheton.core.decline import Decline, Reason
from zheton.core.emv import tags
from zheton.core.emv.cryptogram import cryptogram_input, verify_application_cryptogram
from zheton.core.emv.iad import AcType, IssuerApplicationData
from zheton.core.emv.keys import session_key
from zheton.core.errors import DecodeError, VerificationError
from zheton.core.money import Money
from zheton.core.policy.rule import Moment, Question
from zheton.core.token.batch import application_transaction_counter
from zheton.core.token.control_sheet import refuse_by_sheet
from zheton.core.token.controls import Circumstances, merchant_key
from zheton.core.token.domain import Channel, refuse_amount, refuse_channel
from zheton.core.token.lifecycle import PAYING, CardStatus
from zheton.roles.tsp.dynamic_code import dynamic_code
from zheton.roles.tsp.ports import Keys, Vault
from zheton.roles.tsp.state import Lease, OnlineNumber, Rules

SEQUENCE = 0  # the PAN sequence number of every one-time number
CODE_TRIES = 3


def examine(
    debits: Sequence[Debit], keys: Keys, vault: Vault, rules: Rules, now: datetime
) -> list[Admitted | Decline]:
    """One verdict a debit, in order.

    A try of an online number is used up, durably, before its code is looked at: however many
    guesses come at once, in one group or to several processes, no more than three are looked at.
    """
    leases = vault.leases([debit.at for debit in debits])
    refusals = [_unproven(debit, leases.get(debit.at)) for debit in debits]
    guessing = [
        i
        for i, debit in enumerate(debits)
        if refusals[i] is None and debit.channel is Channel.ONLINE
    ]
    if guessing:
        with vault.transaction() as tx:
            # One order over all processes, or two of them could wait for each other.
            for i in sorted(guessing, key=lambda i: (debits[i].at.bucket, debits[i].at.index)):
                at = debits[i].at
                if not tx.use_code_try(at, leases[at].batch.generation, CODE_TRIES):
                    text = "Three codes were tried: this number has ended."
                    refusals[i] = Decline(Reason.WRONG_CODE, text)
    return [
        refusal or _judge(debit, leases[debit.at], keys, rules, now)
        for debit, refusal in zip(debits, refusals, strict=True)
    ]


def _judge(
    debit: Debit, lease: Lease, keys: Keys, rules: Rules, now: datetime
) -> Admitted | Decline:
    """The verdict on a leased number: its proof, whether it stands, and whether it may pay."""
    key = _session_key(debit, lease, keys, rules)
    refusal = (
        _wrong_cryptogram(debit, lease, key, rules)
        if debit.channel is Channel.TILL
        else _wrong_code(debit, key)
    )
    refusal = refusal or _not_standing(lease, now)
    if refusal is not None:
        return refusal
    card = lease.card
    return Admitted(
        debit,
        lease.batch.generation,
        CardBehind(
            card.id,
            card.bucket,
            card.par,
            card.network,
            card.limits,
            card.expiry,
            card.sealed_pan,
            card.pan_key_version,
        ),
        session_key=key if debit.channel is Channel.TILL else None,
        binds_shop=lease.online is not None and not lease.online.merchant,
        refusal=may_not_pay(lease, debit.channel, debit.amount, debit.place, rules, now)
        or _unverified(debit, lease, rules),
    )


def _unproven(debit: Debit, lease: Lease | None) -> Decline | None:
    """What refuses before any proof: it says `unknown` or `not proven` and nothing else."""
    if lease is None:
        return Decline(Reason.UNKNOWN_NUMBER, "No such number is leased.")
    batch = lease.batch
    if debit.expiry != batch.expiry:  # another generation of the same digits, or a guess
        return Decline(Reason.UNKNOWN_NUMBER, "No such number is leased under this expiry date.")
    if batch.burnt & debit.at.slot.mask:
        # A replay, or the repeat of a debit that another process has just taken. The burn decides
        # that; its verdict needs no proof, for the number is worthless by now.
        return Decline(Reason.REPLAY, "This number has been used: it pays once.")
    if debit.channel is not Channel.ONLINE:
        return None
    if batch.channel is not Channel.ONLINE:  # six digits prove nothing of a chip's number
        return Decline(Reason.WRONG_CODE, "This number is for a till: it has no code.")
    if lease.online is None:
        return Decline(Reason.UNKNOWN_NUMBER, "This online number was never given out.")
    return None


def _not_standing(lease: Lease, now: datetime) -> Decline | None:
    """Why a proven number does not pay now: its lease, its card, its batch or its minutes."""
    if now.astimezone(UTC) >= lease.batch.until:
        return Decline(Reason.EXPIRED, "The lease of this number has ended.")
    if lease.card.status is not CardStatus.ACTIVE:
        return Decline(Reason.SUSPENDED, f"The card behind this number is {lease.card.status}.")
    if lease.batch.status not in PAYING:
        return Decline(Reason.SUSPENDED, f"The batch of this number is {lease.batch.status}.")
    if lease.online is not None and now >= lease.online.expires_at:
        return Decline(Reason.EXPIRED, "The minutes of this number are over.")
    return None


def _session_key(debit: Debit, lease: Lease, keys: Keys, rules: Rules) -> bytes:
    batch = lease.batch
    cipher = rules.schemes.named(lease.card.network).cryptogram.cipher
    card_key = keys.card_key(cipher, batch.bin, batch.key_version, debit.number, SEQUENCE)
    counter = application_transaction_counter(batch.generation, debit.at.slot.place)
    return session_key(cipher, card_key, counter)


def _wrong_cryptogram(debit: Debit, lease: Lease, key: bytes, rules: Rules) -> Decline | None:
    """Counter, card verification results and cryptogram against the chip data of DE55."""
    version = rules.schemes.named(lease.card.network).cryptogram
    chip = debit.chip or {}
    counter = application_transaction_counter(lease.batch.generation, debit.at.slot.place)
    if chip.get(tags.ATC) != counter.to_bytes(2, "big"):
        return Decline(Reason.CHIP_DATA_MISMATCH, "9F36 is not the counter of this number.")
    try:
        issuer_data = chip[tags.ISSUER_APPLICATION_DATA]
        results = IssuerApplicationData.decode(version, issuer_data).cvr
        if results.ac_first is not AcType.ARQC:
            return Decline(Reason.CHIP_DATA_MISMATCH, "The card's own results say: no ARQC.")
        verify_application_cryptogram(
            version.cipher,
            key,
            cryptogram_input(version, chip, issuer_data),
            chip[tags.APPLICATION_CRYPTOGRAM],
        )
    except KeyError:
        return Decline(Reason.CHIP_DATA_MISMATCH, "DE55 lacks what the cryptogram is made of.")
    except DecodeError as error:
        return Decline(Reason.CHIP_DATA_MISMATCH, f"DE55 does not decode: {error}")
    except VerificationError:
        return Decline(Reason.WRONG_CRYPTOGRAM, "The application cryptogram is not right.")
    return None


def _wrong_code(debit: Debit, key: bytes) -> Decline | None:
    # As bytes: of two strings `compare_digest` takes ASCII only, and this one is a stranger's.
    given = (debit.code or "").encode("utf-8", "replace")
    if not hmac.compare_digest(dynamic_code(key).encode("ascii"), given):
        return Decline(Reason.WRONG_CODE, "The dynamic code is not right.")
    return None


def may_not_pay(
    lease: Lease, channel: Channel, amount: Money, place: Place, rules: Rules, now: datetime
) -> Decline | None:
    """Domain controls and rollout policy: what refuses although the number is proven.

    First what the number is made for, then controls, limits and an online number's own bounds.
    """
    refusal = (
        refuse_channel(lease.batch.channel, channel)
        or refuse_by_sheet(
            lease.card.controls,
            lease.batch.enrolment,
            _circumstances(lease, channel, amount, place, now),
        )
        or refuse_amount(lease.card.limits, amount)
    )
    if refusal is None and lease.online is not None:
        refusal = _out_of_bounds(amount, place, lease.online)
    if refusal is not None:
        return refusal
    decision = rules.policy.decide(
        Question(
            Moment.DEBIT,
            country(place.country),
            lease.card.network,
            now.date(),
            channel,
            lease.batch.device,
        )
    )
    if decision.allowed:
        return None
    return Decline(Reason.POLICY, decision.text, decision.rule)


def _circumstances(
    lease: Lease, channel: Channel, amount: Money, place: Place, now: datetime
) -> Circumstances:
    return Circumstances(
        day=now.astimezone(UTC).date(),
        channel=channel,
        device=lease.batch.device,
        region=place.country,
        currency=amount.currency.code,
        merchant=merchant_key(place.acquirer, place.merchant),
        category=place.category,
        minor=lease.card.limits.minor(amount),
    )


def _unverified(debit: Debit, lease: Lease, rules: Rules) -> Decline | None:
    """The refusal of an amount that needs the cardholder verified, where the chip says: not done.

    A chip refuses by itself; one that did not was personalised under other limits, or altered. A
    preauthorisation always needs it, for its amount may rise.
    """
    if debit.channel is not Channel.TILL:
        return None
    version = rules.schemes.named(lease.card.network).cryptogram
    issuer_data = (debit.chip or {}).get(tags.ISSUER_APPLICATION_DATA, b"")
    amount, place = debit.amount, country(debit.place.country)
    if IssuerApplicationData.decode(version, issuer_data).cvr.cdcvm_successful:
        return None
    if not debit.preauthorised and rules.no_cvm.allows(
        place.numeric, amount.currency.numeric, amount.minor
    ):
        return None
    text = "The amount needs the cardholder verified on the device, and nobody was."
    return Decline(Reason.CVM_REQUIRED, text, "domain-cvm")


def _out_of_bounds(amount: Money, place: Place, online: OnlineNumber) -> Decline | None:
    if amount.currency.numeric != online.currency or amount.minor > online.limit_minor:
        return Decline(
            Reason.AMOUNT_LIMIT, "The amount is above this number's limit.", "domain-amount"
        )
    if online.merchant and online.merchant != place.merchant:
        return Decline(
            Reason.DOMAIN_MERCHANT, "This number belongs to another shop.", "domain-merchant"
        )
    return None
