"""ISO 8583 messages opened: every data element with its name, value and meaning.

DE55 is opened as BER-TLV, DE48 into its subelements, DE90 into what it names of the original.
"""

from collections.abc import Callable, Iterator, Mapping

from zheton.apps.xray import emv_fields, words
from zheton.apps.xray.step import Field, Opened
from zheton.apps.xray.tables import word
from zheton.core.errors import DecodeError
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.match import decode_original
from zheton.core.iso8583.message import Message, decode

_INDENT = "  "


def open_message(data: bytes) -> Opened:
    """One message of the dialect, without its length; DecodeError if it is none."""
    message = decode(DIALECT, data)
    name = word("mti", message.mti, "Message")
    fields = [Field("Message type", message.mti, name, "MTI")]
    for number in sorted(message.fields):
        fields.extend(_element(message, number))
    return Opened(_title(message, name), _summary(message), tuple(fields))


def _title(message: Message, name: str) -> str:
    parts = [f"{message.mti} {name.lower()}"]
    answer = message.text(39)
    if answer:
        parts.append(word("response", answer, f"response code {answer}"))
    return ": ".join(parts)


def _summary(message: Message) -> str:
    """The number, the amount and the answer: what one reads first."""
    parts = []
    if message.text(2):
        parts.append(f"number {message.text(2)}")
    if message.text(4):
        parts.append(words.amount(message.text(4), message.text(49) or None))
    if message.text(38):
        parts.append(f"authorisation {message.text(38)}")
    if message.text(70):
        parts.append(word("management", message.text(70)))
    return ", ".join(part for part in parts if part)


def _element(message: Message, number: int) -> Iterator[Field]:
    name, value = DIALECT.fields[number].name, message[number]
    tag = f"DE{number}"
    if isinstance(value, bytes):
        yield Field(name, value.hex().upper(), words.count(len(value), "byte"), tag)
        if number == 55:
            yield from _chip(value, message)
        return
    function = _MEANINGS.get(number)
    yield Field(name, value, function(value, message) if function else "", tag)
    if number == 48:
        yield from _subelements(value)
    elif number == 90:
        yield from _original(value)


def _chip(value: bytes, message: Message) -> Iterator[Field]:
    """DE55: the data objects, one step in."""
    try:
        fields = emv_fields.of_tlv(value)
    except DecodeError:
        return
    for each in fields:
        yield Field(_INDENT + each.name, each.value, each.meaning, each.tag)


def _subelements(value: str) -> Iterator[Field]:
    try:
        found = subelements.decode(value)
    except DecodeError:
        return
    for number, text in found.items():
        name = word("subelement", number, f"Subelement {number}")
        yield Field(_INDENT + name, text, _subelement(number, text), f"DE48.{number}")


def _subelement(number: str, text: str) -> str:
    if number == subelements.TOKENISATION_STEP:
        return word("step", text)
    if number == subelements.TOKEN_DATA and len(text) == 31:
        expires = words.day(text[16:20])
        return f"one-time number {text[:16]}, expires {expires}, token requestor {text[20:]}"
    return ""


def _original(value: str) -> Iterator[Field]:
    try:
        original = decode_original(value)
    except DecodeError:
        return
    for name, part, meaning in (
        ("Message type", original.mti, word("mti", original.mti)),
        ("System trace audit number", original.stan, ""),
        ("Transmission date and time", original.transmitted, words.moment(original.transmitted)),
        ("Acquiring institution", original.acquirer, ""),
        ("Forwarding institution", original.forwarder, "" if original.forwarder else "none"),
    ):
        yield Field(_INDENT + name, part, meaning, "DE90")


def _processing(value: str, _: Message) -> str:
    kind = word("transaction", value[:2], f"transaction {value[:2]}")
    ends = [word("account", value[at : at + 2], f"account {value[at : at + 2]}") for at in (2, 4)]
    return f"{kind}, from {ends[0]}, to {ends[1]}"


def _entry(value: str, _: Message) -> str:
    how = word("entry", value[:2], f"entry mode {value[:2]}")
    return f"{how}; {word('pin_entry', value[2:], 'PIN entry reserved')}"


def _track_2(value: str, _: Message) -> str:
    _number, _separator, rest = value.replace("D", "=").partition("=")
    return f"expires {words.day(rest[:4])}, service code {rest[4:7]}" if rest else ""


def _place(value: str, _: Message) -> str:
    name, city = value[:22].strip(), value[23:36].strip()
    return f"{name}, {city}, {words.country(value[37:40])}"


def _amount(value: str, message: Message) -> str:
    return words.amount(value, message.text(49) or None)


def _plain(function: Callable[[str], str]) -> Callable[[str, Message], str]:
    return lambda value, _: function(value)


def _worded(table: str) -> Callable[[str, Message], str]:
    return lambda value, _: word(table, value)


_MEANINGS: Mapping[int, Callable[[str, Message], str]] = {
    3: _processing,
    4: _amount,
    7: _plain(words.moment),
    12: _plain(words.clock),
    13: lambda value, _: f"{value[:2]}-{value[2:]} (month-day)",
    14: _plain(words.day),
    18: _worded("category"),
    19: _plain(words.country),
    22: _entry,
    25: _worded("condition"),
    35: _track_2,
    39: _worded("response"),
    43: _place,
    49: _plain(words.currency),
    70: _worded("management"),
}
