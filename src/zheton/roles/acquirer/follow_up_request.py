"""The messages of follow-ups (docs/dialect.md), and what an answer must repeat to be believed."""

from zheton.core.follow_up import CODE, MTI, PROCESSING_CODE, FollowUpKind, replacement
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.match import Original, response_mti
from zheton.core.iso8583.message import Message
from zheton.roles.acquirer.follow_up import FollowUp
from zheton.roles.acquirer.request import REQUEST, REVERSAL, REVERSAL_REPEAT
from zheton.roles.acquirer.state import Record

# A refund is a transaction of its own and has a retrieval reference of its own.
UNDER_THE_SALES = (
    FollowUpKind.INCREMENT,
    FollowUpKind.COMPLETION,
    FollowUpKind.PARTIAL_REVERSAL,
)


def request(record: Record, line: FollowUp, *, repeat: bool) -> Message:
    """The 0100, 0220 or 0400 of a follow-up, or the message that repeats it."""
    kind, acceptor = line.wish.kind, record.acceptor
    original = Original(REQUEST, record.stan, record.transmitted, record.acquirer_id, "")
    fields: dict[int, Value] = {
        **_echoed(record, line),
        14: record.expiry,
        18: acceptor.category_code,
        32: record.acquirer_id,
        38: record.auth_code,
        42: f"{acceptor.id:<15}",
        43: f"{acceptor.name:<22} {acceptor.city:<13} {acceptor.country}",
        90: original.encode(),
    }
    if kind is FollowUpKind.PARTIAL_REVERSAL:
        fields[95] = replacement(line.wish.amount)
    else:
        fields[48] = subelements.encode({subelements.FOLLOW_UP: CODE[kind]})
    mti = MTI[kind]
    return Message(f"{mti[:3]}1" if repeat else mti, fields)


def reversal(record: Record, line: FollowUp, *, repeat: bool) -> Message:
    """The 0400 of an increment or a refund that has its reversal's trace number, or its 0401."""
    kind = line.wish.kind
    named = Original(MTI[kind], line.stan, line.transmitted, record.acquirer_id, "")
    return Message(
        REVERSAL_REPEAT if repeat else REVERSAL,
        {
            **_echoed(record, line),
            7: line.reversal_transmitted,
            11: line.reversal_stan,
            32: record.acquirer_id,
            42: f"{record.acceptor.id:<15}",
            48: subelements.encode({subelements.FOLLOW_UP: CODE[kind]}),
            90: named.encode(),
        },
    )


def answers(message: Message, record: Record, line: FollowUp) -> bool:
    """Whether a message is the answer of this follow-up and of nothing else."""
    own = _echoed(record, line)
    return message.mti == response_mti(MTI[line.wish.kind]) and _repeats(message, own)


def answers_reversal(message: Message, record: Record, line: FollowUp) -> bool:
    """Whether a message is the 0410 of this follow-up's reversal."""
    own = {**_echoed(record, line), 7: line.reversal_transmitted, 11: line.reversal_stan}
    return message.mti == response_mti(REVERSAL) and _repeats(message, own)


def _repeats(message: Message, fields: dict[int, Value]) -> bool:
    return bool(message.text(39)) and all(message.get(n) == value for n, value in fields.items())


def _echoed(record: Record, line: FollowUp) -> dict[int, Value]:
    """What request and answer have in common."""
    kind = line.wish.kind
    partial = kind is FollowUpKind.PARTIAL_REVERSAL  # DE4 is what was held, DE95 what stays
    minor = line.held_minor if partial else line.wish.amount.minor
    return {
        2: record.number,
        3: PROCESSING_CODE[kind],
        4: f"{minor:012d}",
        7: line.transmitted,
        11: line.stan,
        37: line.message_rrn,
        41: f"{record.acceptor.terminal:<8}",
        49: record.amount.currency.numeric,
    }
