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
    DOMAIN = "domain"
    AMOUNT_LIMIT = "amount-limit"
    VELOCITY = "velocity"
    CHANGED_REPEAT = "changed-repeat"
    STALE = "stale"
    REVERSED = "reversed"
    NO_ORIGINAL = "no-original"
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
    Reason.DOMAIN: "57",
    Reason.AMOUNT_LIMIT: "61",
    Reason.VELOCITY: "65",
    Reason.CHANGED_REPEAT: "94",
    Reason.STALE: "12",
    Reason.REVERSED: "12",
    Reason.NO_ORIGINAL: "25",
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
