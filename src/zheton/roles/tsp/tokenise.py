"""Enrolment: a card number comes in sealed to the vault, and its issuer is asked (ID&V).

The vault opens the envelope, finds network and policy, stores the card sealed, and sends the
issuer TAR (may this card be tokenised?) and, where the issuer wants its cardholder identified,
ACN (deliver this code). The wallet learns an id, the last four digits and how the code travels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from zheton.core.country import Country, country
from zheton.core.decline import Decline, Reason
from zheton.core.errors import DecodeError
from zheton.core.iso8583 import subelements
from zheton.core.policy.rule import Moment, Question
from zheton.core.scheme import Scheme
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.core.token.batch import BUCKETS
from zheton.core.token.lifecycle import Actor, CardStatus, Cause
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.envelope import ENVELOPE_CHARACTERS_MAX, EnteredCard, read_envelope
from zheton.roles.tsp.history import of_token
from zheton.roles.tsp.identify import APPROVED, NO_LIMITS, identified, refuse_claim, tokenisation
from zheton.roles.tsp.ports import Entropy, VaultTx
from zheton.roles.tsp.state import By, Card, Enrolment

CODE_DIGITS = 6
CODE_MINUTES = 10
CODE_TRIES = 3
DELIVERY_CHARACTERS_MAX = 80
UNNAMED_DELIVERY = "the issuer's way"
IDENTIFY_FIRST = "85"


@dataclass(frozen=True, slots=True)
class Tokenised:
    """A claim to a card in the vault: usable at once, or once its owner has typed the code."""

    enrolment: Enrolment
    card: Card


@dataclass(frozen=True, slots=True)
class Claimant:
    """Whose token it becomes, and what is to be kept in the transaction that stores the claim."""

    requestor: str = ""
    keep: Callable[[VaultTx, Tokenised], None] = lambda _tx, _made: None


NOBODY = Claimant()  # a claim that nobody can ask for by the token API


def tokenise(
    on: TokenDesk, jwe: str, region: str, now: datetime, claimant: Claimant = NOBODY
) -> Tokenised | Decline:
    """Enrol the card in an envelope for a cardholder of a region (alpha-2).

    DecodeError for an envelope without a card, EncodeError for a card number that is none,
    VerificationError for one sealed to another key. Every call is a claim of its own, which needs
    a code of its own; the card behind it is found again by its keyed index.
    """
    if len(jwe) > ENVELOPE_CHARACTERS_MAX:
        raise DecodeError("it is longer than any card", field="envelope", offset=len(jwe))
    entered = read_envelope(on.keys.open_envelope(jwe))
    scheme = on.rules.schemes.of_pan(entered.pan.reveal())
    if scheme is None:
        return Decline(Reason.NO_ACCOUNT, "This card belongs to no network that is known here.")
    home = country(region)
    decision = on.rules.policy.decide(Question(Moment.ENROLMENT, home, scheme.name, now.date()))
    if not decision.allowed:
        return Decline(Reason.POLICY, decision.text, decision.rule)
    if entered.expiry < f"{now:%y%m}":
        return Decline(Reason.EXPIRED, "The card has expired.")
    with on.vault.transaction() as tx:  # before the issuer is asked, who would tell the owner
        refusal = refuse_claim(tx, _known(tx, on.keys.pan_indexes(entered.pan)), now)
    if refusal is not None:
        return refusal

    pan, expiry = entered.pan, entered.expiry
    answer = on.issuer.exchange(pan, tokenisation(pan, expiry, "TAR", now, on.entropy))
    if answer.text(39) not in (APPROVED, IDENTIFY_FIRST):
        text = f"The issuer refused the card (response code {answer.text(39)})."
        return Decline(Reason.ISSUER_DECLINED, text)
    if answer.text(39) == APPROVED:
        return on.again(partial(_store, on, entered, scheme, home, None, now, claimant))
    delivery = subelements.decode(answer.text(48)).get(subelements.REACHED_BY, "")
    code = _draw_code(on.entropy)
    # First the code, then the rows: a claim whose code was never sent would wait for ever.
    answer = on.issuer.exchange(pan, tokenisation(pan, expiry, "ACN", now, on.entropy, code))
    if answer.text(39) != APPROVED:
        text = "The issuer could not deliver the code; ask it for another way."
        return Decline(Reason.IDENTITY_NOT_CONFIRMED, text)
    sent = _Sent(code, delivery)
    return on.again(partial(_store, on, entered, scheme, home, sent, now, claimant))


@dataclass(frozen=True, slots=True)
class _Sent:
    """A code that the issuer delivers, and by what way."""

    code: str = field(repr=False)
    delivery: str


def _store(
    on: TokenDesk,
    entered: EnteredCard,
    scheme: Scheme,
    home: Country,
    sent: _Sent | None,
    now: datetime,
    claimant: Claimant,
) -> Tokenised | Decline:
    """The card, new or found again by its keyed index, and the claim to it, in one transaction."""
    indexes = on.keys.pan_indexes(entered.pan)
    with on.vault.transaction() as tx:
        card = _known(tx, indexes)
        refusal = refuse_claim(tx, card, now)
        if refusal is not None:
            return refusal
        if card is None:
            card = _new_card(on, entered, scheme)
            tx.add_card(card, indexes[0], now)
        enrolment = _claim(on, card, entered, home, sent, now)
        enrolment = replace(enrolment, requestor=claimant.requestor)
        tx.add_enrolment(enrolment, now)
        purpose = Purpose.ENROLMENT
        tx.log([Resolution(unix_ms(now), on.who, purpose, enrolment.id, card.id)])
        if enrolment.status is CardStatus.ACTIVE:
            card = identified(tx, on.rules, enrolment, card, now)
        made = Tokenised(enrolment, card)
        by = By(Actor.WALLET, Cause.ENROLLED, claimant.requestor)
        tx.record([of_token(None, enrolment, by, now)])
        claimant.keep(tx, made)
    return made


def _known(tx: VaultTx, indexes: Sequence[bytes]) -> Card | None:
    found = (tx.card_by_index(index) for index in indexes)
    return next((card for card in found if card is not None), None)


def _new_card(on: TokenDesk, entered: EnteredCard, scheme: Scheme) -> Card:
    bucket, card_id = draw_id(on.entropy)
    version, sealed = on.keys.seal_pan(entered.pan, bucket, card_id)
    return Card(
        id=card_id,
        bucket=bucket,
        network=scheme.name,
        region="",
        status=CardStatus.ACTIVE,
        par=scheme.par_bin_controller + on.keys.par_suffix(entered.pan),
        last4=entered.pan.last4,
        expiry=entered.expiry,
        limits=NO_LIMITS,
        sealed_pan=sealed,
        pan_key_version=version,
    )


def _claim(
    on: TokenDesk, card: Card, entered: EnteredCard, home: Country, sent: _Sent | None,
    now: datetime,
) -> Enrolment:  # fmt: skip
    """A claim: active at once, or waiting for the code, of which only a MAC is kept."""
    _, claim_id = draw_id(on.entropy, card.bucket)
    active = Enrolment(
        id=claim_id,
        bucket=card.bucket,
        card=card.id,
        status=CardStatus.ACTIVE,
        region=home.alpha2,
        expiry=entered.expiry,
        device=entered.device,
        app_key=entered.app_key,
    )
    if sent is None:
        return active
    return replace(
        active,
        status=CardStatus.IDENTIFYING,
        delivery=(sent.delivery or UNNAMED_DELIVERY)[:DELIVERY_CHARACTERS_MAX],
        code_mac=on.keys.code_mac(claim_id, sent.code),
        code_until=now + timedelta(minutes=CODE_MINUTES),
        tries_left=CODE_TRIES,
    )


def _draw_code(entropy: Entropy) -> str:
    number = int.from_bytes(entropy.take(8), "big") % 10**CODE_DIGITS  # bias below 2^-44
    return f"{number:0{CODE_DIGITS}d}"


def draw_id(entropy: Entropy, bucket: int | None = None) -> tuple[int, str]:
    """A new id of 32 hex digits, the first two its bucket: drawn, unless one is given."""
    drawn = entropy.take(16)
    home = drawn[0] % BUCKETS if bucket is None else bucket
    return home, (bytes((home,)) + drawn[1:]).hex()
