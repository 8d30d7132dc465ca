"""One command to the card and its answer, with the bounds of short APDUs."""

from zheton.core.emv import apdu
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import DecodeError
from zheton.roles.terminal.ports import Card


def exchange(card: Card, command: Command) -> Response:
    """The card's answer; DecodeError if it is none, CardGoneError if the card left."""
    answer = card.transceive(command.encode())
    if len(answer) > apdu.SHORT_LE_MAX + 2:
        # EMV Book 3, 6.3.4: EMV cards answer with at most 256 bytes and the status word.
        raise DecodeError("the answer is too long", field="response", offset=apdu.SHORT_LE_MAX)
    return Response.decode(answer)


def select(card: Card, name: bytes) -> Response:
    """SELECT by name, first or only occurrence (EMV Book 1, 11.3)."""
    return exchange(card, Command(0x00, 0xA4, 0x04, 0x00, name, le=256))


def get_processing_options(card: Card, command_data: bytes) -> Response:
    """GET PROCESSING OPTIONS with the command template 83 (EMV Book 3, 6.5.8)."""
    return exchange(card, Command(0x80, 0xA8, 0x00, 0x00, command_data, le=256))


def read_record(card: Card, sfi: int, record: int) -> Response:
    """READ RECORD (EMV Book 3, 6.5.11)."""
    return exchange(card, Command(0x00, 0xB2, record, sfi << 3 | 0x04, le=256))


def exchange_relay_resistance(card: Card, entropy: bytes) -> Response:
    """EXCHANGE RELAY RESISTANCE DATA with 4 random bytes (Contactless Book C-2, 5.3)."""
    return exchange(card, Command(0x80, 0xEA, 0x00, 0x00, entropy, le=256))


def generate_ac(card: Card, control: int, command_data: bytes) -> Response:
    """GENERATE AC; `control` is the reference control parameter (EMV Book 3, 6.5.5)."""
    return exchange(card, Command(0x80, 0xAE, control, 0x00, command_data, le=256))
