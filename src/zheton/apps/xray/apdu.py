"""APDUs opened: commands and responses of EMV and of GlobalPlatform with SCP03.

A list of what the card wants (PDOL, CDOL) comes in one response and its data, without tags, in a
later command: an `ApduDecoder` remembers what each pair of parties said. Given a chip's keys, it
shows beside each wrapped command what is inside.
"""

from dataclasses import dataclass, field

from zheton.apps.xray import apdu_commands, emv_fields, emv_meaning
from zheton.apps.xray.inside import Inside
from zheton.apps.xray.step import Field, Opened
from zheton.apps.xray.words import count
from zheton.core.emv import dol, status, tags, tlv
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import DecodeError
from zheton.core.scp03.keys import StaticKeys

CARD = "element"
_SESSIONS_MAX = 64
_REMEMBERED = (tags.PDOL, tags.CDOL1, tags.CDOL2)


@dataclass
class Session:
    """What a card and whoever talks to it have said so far."""

    command: Command | None = None
    values: dict[int, bytes] = field(default_factory=dict)
    generated: int = 0
    encrypts: bool | None = None  # unknown until the session is opened in sight
    inside: Inside | None = None


class ApduDecoder:
    """Opens the APDUs of one trace, in their order."""

    def __init__(self, chip_keys: StaticKeys | None = None) -> None:
        self._chip_keys = chip_keys
        self._sessions: dict[frozenset[str], Session] = {}

    def open(self, source: str, target: str, data: bytes) -> Opened:
        """One APDU; it is a response where the chip is its source. DecodeError if it is none."""
        session = self._session(frozenset((source, target)))
        if source == CARD:
            return _response(session, Response.decode(data))
        return _command(session, Command.decode(data))

    def _session(self, parties: frozenset[str]) -> Session:
        if parties not in self._sessions and len(self._sessions) >= _SESSIONS_MAX:
            self._sessions.clear()
        if parties not in self._sessions:
            inside = None if self._chip_keys is None else Inside(self._chip_keys)
            self._sessions[parties] = Session(inside=inside)
        return self._sessions[parties]


def _command(session: Session, command: Command) -> Opened:
    name, purpose = apdu_commands.describe(command)
    session.command = command
    if apdu_commands.is_select(command):
        session.values.clear()
        session.generated, session.encrypts = 0, None
    elif command.ins == apdu_commands.EXTERNAL_AUTHENTICATE:
        session.encrypts = apdu_commands.encrypts(command)
    head = Field(
        name,
        f"{command.cla:02X} {command.ins:02X} {command.p1:02X} {command.p2:02X}",
        purpose,
        "CLA INS P1 P2",
    )
    inside = () if session.inside is None else session.inside.command(command)
    return Opened(name, purpose, (head, *_command_data(session, command), *inside))


def _command_data(session: Session, command: Command) -> tuple[Field, ...]:
    if not command.data:
        return ()
    if apdu_commands.is_select(command):
        chosen = emv_meaning.meaning(tags.DF_NAME, command.data, {})
        return (Field("Name selected", command.data.hex().upper(), chosen),)
    try:
        answer = _asked_for(session, command)
    except DecodeError:
        answer = None
    if answer is not None:
        session.values |= {tag: value for tag, value in answer[1].items() if value}
        return answer[0]
    about = apdu_commands.body(command, session.encrypts) or count(len(command.data), "byte")
    return (Field("Data", command.data.hex().upper(), about, "Data"),)


def _asked_for(
    session: Session, command: Command
) -> tuple[tuple[Field, ...], dict[int, bytes]] | None:
    """Data that answer the PDOL or a CDOL which the card has sent, split by it."""
    data = command.data
    if command.ins == apdu_commands.GET_PROCESSING_OPTIONS:
        wanted, inner = tags.PDOL, tlv.find(data, tags.COMMAND_TEMPLATE)
        data = b"" if inner is None else inner
    elif command.ins == apdu_commands.GENERATE_AC:
        session.generated += 1
        wanted = tags.CDOL1 if session.generated == 1 else tags.CDOL2
    else:
        return None
    asked = session.values.get(wanted)
    if asked is None:
        return None
    return emv_fields.of_list(asked, data), dol.split(asked, data)


def _response(session: Session, response: Response) -> Opened:
    words = status.meaning(response.sw)
    sw = Field("Status word", f"{response.sw:04X}", words, "SW1 SW2")
    command, session.command = session.command, None
    name = apdu_commands.describe(command)[0] if command else "Response"
    title = name if response.ok or not command else f"{name} refused"
    if not response.data:
        return Opened(f"{title}: {words}", "", (sw,))
    fields = _response_data(session, command, response.data)
    told = _telling(fields) or count(len(response.data), "byte")
    return Opened(f"{title}: {words}", told, (*fields, sw))


def _response_data(session: Session, command: Command | None, data: bytes) -> tuple[Field, ...]:
    if command is not None and command.ins == apdu_commands.INITIALIZE_UPDATE:
        if session.inside is not None:
            session.inside.answered(data)
        return apdu_commands.initialize_update_response(data)
    try:
        fields = emv_fields.of_tlv(data, session.values)
        values = tlv.flat(data)
    except DecodeError:
        return (Field("Data", data.hex().upper(), count(len(data), "byte"), "Data"),)
    session.values |= {tag: value for tag, value in values.items() if tag in _REMEMBERED}
    return fields


_TELLING = ("84", "4F", "50", "5A", "57", "94", "9F27", "9F26", "9F36")


def _telling(fields: tuple[Field, ...]) -> str:
    """The few fields that say most about a response, as one line."""
    found = [
        f"{each.name.strip()} {each.meaning if each.tag in ('94', '9F27') else each.value}"
        for tag in _TELLING
        for each in fields
        if each.tag == tag
    ]
    return "; ".join(found[:3])
