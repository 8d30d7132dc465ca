"""The card's answer to GENERATE AC (EMV Book 3, 6.5.5 and 9.3)."""

from collections.abc import Mapping
from dataclasses import dataclass

from zheton.core.emv import tags, tlv
from zheton.core.errors import DecodeError
from zheton.roles.terminal.risk import CryptogramType

_TYPE_BITS = 0xC0  # 9F27, b8 and b7 (EMV Book 3, table 15)
_IAD_BYTES_MAX = 32
_FORMAT_1_BYTES_MIN = 1 + 2 + 8  # 9F27, 9F36, 9F26; 9F10 may follow
_NAME = "GENERATE AC response"


@dataclass(frozen=True, slots=True)
class Answer:
    """9F27, 9F36, 9F26 and, where there is one, 9F10 by tag; and all data objects in their order.

    A card that signs its answer sends objects (format 2), with 9F4B in place of 9F26, which the
    signature carries (Book 3, 6.5.5.4).
    """

    values: Mapping[int, bytes]
    objects: tuple[tuple[int, bytes], ...] = ()


def read(data: bytes, *, signing: bool = False) -> Answer:
    """The answer to GENERATE AC; DecodeError if it is malformed.

    9F26 may only be missing if the card was asked to sign, and did.
    """
    objects = tlv.decode(data)
    if len(objects) != 1:
        raise DecodeError("is not exactly one data object", field=_NAME, offset=0)
    template = objects[0]
    ordered: tuple[tuple[int, bytes], ...] = ()
    if template.tag == tags.RESPONSE_FORMAT_1:
        found = _format_1(template.value)
    elif template.tag == tags.RESPONSE_FORMAT_2:
        ordered = tuple((each.tag, each.value) for each in template.children)
        found = dict(ordered)
        if len(found) != len(template.children):
            raise DecodeError("says something twice", field=_NAME, offset=0)
    else:
        raise DecodeError("is neither 77 nor 80", field=_NAME, offset=0)
    _require(found, tags.CRYPTOGRAM_INFORMATION_DATA, 1, 1)
    _require(found, tags.ATC, 2, 2)
    if not signing or tags.SIGNED_DYNAMIC_APPLICATION_DATA not in found:
        _require(found, tags.APPLICATION_CRYPTOGRAM, 8, 8)
    if tags.ISSUER_APPLICATION_DATA in found:
        _require(found, tags.ISSUER_APPLICATION_DATA, 0, _IAD_BYTES_MAX)
    return Answer({tag: value for tag, value in found.items() if tag in _WANTED}, ordered)


def granted(found: Mapping[int, bytes], asked: CryptogramType) -> CryptogramType:
    """The type of cryptogram that came; DecodeError if a card may not answer so (Book 3, 9.3).

    A card may always decline, and want its issuer asked where it may decide itself. To more than
    it was asked for it has no right. A TC is never money: a number pays once, and a till that is
    not online can't know whether it has.
    """
    bits = found[tags.CRYPTOGRAM_INFORMATION_DATA][0] & _TYPE_BITS
    allowed = {CryptogramType.AAC, asked}
    if asked is CryptogramType.TC:
        allowed = {CryptogramType.AAC, CryptogramType.ARQC}
    if bits not in allowed:
        raise DecodeError("is another cryptogram than asked for", field=_NAME, offset=0)
    return CryptogramType(bits)


_WANTED = frozenset(
    {
        tags.APPLICATION_CRYPTOGRAM,
        tags.ATC,
        tags.CRYPTOGRAM_INFORMATION_DATA,
        tags.ISSUER_APPLICATION_DATA,
    }
)


def _format_1(value: bytes) -> dict[int, bytes]:
    if len(value) < _FORMAT_1_BYTES_MIN:
        raise DecodeError("is cut short", field=_NAME, offset=len(value))
    found = {
        tags.CRYPTOGRAM_INFORMATION_DATA: value[:1],
        tags.ATC: value[1:3],
        tags.APPLICATION_CRYPTOGRAM: value[3:11],
    }
    if len(value) > _FORMAT_1_BYTES_MIN:
        found[tags.ISSUER_APPLICATION_DATA] = value[11:]
    return found


def _require(found: Mapping[int, bytes], tag: int, low: int, high: int) -> None:
    if not low <= len(found.get(tag, b"")) <= high or tag not in found:
        raise DecodeError("is missing or has a wrong length", field=tags.name_of(tag), offset=0)
