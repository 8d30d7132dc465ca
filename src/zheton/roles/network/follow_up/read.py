"""From a message of the acquirer to what it asks of which debit."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from zheton.core import money
from zheton.core.debit import Location
from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConfigurationError, DecodeError
from zheton.core.follow_up import FollowUpKind, kind_of, replaced
from zheton.core.iso8583.match import Original, decode_original
from zheton.core.iso8583.message import Message
from zheton.core.money import Money
from zheton.roles.network.read import repeat_key

_REQUIRED = (2, 3, 4, 7, 11, 14, 32, 37, 38, 41, 42, 49, 90)
_PROOFS = (35, 52, 55)  # of a tap: a message that names an original brings none
_DIGESTED = (4, 14, 37, 38, 42, 48, 49, 90, 95)


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that names an original, in its own words; `rest` is DE95 if there is one."""

    kind: FollowUpKind
    number: str = field(repr=False)
    expiry: str
    at: Location
    amount: Money
    rest: Money | None
    original: Original
    auth_code: str
    acquirer: str
    terminal: str
    merchant: str
    stan: str
    transmitted: str
    retrieval_reference: str
    repeat_key: str
    digest: bytes = field(repr=False)


def read_follow_up(message: Message, locate: Callable[[str], Location | None]) -> Asked | Decline:
    """What a 0100, 0220 or partial 0400 asks of a debit, or why it is none of these."""
    missing = next((number for number in _REQUIRED if number not in message), None)
    if missing is not None:
        return Decline(Reason.FORMAT, f"DE{missing} is missing.")
    proof = next((number for number in _PROOFS if number in message), None)
    if proof is not None:
        return Decline(Reason.FORMAT, f"DE{proof} belongs to a tap, not to what follows it.")
    at = locate(message.text(2))
    if at is None:
        return Decline(Reason.UNKNOWN_NUMBER, "The number lies in no token range.")
    try:
        asked = _asked(message, at)
    except (ConfigurationError, DecodeError) as error:
        return Decline(Reason.FORMAT, str(error))
    if asked.original.acquirer != asked.acquirer.lstrip("0") or asked.original.mti != "0100":
        return Decline(Reason.NO_ORIGINAL, "DE90 names no debit of this acquirer.")
    return asked


def _asked(message: Message, at: Location) -> Asked:
    kind = kind_of(message)
    amount = Money(int(message.text(4)), money.currency(message.text(49)))
    if kind is None or not amount.minor:
        raise DecodeError("it asks nothing of an original", field="message", offset=0)
    digested = "|".join(message.text(number) for number in _DIGESTED)
    return Asked(
        kind=kind,
        number=message.text(2),
        expiry=message.text(14),
        at=at,
        amount=amount,
        rest=replaced(message) if kind is FollowUpKind.PARTIAL_REVERSAL else None,
        original=decode_original(message.text(90)),
        auth_code=message.text(38),
        acquirer=message.text(32),
        terminal=message.text(41).strip(),
        merchant=message.text(42).strip(),
        stan=message.text(11),
        transmitted=message.text(7),
        retrieval_reference=message.text(37),
        repeat_key=repeat_key(message, message.text(11), message.text(7), at),
        digest=hashlib.sha256(f"{kind}|{digested}".encode("latin-1")).digest(),
    )
