"""Enrolment: a card number comes in sealed to the vault, and its issuer is asked (ID&V).

The vault opens the envelope, finds network and policy, stores the card sealed, and sends the
issuer TAR (may this card be tokenised?) and, where the issuer wants its cardholder identified,
ACN (deliver this code). The wallet learns an id, the last four digits and how the code travels.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from zheton.core.country import Country, country
from zheton.core.decline import Decline, Reason
from zheton.core.errors import DecodeError, EncodeError
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.message import Message
from zheton.core.policy.rule import Moment, Question
from zheton.core.scheme import Scheme
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.core.token.batch import BUCKETS
from zheton.core.token.lifecycle import CardStatus
from zheton.core.token.pan import Pan
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.ports import Entropy
from zheton.roles.tsp.state import Card, Enrolment

CODE_DIGITS = 6
CODE_MINUTES = 10
CODE_TRIES = 3
ENVELOPE_CHARACTERS_MAX = 4096
DELIVERY_CHARACTERS_MAX = 80
UNNAMED_DELIVERY = "the issuer's way"
APPROVED, IDENTIFY_FIRST = "00", "85"


@dataclass(frozen=True, slots=True)
class EnteredCard:
    """What the cardholder typed: the number and the expiry date (YYMM)."""

    pan: Pan
    expiry: str


@dataclass(frozen=True, slots=True)
class Tokenised:
    """A claim to a card in the vault: usable at once, or once its owner has typed the code."""

    enrolment: Enrolment
    card: Card


def tokenise(on: TokenDesk, jwe: str, region: str, now: datetime) -> Tokenised | Decline:
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

    answer = on.issuer.exchange(entered.pan, _tokenisation(entered, "TAR", now, on.entropy))
    if answer.text(39) not in (APPROVED, IDENTIFY_FIRST):
        text = f"The issuer refused the card (response code {answer.text(39)})."
        return Decline(Reason.ISSUER_DECLINED, text)
    if answer.text(39) == APPROVED:
        return _store(on, entered, scheme, home, None, now)
    delivery = subelements.decode(answer.text(48)).get(subelements.REACHED_BY, "")
    code = _draw_code(on.entropy)
    # First the code, then the rows: a claim whose code was never sent would wait for ever.
    answer = on.issuer.exchange(entered.pan, _tokenisation(entered, "ACN", now, on.entropy, code))
    if answer.text(39) != APPROVED:
        text = "The issuer could not deliver the code; ask it for another way."
        return Decline(Reason.IDENTITY_NOT_CONFIRMED, text)
    return _store(on, entered, scheme, home, _Sent(code, delivery), now)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A code that the issuer delivers, and by what way."""

    code: str = field(repr=False)
    delivery: str


def read_envelope(content: bytes) -> EnteredCard:
    """The card in an opened envelope: JSON with `pan` and `expiry` (MM/YY); DecodeError if not."""
    try:
        entered = json.loads(content)
        month, _, year = str(entered["expiry"]).replace(" ", "").partition("/")
        pan = Pan(str(entered["pan"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        # Not chained: a JSON error carries the document, and with it the card number.
        raise DecodeError("it holds no card", field="envelope", offset=0) from None
    if not (f"{month}{year}".isascii() and f"{month}{year}".isdigit() and len(year) == 2):
        raise EncodeError("the expiry date is written MM/YY", field="expiry")
    if len(month) != 2 or not 1 <= int(month) <= 12:
        raise EncodeError("the expiry date is written MM/YY", field="expiry")
    return EnteredCard(pan, year + month)


def _store(
    on: TokenDesk,
    entered: EnteredCard,
    scheme: Scheme,
    home: Country,
    sent: _Sent | None,
    now: datetime,
) -> Tokenised:
    """The card, new or found again by its keyed index, and the claim to it, in one transaction."""
    indexes = on.keys.pan_indexes(entered.pan)
    with on.vault.transaction() as tx:
        found = (tx.card_by_index(index) for index in indexes)
        known = next((card for card in found if card is not None), None)
        bucket, card_id = (known.bucket, known.id) if known else draw_id(on.entropy)
        version, sealed = on.keys.seal_pan(entered.pan, bucket, card_id)
        if known is not None:
            card = replace(known, expiry=entered.expiry, sealed_pan=sealed, pan_key_version=version)
            tx.renew_card(card, now)
        else:
            card = Card(
                id=card_id,
                bucket=bucket,
                network=scheme.name,
                region=home.alpha2,
                status=CardStatus.ACTIVE,
                par=scheme.par_bin_controller + on.keys.par_suffix(entered.pan),
                last4=entered.pan.last4,
                expiry=entered.expiry,
                limits=on.rules.limits_in(home.alpha2),
                sealed_pan=sealed,
                pan_key_version=version,
            )
            tx.add_card(card, indexes[0], now)
        enrolment = _claim(on, card, sent, now)
        tx.add_enrolment(enrolment, now)
        purpose = Purpose.ENROLMENT
        tx.log([Resolution(unix_ms(now), on.who, purpose, enrolment.id, card.id)])
    return Tokenised(enrolment, card)


def _claim(on: TokenDesk, card: Card, sent: _Sent | None, now: datetime) -> Enrolment:
    """A claim: active at once, or waiting for the code, of which only a MAC is kept."""
    _, claim_id = draw_id(on.entropy, card.bucket)
    if sent is None:
        return Enrolment(claim_id, card.bucket, card.id, CardStatus.ACTIVE)
    return Enrolment(
        claim_id,
        card.bucket,
        card.id,
        CardStatus.IDENTIFYING,
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


def _tokenisation(
    entered: EnteredCard, kind: str, now: datetime, entropy: Entropy, code: str = ""
) -> Message:
    """A tokenisation message without the parts that the network adds (docs/dialect.md)."""
    parts = {"25": kind} | ({"26": code} if code else {})
    unique = int.from_bytes(entropy.take(8), "big")
    return Message(
        "0100",
        {
            2: entered.pan.reveal(),
            3: "330000",
            4: "0" * 12,
            7: f"{now:%m%d%H%M%S}",
            11: f"{unique % 10**6:06d}",
            14: entered.expiry,
            37: f"{unique // 10**6 % 10**12:012d}",
            48: subelements.encode(parts),
        },
    )
