"""The NFC interface: the PPSE, the cards, and one debit at a time (EMV Book 3, 6.5; Book C-2).

Unarmed it shows what every device of its kind shows, and refuses the rest without data. Armed, it
serves the armed card alone. GET PROCESSING OPTIONS makes the number count as shown before it can
be read, and the first GENERATE AC burns the credential before its cryptogram leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from zheton.core.emv import dol, status, tags, tlv
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.iad import AcType
from zheton.core.errors import DecodeError
from zheton.roles.element import directory, generate_ac, log, relay
from zheton.roles.element.chip import Chip, Window
from zheton.roles.element.debit import Debit, Signing
from zheton.roles.element.generate_ac import Cryptogram
from zheton.roles.element.ports import Entropy
from zheton.roles.element.signature import signed_response
from zheton.roles.element.state import Batch, Card
from zheton.roles.element.wearing import cardholder
from zheton.roles.element.words import Refusal

_CLASSES = (0x00, 0x80)
_AC_TYPES = {0x00: AcType.AAC, 0x40: AcType.TC, 0x80: AcType.ARQC}
_COMBINED_SIGNATURE = 0x10  # P1 b5: CDA requested (Book 3, table 12)
_BY_SHORT_FILE = 0b100  # P2 b3-b1 of READ RECORD: P1 is a record number
_REFUSED = Response(sw=status.CONDITIONS_NOT_SATISFIED)


@dataclass(frozen=True, slots=True)
class _Selected:
    """A DF is selected; no debit has begun."""

    name: bytes


@dataclass(frozen=True, slots=True)
class _Initiated(_Selected):
    """GET PROCESSING OPTIONS was answered: records may be read, a cryptogram may be asked for."""

    debit: Debit
    relays: int = 0


@dataclass(frozen=True, slots=True)
class _Online(_Selected):
    """An ARQC is out and its credential is spent; the issuer's answer may come."""

    debit: Debit
    arqc: Cryptogram
    cdol1_values: bytes


@dataclass(frozen=True, slots=True)
class _Ended(_Selected):
    """The last cryptogram of a debit is out: a new debit takes a new SELECT."""


