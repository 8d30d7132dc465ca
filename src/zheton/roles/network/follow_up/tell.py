"""What issuers hear of follow-ups: the question at once, and later what needs no answer to be true.

A completion (0220), a partial reversal (0400 with DE95) and the reversal of an increment or refund
are told until the issuer has confirmed them. They may come in any order.
"""

from datetime import datetime

from zheton.core.debit import DebitState, Journalled, RevealedCard
from zheton.core.follow_up import CODE, MTI, PROCESSING_CODE, FollowUpKind, replacement
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.match import Original
from zheton.core.iso8583.message import Message
from zheton.core.money import Money
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.roles.network.answer import NETWORK_ID
from zheton.roles.network.follow_up_line import FollowUp
from zheton.roles.network.state import Switch

_FORWARDED = (3, 4, 7, 11, 12, 13, 18, 19, 22, 25, 32, 37, 38, 41, 42, 43, 49)
_PURPOSE = {
    FollowUpKind.INCREMENT: Purpose.INCREMENT,
    FollowUpKind.COMPLETION: Purpose.COMPLETION,
    FollowUpKind.REFUND: Purpose.REFUND,
    FollowUpKind.PARTIAL_REVERSAL: Purpose.REVERSAL,
}


def opened(on: Switch, line: FollowUp, now: datetime) -> RevealedCard:
    """The card of a follow-up; the log has an entry that says what for before this returns."""
    undone = line.state in (DebitState.REVERSED, DebitState.TIMED_OUT)
    purpose = Purpose.REVERSAL if undone else _PURPOSE[line.kind]
    at = line.at
    return on.tokens.reveal_card(
        Resolution(unix_ms(now), on.who, purpose, line.id, line.card, at.bin, at.index)
    )


def request_message(
    on: Switch, request: Message, line: FollowUp, original: Journalled, card: RevealedCard
) -> Message:
    """The 0100 of an increment or a refund for the issuer."""
    forwarded = {number: request[number] for number in _FORWARDED if number in request}
    return Message(
        MTI[line.kind],
        {
            **forwarded,
            2: card.pan.reveal(),
            14: card.expiry,
            33: NETWORK_ID,
            48: subelements.encode({subelements.FOLLOW_UP: CODE[line.kind]}),
            56: line.par,
            90: _names(original.stan, original.transmitted, line).encode(),
        },
    )


def follow_ups_due(on: Switch, count: int, skip: int = 0) -> list[FollowUp]:
    """The follow-ups of which issuers still have to hear, the oldest first, after `skip`."""
    return on.journal.follow_ups_due(count, skip)


def follow_up_message(on: Switch, line: FollowUp, now: datetime) -> Message:
    """What an issuer hears of a line; the card is opened for it, so ask when it is sent."""
    key = line.original_key
    original = on.journal.seen([(line.at.bucket, key)])[key]
    card = opened(on, line, now)
    if line.state is not DebitState.APPROVED:
        return Message("0400", _fields(line, card, _names(line.stan, line.transmitted, line)))
    fields = _fields(line, card, _names(original.stan, original.transmitted, line))
    if line.kind is FollowUpKind.PARTIAL_REVERSAL:
        fields[95] = replacement(Money(line.rest_minor, line.amount.currency))
    else:
        fields[48] = subelements.encode({subelements.FOLLOW_UP: CODE[line.kind]})
    return Message(MTI[line.kind], fields)


def follow_up_heard(on: Switch, line: FollowUp) -> None:
    """The issuer has confirmed what it was told of a line."""
    with on.journal.transaction() as tx:
        tx.want_told(line, due=False)


def _fields(line: FollowUp, card: RevealedCard, names: Original) -> dict[int, Value]:
    return {
        2: card.pan.reveal(),
        3: PROCESSING_CODE[line.kind],
        4: f"{line.amount.minor:012d}",
        7: line.transmitted,
        11: line.stan,
        14: card.expiry,
        32: line.acquirer,
        33: NETWORK_ID,
        37: line.retrieval_reference,
        41: line.terminal.ljust(8),
        42: line.merchant.ljust(15),
        49: line.amount.currency.numeric,
        90: names.encode(),
    }


def _names(stan: str, transmitted: str, line: FollowUp) -> Original:
    return Original("0100", stan, transmitted, line.acquirer, NETWORK_ID)
