"""Identification and verification (ID&V): is the person who adds the card its cardholder?

Three steps of the dialect's tokenisation message. TAR asks whether the card may be tokenised: the
bank says *identify first* (85) and how it will reach the cardholder. ACN carries the activation
code that the bank delivers by a way that is not the wallet's. TCN says that the token is there.
"""

from dataclasses import dataclass, field
from datetime import datetime

from zheton.core.decline import Decline, Reason
from zheton.roles.issuer.authorise import usable_account
from zheton.roles.issuer.book import Book
from zheton.roles.issuer.request import Request
from zheton.roles.issuer.state import Account

IDENTIFY_FIRST = "85"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to a cardholder, sent once the group is committed."""

    phone: str = field(repr=False)
    text: str = field(repr=False)


def may_tokenise(book: Book, request: Request, now: datetime) -> str | Decline:
    """TAR: how the bank reaches the cardholder, masked for everybody's eyes, or a refusal."""
    account = _identifiable(book, request, now)
    return account if isinstance(account, Decline) else f"SMS {masked(account.phone)}"


def deliver_code(book: Book, request: Request, bank_name: str, now: datetime) -> Letter | Decline:
    """ACN: the message that brings the activation code, or a refusal."""
    account = _identifiable(book, request, now)
    if isinstance(account, Decline):
        return account
    return Letter(
        account.phone,
        f"{bank_name}: code {request.activation_code} adds your card *{account.last4} to a "
        "device. Tell it to nobody.",
    )


def tokenised(book: Book, request: Request, bank_name: str) -> Letter | Decline:
    """TCN: the message that tells the cardholder, also one whose card is blocked; or a refusal."""
    account = book.account(request.pan_index)
    if account is None:
        return Decline(Reason.NO_ACCOUNT, "The bank has no such card.")
    return Letter(
        account.phone,
        f"{bank_name}: your card *{account.last4} now pays from a device. Not you? Call us.",
    )


def masked(phone: str) -> str:
    """A telephone number with nothing left but its country code and its last four digits.

    >>> masked("+7 916 123-12-34")
    '+7 *** ***-12-34'
    """
    country, _, rest = phone.partition(" ")
    hidden = sum(map(str.isdigit, rest)) - 4
    shown = []
    for character in rest:
        digit = character.isdigit()
        shown.append("*" if digit and hidden > 0 else character)
        hidden -= digit
    return f"{country} {''.join(shown)}"


def _identifiable(book: Book, request: Request, now: datetime) -> Account | Decline:
    account = usable_account(book, request, now)
    if isinstance(account, Account) and not account.phone:
        return Decline(
            Reason.IDENTITY_NOT_CONFIRMED, "The bank has no telephone number to send a code to."
        )
    return account