class PaymentInterface:
    """What a reader in the field talks to."""

    def __init__(self, chip: Chip, entropy: Entropy) -> None:
        self._chip, self._entropy = chip, entropy
        self._session: _Selected | None = None
        self._commands: dict[tuple[int, int], Callable[[Command, datetime], Response]] = {
            (0x00, 0xA4): self._select,
            (0x80, 0xA8): self._get_processing_options,
            (0x80, 0xEA): self._exchange_relay_resistance,
            (0x00, 0xB2): self._read_record,
            (0x80, 0xCA): self._get_data,
            (0x80, 0xAE): self._generate_ac,
        }

    def reset(self) -> None:
        """The field is gone or the reader resets: nothing is selected any more."""
        self._session = None

    def answer(self, command: Command, now: datetime) -> Response:
        """The response to one command; UnreachableError if the memory fails."""
        handler = self._commands.get((command.cla, command.ins))
        if handler is not None:
            return handler(command, now)
        known = command.cla in _CLASSES and command.ins not in {ins for _, ins in self._commands}
        unknown = status.INSTRUCTION_NOT_SUPPORTED if known else status.CLASS_NOT_SUPPORTED
        return Response(sw=unknown)

    def _select(self, command: Command, now: datetime) -> Response:
        window = self._chip.window(now)
        if not self._chip.state.registry.pays:
            return Response(sw=status.FUNCTION_NOT_SUPPORTED)
        cards = self._chip.state.payable(window.card_ref if window else None)
        names = (directory.PPSE_NAME, *(card.name for card in cards))
        selected = self._session.name if self._session else None
        found = directory.select(names, selected, command)
        if isinstance(found, Response):
            return found
        self._session = _Selected(found)
        if found == directory.PPSE_NAME:
            return Response(directory.describe_ppse(cards))
        place = names.index(found)
        return Response(directory.describe_card(cards[place - 1], place))

    def _get_processing_options(self, command: Command, now: datetime) -> Response:
        if command.p1 or command.p2:
            return Response(sw=status.INCORRECT_P1_P2)
        armed = self._armed(now)
        # A debit begins once in a selection (Book 3, 6.5.8; Book C-2, 3.1).
        if armed is None or type(self._session) is not _Selected:
            return _REFUSED
        card, batch, window = armed
        if not _answers(card.profile.pdol, command.data):
            return Response(sw=status.WRONG_DATA)
        credential = batch.credentials[window.place]
        if credential is None:
            return _REFUSED
        if not batch.shown >> window.place & 1:
            shown = card.with_batch(batch.show(window.place))
            self._chip.commit(self._chip.state.with_card(shown))
        debit = Debit(
            card.profile,
            batch.header,
            credential,
            window,
            pdol_values=tlv.decode(command.data)[0].value,
            signing=self._signing(card, batch, window.place),
        )
        self._session = _Initiated(card.name, debit)
        return Response(debit.processing_options)

    def _exchange_relay_resistance(self, command: Command, now: datetime) -> Response:
        if command.p1 or command.p2:
            return Response(sw=status.INCORRECT_P1_P2)
        if len(command.data) != relay.ENTROPY_BYTES:
            return Response(sw=status.WRONG_LENGTH)
        session = self._session
        if not isinstance(session, _Initiated) or self._chip.window(now) != session.debit.window:
            return _REFUSED
        if session.relays >= relay.ATTEMPTS_MAX:
            return _REFUSED
        own = relay.answer(self._entropy)
        debit = replace(session.debit, relay=command.data + own)
        self._session = replace(session, debit=debit, relays=session.relays + 1)
        return Response(relay.in_template(own))

    def _read_record(self, command: Command, now: datetime) -> Response:
        file, mode = command.p2 >> 3, command.p2 & 0b111
        if command.p1 == 0 or mode != _BY_SHORT_FILE:
            return Response(sw=status.INCORRECT_P1_P2)
        if command.data:
            return Response(sw=status.WRONG_LENGTH)
        if file == log.FILE:
            return self._log_record(command.p1, now)
        session = self._session
        if not isinstance(session, _Initiated) or self._chip.window(now) != session.debit.window:
            return _REFUSED
        if file not in session.debit.files:
            return Response(sw=status.FILE_NOT_FOUND)
        record = session.debit.records().get((file, command.p1))
        return Response(sw=status.RECORD_NOT_FOUND) if record is None else Response(record)

    def _log_record(self, number: int, now: datetime) -> Response:
        """An entry of the log as it is, without a template (Book 3, D4); the newest is number 1."""
        armed = self._armed(now)
        if armed is None:
            return _REFUSED
        entries = armed[0].log
        if number > len(entries):
            return Response(sw=status.RECORD_NOT_FOUND)
        return Response(entries[number - 1])

    def _get_data(self, command: Command, now: datetime) -> Response:
        if command.data:
            return Response(sw=status.WRONG_LENGTH)
        armed = self._armed(now)
        wanted = command.p1 << 8 | command.p2
        # A counter that belongs to its number has no last online value (9F13), and a stranger's
        # reader is not told of the passcode's tries (9F17), which count elsewhere.
        if armed is None or wanted not in (tags.ATC, tags.LOG_FORMAT):
            return Response(sw=status.REFERENCED_DATA_NOT_FOUND)
        if wanted == tags.LOG_FORMAT:
            return Response(tlv.encode(tags.LOG_FORMAT, log.LOG_FORMAT))
        _, batch, window = armed
        credential = batch.credentials[window.place]
        if credential is None:
            return Response(sw=status.REFERENCED_DATA_NOT_FOUND)
        return Response(tlv.encode(tags.ATC, credential.atc.to_bytes(2)))

    def _generate_ac(self, command: Command, now: datetime) -> Response:
        # A terminal that asks for a signature that the AIP does not offer gets the plain answer.
        requested = _AC_TYPES.get(command.p1 & ~_COMBINED_SIGNATURE)
        if requested is None or command.p2:
            return Response(sw=status.INCORRECT_P1_P2)
        session = self._session
        try:
            if isinstance(session, _Initiated):
                return self._first(session, requested, command, now)
            if isinstance(session, _Online) and requested is not AcType.ARQC:
                return self._second(session, requested, command)
        except DecodeError:
            return Response(sw=status.WRONG_LENGTH)
        return _REFUSED

    def _first(
        self, session: _Initiated, requested: AcType, command: Command, now: datetime
    ) -> Response:
        armed = self._armed(now)
        if armed is None or armed[2] != session.debit.window:
            return _REFUSED
        card, batch, window = armed
        holder = cardholder(self._chip, card.profile, now)
        made = generate_ac.first(session.debit, requested, command.data, holder)
        answer = self._answer_with(session.debit, made, command, (command.data,))
        # Burnt before the answer leaves: whatever happens now, no second debit has this number.
        self._burn(card.with_batch(batch.spend(window.place)), made)
        self._chip.close()
        self._chip.refused = Refusal.PASSCODE_NEEDED if made.passcode_needed else None
        online = made.ac_type is AcType.ARQC
        self._session = (
            _Online(session.name, session.debit, made, command.data)
            if online
            else _Ended(session.name)
        )
        return Response(answer)

    def _burn(self, card: Card, made: Cryptogram) -> None:
        """Keep the card without the credential, with the debit in its log, in one commit."""
        entry = log.entry(made.ac_type, made.counter, made.values)
        state = self._chip.state.with_card(replace(card, log=log.with_entry(card.log, entry)))
        if made.ac_type is AcType.ARQC and not made.results.cdcvm_successful:
            state = replace(state, wearer=state.wearer.unverified_once_more())
        self._chip.commit(state)

    def _second(self, session: _Online, requested: AcType, command: Command) -> Response:
        made = generate_ac.second(session.debit, session.arqc, requested, command.data)
        self._session = _Ended(session.name)
        requests = (session.cdol1_values, command.data)
        return Response(self._answer_with(session.debit, made, command, requests))

    def _answer_with(
        self, debit: Debit, made: Cryptogram, command: Command, requests: tuple[bytes, ...]
    ) -> bytes:
        """The answer with a cryptogram: signed if that is asked for, offered, and no refusal."""
        asked = command.p1 & _COMBINED_SIGNATURE and made.ac_type is not AcType.AAC
        if debit.signing is None or not asked:
            return made.response
        values = (debit.pdol_values, *requests)
        return signed_response(debit, debit.signing, made, values, self._entropy)

    def _signing(self, card: Card, batch: Batch, place: int) -> Signing | None:
        """What a debit signs with, if its number is certified with the chip's key."""
        key, certificate = self._chip.state.signing_key, batch.certificates.get(place)
        if key is None or certificate is None or card.issuer_key is None:
            return None
        return Signing(key, card.issuer_key, certificate)

    def _armed(self, now: datetime) -> tuple[Card, Batch, Window] | None:
        """The armed card, batch and window if that card is the one selected."""
        window = self._chip.window(now)
        card = self._chip.state.card(window.card_ref) if window else None
        batch = card.batch(window.batch_ref) if window and card else None
        if window is None or card is None or batch is None or card.suspended:
            return None
        selected = self._session.name if self._session else None
        return (card, batch, window) if card.name == selected else None


def _answers(pdol: bytes, data: bytes) -> bool:
    """Whether GPO's data (Book 3, 6.5.8.2) are a template 83 for this list, or an empty one.

    Readers that know contact cards only send 8300 whatever the card asks for.
    """
    try:
        objects = tlv.decode(data)
        if len(objects) != 1 or objects[0].tag != tags.COMMAND_TEMPLATE:
            return False
        value = objects[0].value
        return not value or len(value) == sum(entry.length for entry in dol.parse(pdol))
    except DecodeError:
        return False
