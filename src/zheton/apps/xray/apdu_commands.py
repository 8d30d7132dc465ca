"""The commands of EMV, GlobalPlatform and SCP03: their names and what each of them does."""

from collections.abc import Mapping

from zheton.apps.xray.step import Field
from zheton.apps.xray.tables import code
from zheton.apps.xray.words import count
from zheton.core.emv.apdu import Command
from zheton.core.errors import DecodeError
from zheton.core.scp03.channel import MAC_BYTES, SECURE_MESSAGING
from zheton.core.scp03.initialize import InitializeUpdateResponse

SELECT, READ_RECORD, GET_DATA, GET_RESPONSE = 0xA4, 0xB2, 0xCA, 0xC0
GET_PROCESSING_OPTIONS, GENERATE_AC = 0xA8, 0xAE
INITIALIZE_UPDATE, EXTERNAL_AUTHENTICATE, STORE_DATA = 0x50, 0x82, 0xE2

# EMV Book 3, 6.5; ISO/IEC 7816-4; GPC 2.3.1, 11; GPC Amendment D, 7.1.
_NAMES: Mapping[int, tuple[str, str]] = {
    SELECT: ("SELECT", "choose an application"),
    READ_RECORD: ("READ RECORD", ""),
    GET_DATA: ("GET DATA", "read one data object"),
    GET_RESPONSE: ("GET RESPONSE", "fetch what waits"),
    GET_PROCESSING_OPTIONS: (
        "GET PROCESSING OPTIONS",
        "begin a debit: here is what the list asked for",
    ),
    GENERATE_AC: ("GENERATE AC", ""),
    INITIALIZE_UPDATE: ("INITIALIZE UPDATE", "open an SCP03 session: the host's challenge"),
    EXTERNAL_AUTHENTICATE: (
        "EXTERNAL AUTHENTICATE",
        "prove that the host holds the domain's keys; sets the session's protection",
    ),
    STORE_DATA: ("STORE DATA", ""),
    0xE4: ("DELETE", "delete an application"),
    0xE6: ("INSTALL", "install an application"),
    0xE8: ("LOAD", "load code"),
    0xF0: ("SET STATUS", "lock or unlock"),
    0xF2: ("GET STATUS", "list what is installed"),
    0xD8: ("PUT KEY", "replace keys"),
    0x20: ("VERIFY", "check a PIN"),
    0x88: ("INTERNAL AUTHENTICATE", "sign with the chip's key"),
    0x84: ("GET CHALLENGE", "ask for random bytes"),
    0x70: ("MANAGE CHANNEL", "open or close a logical channel"),
}


_KIND: Mapping[bool | None, str] = {
    True: "ciphertext for the chip alone",
    False: "plain data",
    None: "data of a session opened out of sight",
}


def is_select(command: Command) -> bool:
    """Whether a command is SELECT by name."""
    return command.ins == SELECT and command.p1 == 0x04


def describe(command: Command) -> tuple[str, str]:
    """A command's name and what it does, in words.

    >>> describe(Command(0x00, 0xB2, 0x01, 0x0C, le=256))
    ('READ RECORD', 'file 1, record 1')
    """
    name, purpose = _NAMES.get(command.ins, (f"Instruction {command.ins:02X}", ""))
    if command.ins == READ_RECORD:
        purpose = f"file {command.p2 >> 3}, record {command.p1}"
    elif command.ins == GENERATE_AC:
        purpose = f"asks for {code('cryptogram', f'{command.p1 & 0xC0:02X}')}"
    elif command.ins == STORE_DATA:
        last = ", the last" if command.p1 & 0x80 else ""
        purpose = f"personalise, block {command.p2 + 1}{last}"
    elif is_select(command):
        chosen = code("aid", command.data.hex().upper(), command.data.hex().upper())
        purpose = f"choose {chosen}"
    elif command.ins == EXTERNAL_AUTHENTICATE:
        purpose = f"{purpose}: {_level(command.p1)}"
    return name, purpose


def encrypts(command: Command) -> bool:
    """Whether EXTERNAL AUTHENTICATE asks for encrypted commands (Amendment D, 7.1.2.1)."""
    return bool(command.p1 & 0x02)


def body(command: Command, encrypted: bool | None) -> str:
    """What the data of a command of SCP03 are; "" for all others.

    `encrypted` is whether the session encrypts command data, None if unknown; C-MAC is eight bytes
    in S8 mode (Amendment D, 6.2.4).
    """
    if command.ins == INITIALIZE_UPDATE:
        return "host challenge"
    if not command.cla & SECURE_MESSAGING:
        return ""
    if command.ins == EXTERNAL_AUTHENTICATE:
        return "host cryptogram (8 bytes) and C-MAC (8 bytes)"
    size = count(max(0, len(command.data) - MAC_BYTES), "byte")
    kind = _KIND[encrypted]
    return f"{kind}, {size}, and C-MAC (8 bytes)"


def initialize_update_response(data: bytes) -> tuple[Field, ...]:
    """The fields of the answer to INITIALIZE UPDATE (Amendment D, 7.1.1), or its bytes."""
    try:
        answer = InitializeUpdateResponse.decode(data)
    except DecodeError:
        return (Field("Data", data.hex().upper(), count(len(data), "byte"), "Data"),)
    fields = [
        Field("Key diversification data", answer.diversification.hex().upper(), "chip's serial"),
        Field("Key version", f"{answer.key_version:02X}"),
        Field("Card challenge", answer.challenge.hex().upper()),
        Field("Card cryptogram", answer.cryptogram.hex().upper(), "proves the chip's keys"),
    ]
    if answer.sequence_counter is not None:
        fields.append(Field("Sequence counter", str(answer.sequence_counter)))
    return tuple(fields)


def _level(p1: int) -> str:
    """P1 of EXTERNAL AUTHENTICATE: Amendment D, table 7-6."""
    named = ((0x01, "C-MAC"), (0x02, "C-DECRYPTION"), (0x10, "R-MAC"), (0x20, "R-ENCRYPTION"))
    return " and ".join(name for bit, name in named if p1 & bit) or "no protection"
