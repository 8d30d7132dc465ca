"""Who saw what, told by the bytes alone: a party saw a thing if a crossing from or to it holds it.

Nothing here knows which party ought to see what. What is encrypted is not seen by whoever carries
it, for its bytes are not there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from zheton.apps.trace import Crossing
from zheton.apps.xray.needles import Amount, Digits, Needle, Octets, Text, holds
from zheton.apps.xray.step import PartySaw
from zheton.core.emv import tags, tlv
from zheton.core.errors import DecodeError
from zheton.core.money import Money
from zheton.core.token.pan import Pan

OWNER = "cardholder"  # whose card it is: no party of the system, only where typed things come from
PARTIES = (
    "entry form",
    "wallet",
    "vault",
    "issuer",
    "companion",
    "element",
    "terminal",
    "acquirer",
)
CARD_NUMBER = "card number"
PHONE_DIGITS_MIN = 7


@dataclass(frozen=True, slots=True)
class Facts:
    """The things to look for. `phone` may be written in any way; "" and None are not looked for."""

    pan: Pan | None = None
    numbers: tuple[str, ...] = field(default=(), repr=False)
    amount: Money | None = None
    cryptograms: tuple[bytes, ...] = field(default=(), repr=False)
    session_keys: tuple[bytes, ...] = field(default=(), repr=False)
    par: str = ""
    phone: str = field(default="", repr=False)
    merchant: str = ""


def saw(crossings: Iterable[Crossing], facts: Facts) -> list[PartySaw]:
    """What each party saw, in the order of PARTIES; parties that only the trace knows come last."""
    needles = list(_needles(facts))
    seen: dict[str, dict[str, None]] = {party: {} for party in PARTIES}
    for crossing in crossings:
        ends = [seen.setdefault(party, {}) for party in (crossing.source, crossing.target)]
        for thing, needle in needles:
            if all(thing in end for end in ends):
                continue
            if holds(crossing.data, needle):
                for end in ends:
                    end[thing] = None
    order = list(dict.fromkeys(thing for thing, _ in needles))
    return [
        PartySaw(
            party,
            tuple(thing for thing in order if thing in things and thing != CARD_NUMBER),
            CARD_NUMBER in things,
        )
        for party, things in seen.items()
        if party != OWNER
    ]


def cryptograms_in(crossings: Iterable[Crossing]) -> tuple[bytes, ...]:
    """The application cryptograms (9F26) that the chip answered with in a trace."""
    found: dict[bytes, None] = {}
    for crossing in crossings:
        if crossing.protocol == "apdu" and crossing.source == "element":
            try:
                value = tlv.flat(crossing.data[:-2]).get(tags.APPLICATION_CRYPTOGRAM)
            except DecodeError:
                continue
            if value:
                found[value] = None
    return tuple(found)


def _needles(facts: Facts) -> Iterator[tuple[str, Needle]]:
    if facts.pan is not None:
        yield CARD_NUMBER, Digits(facts.pan.reveal())
    for number in facts.numbers:
        yield "one-time number", Digits(number)
    if facts.amount is not None:
        yield "amount", Amount(facts.amount)
    if facts.merchant:
        yield "merchant name", Text(facts.merchant)
    for cryptogram in facts.cryptograms:
        yield "cryptogram", Octets(cryptogram)
    for key in facts.session_keys:
        yield "session key", Octets(key)
    if facts.par:
        yield "PAR", Text(facts.par)
    digits = "".join(filter(str.isdecimal, facts.phone))
    if len(digits) >= PHONE_DIGITS_MIN:
        yield "phone", Digits(digits)
