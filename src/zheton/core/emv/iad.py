"""Issuer application data (9F10): what the card tells its issuer, in the layouts of two families.

`mchip` is the 18 bytes of M/Chip: key derivation index, cryptogram version number, card
verification results (6), DAC or ICC dynamic number (2), counters (8). `ccd` is format A of EMV's
Common Core Definitions (Book 3, C9.2): 0F, common core identifier, derivation key index, card
verification results (5), counters (8), 0F, issuer-discretionary data (15). Both carry the same
facts at other places, so there is one `CardVerificationResults`; the bits that the product does not
use stay zero and are ignored when read. Counters stay zero too: a one-time number has no history.

Neither layout knows verification on the wearer's own device. Mobile profiles report it by the bits
of an offline PIN, which a wearable has no other use for, and so do we.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from zheton.core.errors import ConfigurationError, DecodeError, EncodeError
from zheton.core.scheme import CryptogramVersion

Layout = Literal["mchip", "ccd"]

MCHIP_BYTES, CCD_BYTES = 18, 32
_FIELD = "Issuer Application Data"
_CCD_HEAD = _CCD_MIDDLE = 0x0F
_CCD_FORMAT = 0xA0  # the left nibble of the common core identifier: format A
_CVR_AT: dict[Layout, slice] = {"mchip": slice(2, 8), "ccd": slice(3, 8)}
_SIZE: dict[Layout, int] = {"mchip": MCHIP_BYTES, "ccd": CCD_BYTES}
_NOT_REQUESTED = 0b10  # b8-b7 of byte 1, where no second GENERATE AC has happened


class AcType(IntEnum):
    """The type of an application cryptogram, as b8-b7 of 9F27 and of P1 of GENERATE AC."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80


@dataclass(frozen=True, slots=True)
class CardVerificationResults:
    """What the card did in this transaction, as far as the product uses it.

    `ac_second` is None until a second GENERATE AC; `issuer_authenticated` is None if the card has
    not checked an ARPC, else the result. `cdcvm_successful` without `cdcvm_performed` is an
    EncodeError.
    """

    ac_first: AcType
    ac_second: AcType | None = None
    cdcvm_performed: bool = False
    cdcvm_successful: bool = False
    issuer_authenticated: bool | None = None
    unable_to_go_online: bool = False

    def __post_init__(self) -> None:
        if self.cdcvm_successful and not self.cdcvm_performed:
            raise EncodeError("verification can't succeed without being performed", field="CVR")
        if self.ac_second is AcType.ARQC:
            raise EncodeError("a second GENERATE AC yields TC or AAC", field="CVR")

    def encode(self, layout: Layout) -> bytes:
        """The bytes in a layout: 6 in `mchip`, 5 in `ccd`."""
        return self._mchip() if layout == "mchip" else self._ccd()

    @classmethod
    def decode(cls, layout: Layout, cvr: bytes) -> "CardVerificationResults":
        """The results in these bytes; DecodeError on reserved values or another length."""
        size = _CVR_AT[layout].stop - _CVR_AT[layout].start
        if len(cvr) != size:
            raise DecodeError(f"it has {size} bytes", field="CVR", offset=min(len(cvr), size))
        return _from_mchip(cvr) if layout == "mchip" else _from_ccd(cvr)

    def _types(self) -> int:
        """b8-b5 of byte 1, the same in both layouts: the second type, then the first."""
        second = _NOT_REQUESTED if self.ac_second is None else self.ac_second >> 6
        return second << 6 | self.ac_first >> 2

    def _mchip(self) -> bytes:
        """M/Chip Requirements for Contact and Contactless, appendix B: CVR."""
        failed = self.cdcvm_performed and not self.cdcvm_successful
        return bytes(
            (
                self._types() | self.cdcvm_performed << 2 | int(self.cdcvm_successful),
                (self.issuer_authenticated is not None) << 4,
                0,
                self.unable_to_go_online << 6 | (not self.cdcvm_performed) << 5 | failed << 4,
                (self.issuer_authenticated is False) << 2,
                0,
            )
        )

    def _ccd(self) -> bytes:
        """EMV Book 3, C9.3."""
        failed = self.cdcvm_performed and not self.cdcvm_successful
        return bytes(
            (
                self._types()
                | (self.issuer_authenticated is None) << 1
                | int(self.issuer_authenticated is False),
                self.cdcvm_performed << 3 | failed << 2,
                0,
                int(self.unable_to_go_online),
                0,
            )
        )


