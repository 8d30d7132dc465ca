"""The outcomes of EMV Contactless Book A, 6.2: what one presentment of a card came to.

Each outcome is a type that carries just what its receiver needs. Only three of them may carry a
sale: an online request (for the acquirer), and the approval or decline that completes one.
"""

from dataclasses import dataclass, field
from enum import IntEnum


class Message(IntEnum):
    """What the cardholder reads, by message identifier (EMV Contactless Book A, 9.4)."""

    APPROVED = 0x03
    NOT_AUTHORISED = 0x07
    INSERT_OR_SWIPE = 0x18
    APPROVED_SIGN = 0x1A
    AUTHORISING = 0x1B
    TRY_ANOTHER_CARD = 0x1C
    PRESENT_AGAIN = 0x21

    @property
    def text(self) -> str:
        """The message in English."""
        return _TEXT[self]


_TEXT = {
    Message.APPROVED: "Approved",
    Message.NOT_AUTHORISED: "Not authorised",
    Message.INSERT_OR_SWIPE: "Please insert or swipe card",
    Message.APPROVED_SIGN: "Approved, please sign",
    Message.AUTHORISING: "Authorising, please wait",
    Message.TRY_ANOTHER_CARD: "Insert, swipe or try another card",
    Message.PRESENT_AGAIN: "Present card again",
}


@dataclass(frozen=True, slots=True)
class Sale:
    """One debit as the till knows it (the data record of Book A, 6.1.3); the number is masked.

    `expiry` is YYMM, `psn` the PAN sequence number or None, `track2` the value of 57 without its
    padding (`=` as separator), `chip` BER-TLV for ISO 8583 DE55, `tvr` and `cvm_results` the
    values of 95 and 9F34.
    """

    amount_minor: int
    currency: str
    number: str = field(repr=False)
    expiry: str
    psn: int | None
    track2: str | None = field(repr=False)
    chip: bytes = field(repr=False)
    aid: bytes
    label: str
    tvr: bytes
    cvm_results: bytes
    signature: bool

    @property
    def last4(self) -> str:
        """The last four digits of the number: all that a receipt shows."""
        return self.number[-4:]


@dataclass(frozen=True, slots=True)
class Approved:
    """The issuer approved: hand over the goods.

    `issuer_authentication_data` (91) is what the issuer sent for the card, if it sent any.
    """

    sale: Sale
    reason: str
    issuer_authentication_data: bytes | None = None
    message: Message = Message.APPROVED


@dataclass(frozen=True, slots=True)
class Declined:
    """The card, the terminal or the issuer declined; `sale` is there when a card told who it is."""

    sale: Sale | None
    reason: str
    message: Message = Message.NOT_AUTHORISED


@dataclass(frozen=True, slots=True)
class OnlineRequest:
    """The card made an ARQC: ask the issuer. No second tap follows (Book A: no restart)."""

    sale: Sale
    reason: str
    message: Message = Message.AUTHORISING


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The card left the field: present it again."""

    reason: str
    message: Message = Message.PRESENT_AGAIN


@dataclass(frozen=True, slots=True)
class SelectNext:
    """This application cannot go on, another one on the card may: never leaves the entry point."""

    reason: str
    message: Message = Message.TRY_ANOTHER_CARD


@dataclass(frozen=True, slots=True)
class EndApplication:
    """This card cannot pay here; nothing was debited."""

    reason: str
    message: Message = Message.TRY_ANOTHER_CARD


@dataclass(frozen=True, slots=True)
class TryAnotherInterface:
    """Contactless is not allowed for this debit; a contact reader may be."""

    reason: str
    message: Message = Message.INSERT_OR_SWIPE


Outcome = (
    Approved
    | Declined
    | OnlineRequest
    | TryAgain
    | SelectNext
    | EndApplication
    | TryAnotherInterface
)
