"""EMV data objects as fields: a TLV tree, the data that answer a list, issuer application data."""

from collections.abc import Iterator, Mapping

from zheton.apps.xray import emv_meaning
from zheton.apps.xray.step import Field
from zheton.core.emv import dol, tags, tlv
from zheton.core.emv.iad import (
    CCD_BYTES,
    MCHIP_BYTES,
    CardVerificationResults,
    Layout,
    cvr_bytes,
)
from zheton.core.emv.tlv import Tlv
from zheton.core.errors import DecodeError

_INDENT = "  "


def of_tlv(data: bytes, known: Mapping[int, bytes] | None = None) -> tuple[Field, ...]:
    """The data objects in `data`; `known` are values met before, for a currency.

    DecodeError if they are none.
    """
    neighbours = {**(known or {}), **tlv.flat(data)}
    return tuple(_tree(tlv.decode(data), neighbours, 0))


def of_list(list_: bytes, data: bytes) -> tuple[Field, ...]:
    """The values that answer a data object list, in its order; DecodeError if they do not fit."""
    values = dol.split(list_, data)
    return tuple(field for tag, value in values.items() for field in _object(tag, value, values, 0))


def _tree(objects: tuple[Tlv, ...], values: Mapping[int, bytes], depth: int) -> Iterator[Field]:
    for each in objects:
        if each.children:
            tag = f"{each.tag:X}"
            yield Field(_INDENT * depth + emv_meaning.name(each.tag), tag=tag)
            yield from _tree(each.children, values, depth + 1)
        else:
            yield from _object(each.tag, each.value, values, depth)


def _object(tag: int, value: bytes, values: Mapping[int, bytes], depth: int) -> Iterator[Field]:
    yield Field(
        _INDENT * depth + emv_meaning.name(tag),
        emv_meaning.shown(tag, value),
        emv_meaning.meaning(tag, value, values),
        f"{tag:X}",
    )
    if tag == tags.ISSUER_APPLICATION_DATA:
        yield from _issuer_application_data(value, depth + 1)


def _issuer_application_data(value: bytes, depth: int) -> Iterator[Field]:
    """9F10 by its length: M/Chip's 18 bytes, or format A of the Common Core Definitions."""
    layouts: dict[int, Layout] = {MCHIP_BYTES: "mchip", CCD_BYTES: "ccd"}
    layout = layouts.get(len(value))
    if layout is None:
        return
    try:
        raw = cvr_bytes(layout, value)
        results = CardVerificationResults.decode(layout, raw)
    except DecodeError:
        return
    key_index, version = (value[0], value[1]) if layout == "mchip" else (value[2], value[1])
    indent = _INDENT * depth
    yield Field(f"{indent}Derivation Key Index", f"{key_index:02X}", f"key version {key_index}")
    yield Field(f"{indent}Cryptogram Version Number", f"{version:02X}", _LAYOUT_NAME[layout])
    yield Field(f"{indent}Card Verification Results", raw.hex().upper(), _in_words(results), "CVR")


_LAYOUT_NAME: Mapping[Layout, str] = {
    "mchip": "M/Chip layout",
    "ccd": "Common Core Definitions, format A",
}


def _in_words(results: CardVerificationResults) -> str:
    parts = [f"{results.ac_first.name} returned"]
    if results.ac_second is not None:
        parts.append(f"then {results.ac_second.name}")
    if results.cdcvm_performed:
        outcome = "succeeded" if results.cdcvm_successful else "failed"
        parts.append(f"verification on the device {outcome}")
    else:
        parts.append("no verification on the device")
    if results.issuer_authenticated is not None:
        outcome = "is who it says" if results.issuer_authenticated else "failed to prove itself"
        parts.append(f"issuer {outcome}")
    if results.unable_to_go_online:
        parts.append("terminal was unable to go online")
    return "; ".join(parts)