@dataclass(frozen=True, slots=True)
class IssuerApplicationData:
    """9F10: cryptogram version number, derivation key index (our key version) and results."""

    cvn: int
    key_index: int
    cvr: CardVerificationResults

    def encode(self, version: CryptogramVersion) -> bytes:
        """The value of 9F10 in the version's layout; EncodeError if a number is not one byte."""
        if not (0 <= self.key_index <= 0xFF and self.cvn == version.cvn):
            raise EncodeError("the version or key index does not fit", field=_FIELD)
        cvr = self.cvr.encode(version.layout)
        if version.layout == "mchip":
            return bytes((self.key_index, self.cvn)) + cvr + bytes(10)
        if self.cvn & 0xF0 != _CCD_FORMAT:
            raise ConfigurationError("A cryptogram version of layout ccd is A0 to AF (format A).")
        head = bytes((_CCD_HEAD, self.cvn, self.key_index))
        return head + cvr + bytes(8) + bytes((_CCD_MIDDLE,)) + bytes(15)

    @classmethod
    def decode(cls, version: CryptogramVersion, value: bytes) -> "IssuerApplicationData":
        """The data in a value of 9F10; DecodeError if it is not of this version and its layout."""
        cvr = CardVerificationResults.decode(version.layout, cvr_bytes(version.layout, value))
        at_index, at_cvn = (0, 1) if version.layout == "mchip" else (2, 1)
        if value[at_cvn] != version.cvn:
            raise DecodeError("it is of another cryptogram version", field=_FIELD, offset=at_cvn)
        return cls(value[at_cvn], value[at_index], cvr)


def cvr_bytes(layout: Layout, value: bytes) -> bytes:
    """The card verification results inside a value of 9F10, as they came.

    Raises DecodeError if the value has not the length, or not the fixed bytes, of the layout.
    """
    size = _SIZE[layout]
    if len(value) != size:
        raise DecodeError(f"it has {size} bytes", field=_FIELD, offset=min(len(value), size))
    if layout == "ccd":
        for offset, fixed in ((0, _CCD_HEAD), (16, _CCD_MIDDLE)):
            if value[offset] != fixed:
                raise DecodeError("a length byte is not 0F", field=_FIELD, offset=offset)
    return value[_CVR_AT[layout]]


def _from_mchip(cvr: bytes) -> CardVerificationResults:
    performed, successful = bool(cvr[0] & 0x04), bool(cvr[0] & 0x01)
    return CardVerificationResults(
        ac_first=_first(cvr[0]),
        ac_second=_second(cvr[0]),
        cdcvm_performed=performed,
        cdcvm_successful=_only_if(performed, successful, 0),
        issuer_authenticated=not cvr[4] & 0x04 if cvr[1] & 0x10 else None,
        unable_to_go_online=bool(cvr[3] & 0x40),
    )


def _from_ccd(cvr: bytes) -> CardVerificationResults:
    performed = bool(cvr[1] & 0x08)
    return CardVerificationResults(
        ac_first=_first(cvr[0]),
        ac_second=_second(cvr[0]),
        cdcvm_performed=performed,
        cdcvm_successful=performed and not cvr[1] & 0x04,
        issuer_authenticated=None if cvr[0] & 0x02 else not cvr[0] & 0x01,
        unable_to_go_online=bool(cvr[3] & 0x01),
    )


def _only_if(performed: bool, successful: bool, offset: int) -> bool:
    if successful and not performed:
        raise DecodeError(
            "a verification succeeded without being performed", field="CVR", offset=offset
        )
    return successful


def _first(byte: int) -> AcType:
    code = byte << 2 & 0xC0
    if code == 0xC0:
        raise DecodeError("the type of the first cryptogram is reserved", field="CVR", offset=0)
    return AcType(code)


def _second(byte: int) -> AcType | None:
    code = byte >> 6
    if code == 0b11:
        raise DecodeError("the type of the second cryptogram is reserved", field="CVR", offset=0)
    return None if code == _NOT_REQUESTED else AcType(code << 6)
