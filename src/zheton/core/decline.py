"""Why a debit, an enrolment or a provisioning was refused: one name a reason, and what it means.

Each reason maps to a response code of ISO 8583:1987 DE39 and to a sentence for a person. A
decline is a value that travels; nothing here is an exception.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Every reason for which Zheton refuses, by the name that logs, APIs and metrics use."""

    UNKNOWN_NUMBER = "unknown-number"
    REPLAY = "replay"
    WRONG_CRYPTOGRAM = "wrong-cryptogram"
    WRONG_CODE = "wrong-code"
    CHIP_DATA_MISMATCH = "chip-data-mismatch"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    POLICY = "policy"
    DOMAIN_DATES = "domain-dates"
    DOMAIN_CHANNEL = "domain-channel"
    DOMAIN_DEVICE = "domain-device"
    DOMAIN_REGION = "domain-region"
    DOMAIN_CURRENCY = "domain-currency"
    DOMAIN_MERCHANT = "domain-merchant"
    DOMAIN_CATEGORY = "domain-category"
    AMOUNT_LIMIT = "amount-limit"
    CVM_REQUIRED = "cvm-required"
    DAY_AMOUNT = "day-amount"
    DAY_COUNT = "day-count"
    VELOCITY = "velocity"
    THROTTLED = "throttled"
    CHANGED_REPEAT = "changed-repeat"
    STALE = "stale"
    REVERSED = "reversed"
    NO_ORIGINAL = "no-original"
    SCOPE = "scope"
    IN_PROGRESS = "in-progress"
    FORMAT = "format"
    ISSUER_UNAVAILABLE = "issuer-unavailable"
    OVERLOADED = "overloaded"
    INSUFFICIENT_FUNDS = "insufficient-funds"
    NO_ACCOUNT = "no-account"
    CARD_BLOCKED = "card-blocked"
    IDENTITY_NOT_CONFIRMED = "identity-not-confirmed"
    ISSUER_DECLINED = "issuer-declined"


RESPONSE_CODE: dict[Reason, str] = {
    Reason.UNKNOWN_NUMBER: "14",
    Reason.REPLAY: "63",
    Reason.WRONG_CRYPTOGRAM: "63",
    Reason.WRONG_CODE: "63",
    Reason.CHIP_DATA_MISMATCH: "63",
    Reason.EXPIRED: "54",
    Reason.SUSPENDED: "62",
    Reason.POLICY: "57",
    # One code for most of the domain, so that a merchant can't read an owner's controls off it.
    Reason.DOMAIN_DATES: "57",
    Reason.DOMAIN_CHANNEL: "57",
    Reason.DOMAIN_DEVICE: "57",
    Reason.DOMAIN_REGION: "62",
    Reason.DOMAIN_CURRENCY: "57",
    Reason.DOMAIN_MERCHANT: "57",
    Reason.DOMAIN_CATEGORY: "57",
    Reason.AMOUNT_LIMIT: "61",
    Reason.CVM_REQUIRED: "70",  # PIN data required: tap again, with the passcode
    Reason.DAY_AMOUNT: "61",
    Reason.DAY_COUNT: "65",
    Reason.VELOCITY: "65",
    Reason.THROTTLED: "58",  # not permitted to the terminal
    Reason.CHANGED_REPEAT: "94",
    Reason.STALE: "12",
    Reason.REVERSED: "12",
    Reason.NO_ORIGINAL: "25",
    Reason.SCOPE: "58",
    Reason.IN_PROGRESS: "09",
    Reason.FORMAT: "30",
    Reason.ISSUER_UNAVAILABLE: "91",
    Reason.OVERLOADED: "91",
    Reason.INSUFFICIENT_FUNDS: "51",
    Reason.NO_ACCOUNT: "14",
    Reason.CARD_BLOCKED: "62",
    Reason.IDENTITY_NOT_CONFIRMED: "05",
    Reason.ISSUER_DECLINED: "05",
}


@dataclass(frozen=True, slots=True)
class Decline:
    """A refusal: its reason, one sentence for a person, and the rule's name where one decided."""

    reason: Reason
    text: str
    rule: str | None = None

    @property
    def response_code(self) -> str:
        """ISO 8583 DE39."""
        return RESPONSE_CODE[self.reason]
