"""The messages that an acquirer sends, and what an answer must repeat to be believed."""

from collections.abc import Mapping

from zheton.core.clearing import PURCHASE
from zheton.core.follow_up import PREAUTHORISED
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.match import Original, response_mti
from zheton.core.iso8583.message import Message
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.state import ChipEntry, Record, Sale

REQUEST, REVERSAL, REVERSAL_REPEAT = "0100", "0400", "0401"
# DE22: contactless chip at a till that takes no PIN; electronic commerce.
_ENTRY_MODE = {Channel.TILL: "072", Channel.ONLINE: "810"}
_CONDITION = {Channel.TILL: "00", Channel.ONLINE: "59"}  # DE25


def purchase(record: Record, sale: Sale) -> Message:
    """The 0100 of a sale (docs/dialect.md)."""
    acceptor, entry = record.acceptor, sale.entry
    fields: dict[int, Value] = {
        **_echoed(record),
        12: f"{record.local_time:%H%M%S}",
        13: f"{record.local_time:%m%d}",
        14: record.expiry,
        18: acceptor.category_code,
        19: sale.till.merchant.country.numeric,
        22: _ENTRY_MODE[record.channel],
        25: PREAUTHORISED if record.preauthorised else _CONDITION[record.channel],
        32: record.acquirer_id,
        42: f"{acceptor.id:<15}",
        43: f"{acceptor.name:<22} {acceptor.city:<13} {acceptor.country}",
    }
    if isinstance(entry, ChipEntry):
        fields[55] = entry.chip
        if entry.psn is not None:
            fields[23] = f"{entry.psn:03d}"
        if entry.track2 is not None:
            fields[35] = entry.track2
    else:
        fields[48] = subelements.encode({subelements.DYNAMIC_CODE: entry.code})
    return Message(REQUEST, fields)


def reversal(record: Record, *, repeat: bool) -> Message:
    """The 0400 of a record that has its reversal's trace number, or the 0401 that repeats it."""
    original = Original(REQUEST, record.stan, record.transmitted, record.acquirer_id, "")
    return Message(
        REVERSAL_REPEAT if repeat else REVERSAL,
        {
            **_echoed_in_reversal(record),
            32: record.acquirer_id,
            42: f"{record.acceptor.id:<15}",
            90: original.encode(),
        },
    )


def answers(message: Message, record: Record) -> bool:
    """Whether a message is the 0110 of this sale and of no other number, amount or till."""
    return message.mti == response_mti(REQUEST) and _repeats(message, _echoed(record))


def answers_reversal(message: Message, record: Record) -> bool:
    """Whether a message is the 0410 of this sale's reversal, and of no other's."""
    own = _echoed_in_reversal(record)
    return message.mti == response_mti(REVERSAL) and _repeats(message, own)


def _repeats(message: Message, fields: Mapping[int, Value]) -> bool:
    return all(message.get(number) == value for number, value in fields.items())


def _echoed_in_reversal(record: Record) -> dict[int, Value]:
    return {**_echoed(record), 7: record.reversal_transmitted, 11: record.reversal_stan}


def _echoed(record: Record) -> dict[int, Value]:
    """What request and answer have in common."""
    return {
        2: record.number,
        3: PURCHASE,
        4: f"{record.amount.minor:012d}",
        7: record.transmitted,
        11: record.stan,
        37: record.rrn,
        41: f"{record.acceptor.terminal:<8}",
        49: record.amount.currency.numeric,
    }
