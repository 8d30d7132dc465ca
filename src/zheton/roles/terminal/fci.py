"""File control information: what SELECT answers for the PPSE and for an application.

EMV Contactless Book B, 3.3.2 (the directory) and EMV Book 1, 11.3.4 (an application).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zheton.core.emv import tags, tlv
from zheton.core.emv.tlv import Tlv
from zheton.core.errors import DecodeError

_NO_PRIORITY = 16  # after the fifteen that four bits can name


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """An application that the card offers. `kernel_id` 0 means any kernel; 1 is first in rank."""

    adf_name: bytes
    rank: int
    kernel_id: int
    extended_selection: bytes


@dataclass(frozen=True, slots=True)
class ApplicationFci:
    """What an application says when it is selected."""

    df_name: bytes
    label: str
    pdol: bytes


def directory(data: bytes) -> tuple[DirectoryEntry, ...]:
    """The usable entries of a PPSE, in the card's order; DecodeError if it is no PPSE.

    An entry that is malformed is left out and the others stand (Book B, 3.3.2.5).
    """
    discretionary = _inside(_proprietary(data), tags.FCI_ISSUER_DISCRETIONARY_DATA)
    entries = (_entry(child) for child in discretionary if child.tag == tags.APPLICATION_TEMPLATE)
    return tuple(entry for entry in entries if entry)


def application(data: bytes) -> ApplicationFci:
    """The FCI of an application; DecodeError if it has no DF name or is malformed."""
    template = _template(data)
    proprietary = _inside(template, tags.FCI_PROPRIETARY_TEMPLATE)
    df_name = _value(template, tags.DF_NAME)
    if df_name is None or not 5 <= len(df_name) <= 16:
        raise DecodeError("is missing or has no 5 to 16 bytes", field="DF name", offset=0)
    label = _value(proprietary, tags.APPLICATION_LABEL) or b""
    return ApplicationFci(
        df_name,
        # A label is ans with the space as only special character; a card's word is not trusted
        # on a receipt.
        "".join(c for c in label[:16].decode("latin-1") if c.isascii() and c.isprintable()),
        _value(proprietary, tags.PDOL) or b"",
    )


def _template(data: bytes) -> tuple[Tlv, ...]:
    objects = tlv.decode(data)
    if len(objects) != 1 or objects[0].tag != tags.FCI_TEMPLATE:
        raise DecodeError("is not one template 6F", field="FCI", offset=0)
    return objects[0].children


def _proprietary(data: bytes) -> tuple[Tlv, ...]:
    return _inside(_template(data), tags.FCI_PROPRIETARY_TEMPLATE)


def _inside(objects: Sequence[Tlv], tag: int) -> tuple[Tlv, ...]:
    found = next((each for each in objects if each.tag == tag), None)
    if found is None:
        raise DecodeError(f"template {tag:X} is missing", field="FCI", offset=0)
    return found.children


def _value(objects: Sequence[Tlv], tag: int) -> bytes | None:
    return next((each.value for each in objects if each.tag == tag), None)


def _entry(template: Tlv) -> DirectoryEntry | None:
    name = _value(template.children, tags.ADF_NAME)
    if name is None or not 5 <= len(name) <= 16:
        return None
    kernel_id = _requested_kernel(_value(template.children, tags.KERNEL_IDENTIFIER))
    if kernel_id is None:
        return None
    priority = _value(template.children, tags.APPLICATION_PRIORITY_INDICATOR) or b"\0"
    extended = _value(template.children, tags.EXTENDED_SELECTION) or b""
    return DirectoryEntry(name, (priority[0] & 0x0F) or _NO_PRIORITY, kernel_id, extended)


def _requested_kernel(identifier: bytes | None) -> int | None:
    """The kernel that 9F2A asks for, 0 for any, None if the entry cannot be used.

    Without 9F2A, Book B (table 3-6) takes the kernel that belongs to the network. A combination of
    this terminal names its kernel beside the AID, so that any kernel is the same choice.
    """
    if not identifier or identifier[0] == 0:
        return 0
    if identifier[0] & 0x80 == 0:  # international
        return identifier[0]
    if len(identifier) < 3 or identifier[0] & 0x3F == 0:  # domestic, proprietary or malformed
        return None
    return int.from_bytes(identifier[:3])
