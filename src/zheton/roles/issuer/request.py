"""What the issuer reads from a message (docs/dialect.md), and the answer it sends back."""

import hmac
from dataclasses import dataclass, field

from zheton.core.clearing import PURCHASE, REFUND
from zheton.core.decline import Decline, Reason
from zheton.core.errors import DecodeError, ZhetonError
from zheton.core.follow_up import FollowUpKind, kind_of, replaced
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.match import decode_original, response_mti
from zheton.core.iso8583.message import Message
from zheton.core.money import BY_NUMERIC, Money
from zheton.roles.issuer.state import Bank, RequestKind

_ALWAYS = (2, 3, 4, 7, 11, 32, 37, 49)
_ECHOED = (2, 3, 4, 7, 11, 32, 37, 41, 49)
_ECHOED_WITH_ORIGINAL = (*_ECHOED, 42, 90)
_DIGESTED = (2, 3, 4, 14, 48, 49, 90, 95)
_CODE_DIGITS = range(4, 9)
_MONEY = {PURCHASE: RequestKind.PURCHASE, REFUND: RequestKind.REFUND}
_FOLLOW_UP = {
    FollowUpKind.INCREMENT: RequestKind.INCREMENT,
    FollowUpKind.COMPLETION: RequestKind.COMPLETION,
    FollowUpKind.REFUND: RequestKind.REFUND,
    FollowUpKind.PARTIAL_REVERSAL: RequestKind.PARTIAL_REVERSAL,
}
_NAMING = (RequestKind.REVERSAL, RequestKind.ADVICE)
_ADVICES = ("0120", "0121")
TOKENISATION = "330000"
_STEPS = frozenset({"TAR", "ACN", "TCN"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request in the issuer's words.

    `id` is the same for a repeat and `digest` tells whether the repeat asks the same thing.
    `original_id` is the id of the request that a reversal or an advice means, else empty; `rest` is
    what a partial reversal leaves of `amount`, `authorisation` DE38, which an advice alone brings.
    """

    id: str
    kind: RequestKind
    digest: bytes = field(repr=False)
    pan_index: bytes = field(repr=False)
    expiry: str
    amount: Money
    acquirer: str
    retrieval_reference: str
    original_id: str = ""
    rest: Money | None = None
    activation_code: str = field(default="", repr=False)
    authorisation: str = ""


def read(message: Message, bank: Bank) -> Request | Decline:
    """The request in a 0100, 0120, 0220, 0400 or a repeat; a Decline (format) if it is none."""
    absent = [number for number in _ALWAYS if number not in message]
    if absent:
        return _malformed(f"DE{absent[0]} is absent.")
    try:
        return _read(message, bank)
    except ZhetonError as error:
        return _malformed(f"{error}.")


def answer(message: Message, response_code: str, authorisation: str, delivery: str) -> Message:
    """The 0110, 0130, 0230 or 0410: what the dialect echoes, DE39, and DE38 and DE48.27 if any."""
    echoed = _ECHOED if message.mti.startswith("010") else _ECHOED_WITH_ORIGINAL
    fields = {number: message[number] for number in echoed if number in message}
    fields[39] = response_code
    if authorisation:
        fields[38] = authorisation
    if delivery:
        fields[48] = subelements.encode({subelements.REACHED_BY: delivery})
    return Message(response_mti(message.mti), fields)


def _read(message: Message, bank: Bank) -> Request:
    code = message.text(49)
    if code not in BY_NUMERIC:
        raise DecodeError("the currency is unknown", field="DE49", offset=0)
    private = subelements.decode(message.text(48))
    kind = _kind(message, private.get(subelements.TOKENISATION_STEP, ""))
    acquirer, reference = message.text(32).lstrip("0"), message.text(37)
    original_id = _original_id(message) if kind in _NAMING else ""
    digested = "|".join(f"{number}={message.text(number)}" for number in _DIGESTED)
    return Request(
        id=advice_id(original_id)
        if kind is RequestKind.ADVICE
        else _id(message.mti[:2], message.text(7), message.text(11), acquirer, reference),
        kind=kind,
        digest=hmac.digest(bank.index_key, b"request/" + digested.encode("latin-1"), "sha256"),
        pan_index=bank.pan_index(message.text(2)),
        expiry=message.text(14),
        amount=Money(int(message.text(4)), BY_NUMERIC[code]),
        acquirer=acquirer,
        retrieval_reference=reference,
        original_id=original_id,
        rest=replaced(message) if kind is RequestKind.PARTIAL_REVERSAL else None,
        activation_code=_activation_code(kind, private.get(subelements.ACTIVATION_CODE, "")),
        authorisation=message.text(38) if kind is RequestKind.ADVICE else "",
    )


def advice_id(original_id: str) -> str:
    """The id of the advice of a purchase: there is one, whatever trace number it comes under."""
    return f"advice/{original_id}"


def _id(mti_class: str, transmitted: str, stan: str, acquirer: str, reference: str) -> str:
    return f"{mti_class}/{transmitted}/{stan}/{acquirer}/{reference}"


def _original_id(message: Message) -> str:
    original = decode_original(message.text(90))
    return _id(
        original.mti[:2],
        original.transmitted,
        original.stan,
        original.acquirer,
        message.text(37),
    )


def _kind(message: Message, step: str) -> RequestKind:
    if message.mti in _ADVICES:
        _check_advice(message)
        return RequestKind.ADVICE
    follow_up = kind_of(message)
    if follow_up is not None:
        return _FOLLOW_UP[follow_up]
    if message.mti in ("0400", "0401"):
        return RequestKind.REVERSAL
    if message.mti not in ("0100", "0101"):
        raise DecodeError("the issuer does not know this message", field="MTI", offset=0)
    processing_code = message.text(3)
    if processing_code in _MONEY:
        if not int(message.text(4)):
            raise DecodeError("the amount is zero", field="DE4", offset=0)
        return _MONEY[processing_code]
    if processing_code != TOKENISATION:
        raise DecodeError("the processing code is unknown", field="DE3", offset=0)
    if step not in _STEPS:
        raise DecodeError("a tokenisation asks TAR, ACN or TCN", field="DE48.25", offset=0)
    return RequestKind(step)


def _check_advice(message: Message) -> None:
    if message.text(3) != PURCHASE or message.text(39) != "00" or 38 not in message:
        raise DecodeError("an advice tells of an approved purchase", field="MTI", offset=0)


def _activation_code(kind: RequestKind, code: str) -> str:
    # The code becomes part of a message to the cardholder, so nothing but digits gets through.
    if kind is RequestKind.DELIVER_CODE and not (code.isdigit() and len(code) in _CODE_DIGITS):
        raise DecodeError("an activation code has 4 to 8 digits", field="DE48.26", offset=0)
    return code


def _malformed(text: str) -> Decline:
    return Decline(Reason.FORMAT, text)
