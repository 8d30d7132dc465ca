"""Messages that name an original: what they ask, and for how long their original may be named.

A burnt number comes back only in one of these (docs/dialect.md). DE90 names the original, DE48.28
says what is done with it; a 0400 with replacement amounts (DE95) lowers what is held.
"""

from datetime import timedelta
from enum import StrEnum

from zheton.core.clearing import PURCHASE, REFUND
from zheton.core.errors import DecodeError
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.message import Message
from zheton.core.money import BY_NUMERIC, Money
from zheton.core.token.batch import DISPUTE_WINDOW

PREAUTHORISED = "06"  # DE25: pre-authorised request
REPLACEMENT_DIGITS, REPLACEMENT_REST = 12, "0" * 12 + "C00000000" * 2
INCREMENTS_MAX = 32  # of one original; a long stay at a hotel has one a day


class FollowUpKind(StrEnum):
    """What may follow an original, beside its full reversal."""

    INCREMENT = "increment"
    COMPLETION = "completion"
    REFUND = "refund"
    PARTIAL_REVERSAL = "partial-reversal"


CODE = {
    FollowUpKind.INCREMENT: "INC",
    FollowUpKind.COMPLETION: "CPL",
    FollowUpKind.REFUND: "RFD",
}
_KIND = {code: kind for kind, code in CODE.items()}
MTI = {
    FollowUpKind.INCREMENT: "0100",
    FollowUpKind.COMPLETION: "0220",
    FollowUpKind.REFUND: "0100",
    FollowUpKind.PARTIAL_REVERSAL: "0400",
}
PROCESSING_CODE = {
    FollowUpKind.INCREMENT: PURCHASE,
    FollowUpKind.COMPLETION: PURCHASE,
    FollowUpKind.REFUND: REFUND,
    FollowUpKind.PARTIAL_REVERSAL: PURCHASE,
}
# Since the original: what is held longer than a stay lasts is let go by its issuer, and a refund
# comes while the number rests (docs/one-time-number.md, the dispute window).
WITHIN = {
    FollowUpKind.INCREMENT: timedelta(days=30),
    FollowUpKind.COMPLETION: timedelta(days=30),
    FollowUpKind.REFUND: DISPUTE_WINDOW,
    FollowUpKind.PARTIAL_REVERSAL: timedelta(days=30),
}


def kind_of(message: Message) -> FollowUpKind | None:
    """What a request does with the original that it names, or None if it is none of these.

    DecodeError where it says one thing in DE48.28 and another in its MTI or DE3.
    """
    if message.mti[:3] == "040":
        return FollowUpKind.PARTIAL_REVERSAL if 95 in message else None
    kind = _named(message)
    if kind is None and 90 not in message and message.mti[:3] != "022":
        return None
    if kind is None:
        raise DecodeError("a message that names an original says why", field="DE48.28", offset=0)
    if MTI[kind][:3] != message.mti[:3] or PROCESSING_CODE[kind] != message.text(3):
        raise DecodeError("the message is not of the kind that it says", field="DE48.28", offset=0)
    return kind


def reversed_kind(message: Message) -> FollowUpKind | None:
    """Which kind of follow-up a 0400 takes back; None where it takes back the debit itself."""
    return _named(message)


def names_original(message: Message) -> bool:
    """Whether a request is about an earlier one that it names, a full reversal of a debit apart."""
    try:
        return kind_of(message) is not None or reversed_kind(message) is not None
    except DecodeError:
        return True


def replacement(rest: Money) -> str:
    """DE95 of a partial reversal: what stays, and no settlement amount or fees (an 42).

    >>> from zheton.core.money import money
    >>> replacement(money("1.50", "RUB"))
    '000000000150000000000000C00000000C00000000'
    """
    return f"{rest.minor:012d}{REPLACEMENT_REST}"


def replaced(message: Message) -> Money:
    """What a partial reversal leaves: DE95 in the currency of DE49, more than nothing, less than
    DE4; else DecodeError.
    """
    text = message.text(95)
    digits, rest = text[:REPLACEMENT_DIGITS], text[REPLACEMENT_DIGITS:]
    unit = BY_NUMERIC.get(message.text(49))
    known = unit is not None and digits.isascii() and digits.isdigit() and rest == REPLACEMENT_REST
    if unit is None or not known or not 0 < int(digits) < int(message.text(4)):
        raise DecodeError("is no part of DE4, without fees", field="DE95", offset=0)
    return Money(int(digits), unit)


def _named(message: Message) -> FollowUpKind | None:
    code = subelements.decode(message.text(48)).get(subelements.FOLLOW_UP)
    if code is None:
        return None
    if code not in _KIND:
        raise DecodeError("is INC, CPL or RFD", field="DE48.28", offset=0)
    return _KIND[code]
