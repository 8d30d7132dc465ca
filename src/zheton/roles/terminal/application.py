"""Initiate application processing and read application data (EMV Book 3, 10.1 and 10.2).

GET PROCESSING OPTIONS gives the application interchange profile (82) and the file locator (94);
READ RECORD gives everything else. What comes back is checked for shape before anything uses it:
bounded, no data object twice, none that is not the card's to say, the mandatory ones present.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from zheton.core.emv import dol, tags, tlv
from zheton.core.emv.tlv import Tlv
from zheton.core.errors import DecodeError
from zheton.roles.terminal import dialogue
from zheton.roles.terminal.ports import Card
from zheton.roles.terminal.terminal_data import OWN_TAGS

RECORDS_MAX = 32  # a tap has half a second; thirty records would already take it all
COMMAND_DATA_BYTES_MAX = 252  # leaves room for the template 83 and its length in a short APDU
_SFI_EMV_MAX = 10  # the files of EMV proper; above it the records' form is the network's own

_CRYPTOGRAM_TAGS = frozenset(
    {
        tags.SIGNED_DYNAMIC_APPLICATION_DATA,
        tags.APPLICATION_CRYPTOGRAM,
        tags.ATC,
        tags.CRYPTOGRAM_INFORMATION_DATA,
        tags.ISSUER_APPLICATION_DATA,
    }
)
_MANDATORY = (tags.PAN, tags.APPLICATION_EXPIRATION_DATE, tags.CDOL1)  # EMV Book 3, 7.2
_LENGTHS: Mapping[int, tuple[int, int]] = {  # EMV Book 3, annex A1
    tags.TRACK_2_EQUIVALENT_DATA: (1, 19),
    tags.PAN: (1, 10),
    tags.APPLICATION_EXPIRATION_DATE: (3, 3),
    tags.APPLICATION_EFFECTIVE_DATE: (3, 3),
    tags.ISSUER_COUNTRY_CODE: (2, 2),
    tags.PAN_SEQUENCE_NUMBER: (1, 1),
    tags.APPLICATION_INTERCHANGE_PROFILE: (2, 2),
    tags.CDOL1: (1, 252),
    tags.CVM_LIST: (0, 252),
    tags.APPLICATION_USAGE_CONTROL: (2, 2),
    tags.APPLICATION_VERSION_NUMBER_CARD: (2, 2),
    tags.ISSUER_ACTION_CODE_DEFAULT: (5, 5),
    tags.ISSUER_ACTION_CODE_DENIAL: (5, 5),
    tags.ISSUER_ACTION_CODE_ONLINE: (5, 5),
    tags.TOKEN_REQUESTOR_ID: (6, 6),
    tags.PAYMENT_ACCOUNT_REFERENCE: (29, 29),
    tags.APPLICATION_CURRENCY_CODE: (2, 2),
    tags.CA_PUBLIC_KEY_INDEX: (1, 1),
    tags.ISSUER_PUBLIC_KEY_EXPONENT: (1, 3),
    tags.ICC_PUBLIC_KEY_EXPONENT: (1, 3),
}


class Profile(NamedTuple):
    """The bits of the application interchange profile that this kernel reads (Kernel 2, A.1.16)."""

    value: bytes

    @property
    def cardholder_verification(self) -> bool:
        """A CVM list is to be processed (byte 1, b5)."""
        return bool(self.value[0] & 0x10)

    @property
    def on_device_verification(self) -> bool:
        """The device verified its holder itself (byte 1, b2)."""
        return bool(self.value[0] & 0x02)

    @property
    def combined_authentication(self) -> bool:
        """The card signs its cryptogram: CDA (byte 1, b1)."""
        return bool(self.value[0] & 0x01)

    @property
    def relay_resistance(self) -> bool:
        """The card knows EXCHANGE RELAY RESISTANCE DATA (byte 2, b1)."""
        return bool(self.value[1] & 0x01)

    @property
    def emv_mode(self) -> bool:
        """The card does EMV and not only magnetic stripe data (byte 2, b8)."""
        return bool(self.value[1] & 0x80)


class FileRange(NamedTuple):
    """One entry of the file locator: records `first` to `last` of the file `sfi`.

    The first `signed` of them are static data to be authenticated.
    """

    sfi: int
    first: int
    last: int
    signed: int = 0


@dataclass(frozen=True, slots=True)
class ProcessingOptions:
    """What GET PROCESSING OPTIONS answered."""

    profile: Profile
    files: tuple[FileRange, ...]
    data: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class CardData:
    """Everything a card says before the cryptogram, by tag; `static` are its signed records."""

    data: Mapping[int, bytes]
    static: bytes


def requested_data(list_: bytes, values: Mapping[int, bytes]) -> bytes:
    """The answer to a PDOL or CDOL; DecodeError if it asks for more than a short APDU holds."""
    if sum(entry.length for entry in dol.parse(list_)) > COMMAND_DATA_BYTES_MAX:
        raise DecodeError("asks for more than a command can carry", field="DOL", offset=0)
    return dol.build(list_, values)


def processing_options(data: bytes) -> ProcessingOptions:
    """The answer to GPO in format 1 (80) or 2 (77), EMV Book 3, 6.5.8.4; DecodeError if neither."""
    template = _only(tlv.decode(data), "GET PROCESSING OPTIONS response")
    found: dict[int, bytes] = {}
    if template.tag == tags.RESPONSE_FORMAT_1:
        found[tags.APPLICATION_INTERCHANGE_PROFILE] = template.value[:2]
        found[tags.APPLICATION_FILE_LOCATOR] = template.value[2:]
    elif template.tag == tags.RESPONSE_FORMAT_2:
        _collect(template.children, found)
    else:
        raise _wrong("is neither 77 nor 80", "GET PROCESSING OPTIONS response")
    for tag in (tags.APPLICATION_INTERCHANGE_PROFILE, tags.APPLICATION_FILE_LOCATOR):
        if tag not in found:
            raise _wrong("is missing", tags.name_of(tag))
    _check_lengths(found)
    profile = Profile(found[tags.APPLICATION_INTERCHANGE_PROFILE])
    return ProcessingOptions(profile, file_locator(found[tags.APPLICATION_FILE_LOCATOR]), found)


def file_locator(value: bytes) -> tuple[FileRange, ...]:
    """The ranges of an AFL (EMV Book 3, 10.2); DecodeError if it is empty, absurd or too long.

    >>> file_locator(bytes.fromhex("08010100"))
    (FileRange(sfi=1, first=1, last=1, signed=0),)
    """
    field = tags.name_of(tags.APPLICATION_FILE_LOCATOR)
    if not value or len(value) % 4:
        raise _wrong("has no multiple of four bytes", field)
    ranges, total = [], 0
    for at in range(0, len(value), 4):
        file, first, last, signed = value[at : at + 4]
        sane = file & 0x07 == 0 and 1 <= file >> 3 <= 30 and 1 <= first <= last
        if not sane or signed > last - first + 1:
            raise DecodeError("names records that cannot be", field=field, offset=at)
        total += last - first + 1
        if total > RECORDS_MAX:
            raise DecodeError("names too many records", field=field, offset=at)
        ranges.append(FileRange(file >> 3, first, last, signed))
    return tuple(ranges)


def read_records(card: Card, options: ProcessingOptions) -> CardData:
    """Everything the card says before the cryptogram; DecodeError where it may not be."""
    found, static = dict(options.data), b""
    for sfi, first, last, signed in options.files:
        for number in range(first, last + 1):
            answer = dialogue.read_record(card, sfi, number)
            if not answer.ok:
                raise _wrong(f"record {number} of file {sfi} is not there", "record")
            # EMV Book 3, 6.5.11.4: above file 10 a record need not be TLV, and only offline data
            # authentication has a use for it.
            content = answer.data
            if sfi <= _SFI_EMV_MAX:
                template = _record(answer.data)
                _collect(template.children, found)
                content = template.value
            if number < first + signed:
                static += content
    _check_lengths(found)
    for tag in _MANDATORY:
        if tag not in found:
            raise _wrong("is missing", tags.name_of(tag))
    return CardData(found, static)


def _record(data: bytes) -> Tlv:
    template = _only(tlv.decode(data), "record")
    if template.tag != tags.RECORD_TEMPLATE:
        raise _wrong("is not in a template 70", "record")
    return template


def _collect(objects: Sequence[Tlv], found: dict[int, bytes]) -> None:
    """Add the primitive data objects to `found`, and refuse what no record may hold."""
    for each in objects:
        if each.children:
            _collect(each.children, found)
            continue
        if each.tag in found:  # EMV Book 3, 10.2: a redundant data object ends the transaction
            # An unknown tag may be anybody's digits, so an error does not repeat it.
            name = tags.name_of(each.tag) if each.tag in tags.TAGS else "record"
            raise _wrong("comes twice", name)
        if each.tag in OWN_TAGS or each.tag in _CRYPTOGRAM_TAGS:
            raise _wrong("is not for a record to say", tags.name_of(each.tag))
        found[each.tag] = each.value


def _check_lengths(found: Mapping[int, bytes]) -> None:
    for tag, (low, high) in _LENGTHS.items():
        if tag in found and not low <= len(found[tag]) <= high:
            raise _wrong("has a wrong length", tags.name_of(tag))


def _only(objects: Sequence[Tlv], field: str) -> Tlv:
    if len(objects) != 1:
        raise _wrong("is not exactly one data object", field)
    return objects[0]


def _wrong(problem: str, field: str) -> DecodeError:
    return DecodeError(problem, field=field, offset=0)
