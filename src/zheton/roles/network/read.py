"""From a message of the acquirer to a debit, and what of it must agree with the chip's data.

A till that changes an amount between the chip and the message must not get away with it, so
every field that is in both is compared (docs/threat-model.md, rogue till).
"""

import hashlib
from collections.abc import Callable, Mapping

from zheton.core import money
from zheton.core.country import country
from zheton.core.debit import Debit, Location, Place
from zheton.core.decline import Decline, Reason
from zheton.core.emv import tags, tlv
from zheton.core.errors import ConfigurationError, DecodeError
from zheton.core.follow_up import PREAUTHORISED
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.message import Message
from zheton.core.money import Money
from zheton.core.token.domain import Channel

PURCHASE = "000000"
_REQUIRED = (2, 3, 4, 7, 11, 14, 18, 19, 22, 32, 37, 41, 42, 43, 49)
_CHANNELS = {"07": Channel.TILL, "81": Channel.ONLINE}
_ARQC = 0x80  # 9F27, EMV Book 3, table 15

Locate = Callable[[str], Location | None]


def read_debit(message: Message, locate: Locate) -> Debit | Decline:
    """The debit that a 0100 asks for, or why it is none; nothing here needs a key or a row."""
    missing = next((number for number in _REQUIRED if number not in message), None)
    if missing is not None:
        return _malformed(f"DE{missing} is missing.")
    channel = _CHANNELS.get(message.text(22)[:2])
    if channel is None or message.text(3) != PURCHASE:
        return _malformed("DE3 or DE22 names nothing that is done here.")
    number = message.text(2)
    at = locate(number)
    if at is None:
        return Decline(Reason.UNKNOWN_NUMBER, "The number lies in no token range.")
    try:
        debit = _debit(message, number, at, channel)
    except (ConfigurationError, DecodeError) as error:
        return _malformed(str(error))
    if channel is Channel.TILL:
        name = disagreement(message, debit.chip or {})
        if name is not None:
            text = f"{name} differs between message and chip data."
            return Decline(Reason.CHIP_DATA_MISMATCH, text)
    return debit


def repeat_key(message: Message, stan: str, transmitted: str, at: Location) -> str:
    """What tells one debit from another: acquirer, terminal, trace number, time and number."""
    return ":".join(
        (
            message.text(32),
            message.text(41).strip(),
            stan,
            transmitted,
            at.bin,
            str(at.index),
        )
    )


def disagreement(message: Message, chip: Mapping[int, bytes]) -> str | None:
    """The name of the first field in which message and chip data differ; None if they agree."""
    track = message.text(35)
    expected: tuple[tuple[str, int, bytes | None], ...] = (
        ("The amount (DE4, 9F02)", tags.AMOUNT_AUTHORISED, _digits(message.text(4))),
        ("The other amount (9F03)", tags.AMOUNT_OTHER, bytes(6)),
        ("The currency (DE49, 5F2A)", tags.TRANSACTION_CURRENCY_CODE, _digits(message.text(49))),
        ("The country (DE19, 9F1A)", tags.TERMINAL_COUNTRY_CODE, _digits(message.text(19))),
        ("The type (DE3, 9C)", tags.TRANSACTION_TYPE, _digits(message.text(3)[:2])),
        ("The kind of cryptogram (9F27)", tags.CRYPTOGRAM_INFORMATION_DATA, bytes((_ARQC,))),
    )
    for name, tag, value in expected:
        if chip.get(tag) != value:
            return name
    if chip.get(tags.TRANSACTION_DATE, b"")[1:] != _digits(message.text(13)):
        return "The date (DE13, 9A)"
    sequence = chip.get(tags.PAN_SEQUENCE_NUMBER)
    if sequence is not None and _digits(message.text(23)) != b"\0" + sequence:
        return "The sequence number (DE23, 5F34)"
    if not track.startswith(f"{message.text(2)}={message.text(14)}"):
        return "The number or its expiry (DE2, DE14, DE35)"
    return _number_disagreement(message.text(2), message.text(14), chip)


def _number_disagreement(number: str, expiry: str, chip: Mapping[int, bytes]) -> str | None:
    """Number and expiry again, where the acquirer sends the chip's own (57, 5A, 5F24) along."""
    if chip.get(tags.PAN, bytes.fromhex(number)) != bytes.fromhex(number):
        return "The number (DE2, 5A)"
    track = chip.get(tags.TRACK_2_EQUIVALENT_DATA)
    if track is not None and not track.hex().startswith(f"{number}d{expiry}"):
        return "The number (DE2, 57)"
    date = chip.get(tags.APPLICATION_EXPIRATION_DATE)
    if date is not None and date.hex()[:4] != expiry:
        return "The expiry (DE14, 5F24)"
    return None


def _debit(message: Message, number: str, at: Location, channel: Channel) -> Debit:
    chip_data = message.binary(55)
    parts = subelements.decode(message.text(48))
    digest = hashlib.sha256(
        "|".join((message.text(4), message.text(49), parts.get("92", ""))).encode() + chip_data
    ).digest()
    return Debit(
        number=number,
        at=at,
        expiry=message.text(14),
        sequence=message.text(23),
        amount=Money(int(message.text(4)), money.currency(message.text(49))),
        channel=channel,
        place=Place(
            acquirer=message.text(32),
            terminal=message.text(41).strip(),
            merchant=message.text(42).strip(),
            merchant_name=message.text(43)[:22].strip(),
            country=country(message.text(19)).alpha2,
            category=message.text(18),
        ),
        stan=message.text(11),
        transmitted=message.text(7),
        retrieval_reference=message.text(37),
        chip=tlv.flat(chip_data) if channel is Channel.TILL else None,
        code=parts.get("92") if channel is Channel.ONLINE else None,
        repeat_key=repeat_key(message, message.text(11), message.text(7), at),
        digest=digest,
        preauthorised=message.text(25) == PREAUTHORISED,
    )


def _digits(text: str) -> bytes | None:
    """The BCD of a numeric field, left-padded to whole bytes; None where it is no number."""
    if not (text.isascii() and text.isdigit()):
        return None
    return bytes.fromhex(text if len(text) % 2 == 0 else f"0{text}")


def _malformed(text: str) -> Decline:
    return Decline(Reason.FORMAT, text)
