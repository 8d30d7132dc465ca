"""What a claim means for the card that it shares with others, and what the issuer hears of it.

Anybody may claim a card. Until the issuer has identified its owner a claim writes nothing that
another claim reads: no expiry date, no region, no limits.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from zheton.core.decline import Decline, Reason
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.message import Message
from zheton.core.token.domain import Limits
from zheton.core.token.pan import Pan
from zheton.roles.tsp.ports import Entropy, VaultTx
from zheton.roles.tsp.state import Card, Enrolment, Rules

APPROVED = "00"
CLAIMS_MAX = 5
CLAIMS_PERIOD = timedelta(hours=24)
NO_LIMITS = Limits("", 0, 0, 0)  # a card whose owner nobody has identified spends nothing


def refuse_claim(tx: VaultTx, card: Card | None, now: datetime) -> Decline | None:
    """The refusal of one more claim to a card; each one sends its owner a message."""
    if card is None or tx.count_claims(card, now - CLAIMS_PERIOD) < CLAIMS_MAX:
        return None
    text = "This card was added too often in the last 24 hours; try again tomorrow."
    return Decline(Reason.VELOCITY, text, "claims-a-day")


def identified(tx: VaultTx, rules: Rules, enrolment: Enrolment, card: Card, now: datetime) -> Card:
    """The card as a claim has it whose owner is identified, written.

    The expiry date is that of the newest such claim; region and limits are the first one's, for
    they are the card's and not a device's.
    """
    limits = rules.limits_in(enrolment.region)
    tx.renew_card(card, enrolment.expiry, enrolment.region, limits, now)
    if card.region:
        return replace(card, expiry=enrolment.expiry)
    return replace(card, expiry=enrolment.expiry, region=enrolment.region, limits=limits)


def tokenisation(
    pan: Pan, expiry: str, kind: str, now: datetime, entropy: Entropy, code: str = ""
) -> Message:
    """A tokenisation message without the parts that the network adds (docs/dialect.md).

    `kind` is TAR, ACN or TCN; `expiry` is YYMM; `code` goes with ACN.
    """
    parts = {"25": kind} | ({"26": code} if code else {})
    unique = int.from_bytes(entropy.take(8), "big")
    return Message(
        "0100",
        {
            2: pan.reveal(),
            3: "330000",
            4: "0" * 12,
            7: f"{now:%m%d%H%M%S}",
            11: f"{unique % 10**6:06d}",
            14: expiry,
            37: f"{unique // 10**6 % 10**12:012d}",
            48: subelements.encode(parts),
        },
    )
