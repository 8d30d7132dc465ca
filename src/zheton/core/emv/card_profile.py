"""The profile of a card on a chip: everything that its debits share and that is no secret.

`CardProfile` travels as data objects in one DGI (`core.emv.perso`). EMV's own tags are used where
EMV has one; what only the element needs has tags of the private class. `core.emv.issuance`
fills one in for a network.
"""

import re
from dataclasses import dataclass
from typing import Literal

from zheton.core.emv import dol, tags, tlv
from zheton.core.emv.no_cvm import NEVER, NoCvm
from zheton.core.errors import DecodeError, EncodeError
from zheton.core.scheme import CryptogramVersion

# Private class, primitive: ISO/IEC 8825-1, 8.1.2.
_CARD_REF, _CVN, _LAYOUT, _CIPHER, _CRYPTOGRAM_DATA, _ARPC_METHOD = (
    0xC1,
    0xC2,
    0xC3,
    0xC4,
    0xC5,
    0xC6,
)
_TOKEN_BIN, _NO_CVM = 0xC7, 0xC8

_LAYOUTS: tuple[Literal["mchip", "ccd"], ...] = ("mchip", "ccd")
_CIPHERS: tuple[Literal["3des", "aes"], ...] = ("3des", "aes")
_METHODS: tuple[Literal[1, 2], ...] = (1, 2)

# What a cryptogram covers without the terminal's help: AIP, ATC, issuer application data.
_FROM_THE_CARD = ("82", "9F36", "9F10", "CVR")

# The digits of a decimal field, and how many bytes hold them.
_DIGITS = {
    "issuer_country": 3,
    "currency": 3,
    "token_requestor_id": 11,
    "service_code": 3,
}
_SIZES = {
    "card_ref": 16,
    "aip": 2,
    "usage_control": 2,
    "application_version": 2,
    "action_code_default": 5,
    "action_code_denial": 5,
    "action_code_online": 5,
}


@dataclass(frozen=True, slots=True)
class CardProfile:
    """One card as the chip shows it, in EMV's terms; country and currency are numeric codes.

    `priority` 1 is the first choice of PPSE (87); `token_bin` is 6 or 8 digits and public;
    `no_cvm` is what it pays without the passcode.
    """

    card_ref: bytes
    aid: bytes
    label: str
    priority: int
    kernel_id: int
    language: str
    issuer_country: str
    currency: str
    token_bin: str
    token_requestor_id: str
    par: str
    service_code: str
    cryptogram: CryptogramVersion
    pdol: bytes
    cdol1: bytes
    cdol2: bytes
    cvm_list: bytes
    aip: bytes
    usage_control: bytes
    application_version: bytes
    action_code_default: bytes
    action_code_denial: bytes
    action_code_online: bytes
    no_cvm: NoCvm = NEVER

    def __post_init__(self) -> None:
        for name, size in _SIZES.items():
            _check(len(getattr(self, name)) == size, name, f"is {size} bytes")
        for name, digits in _DIGITS.items():
            _check(_is_digits(getattr(self, name), digits), name, f"is {digits} digits")
        # One byte is left for the slot that tells two cards of one network apart.
        _check(5 <= len(self.aid) <= 15, "aid", "is 5 to 15 bytes")
        _check(bool(re.fullmatch(r"[ -~]{1,16}", self.label)), "label", "is 1 to 16 ASCII signs")
        _check(1 <= self.priority <= 15, "priority", "is 1 to 15")
        _check(0 <= self.kernel_id <= 0x3F, "kernel_id", "is 0 to 63")
        _check(bool(re.fullmatch(r"([a-z]{2}){1,4}", self.language)), "language", "is an2 to an8")
        _check(
            _is_digits(self.token_bin, 6) or _is_digits(self.token_bin, 8), "token_bin", "6 or 8"
        )
        _check(bool(re.fullmatch(r"[0-9A-Z]{29}", self.par)), "par", "is 29 signs of 0-9 and A-Z")
        _check(10 <= len(self.cvm_list) <= 250, "cvm_list", "is 10 to 250 bytes")
        lengths = {
            name: _list_lengths(getattr(self, name), name) for name in ("pdol", "cdol1", "cdol2")
        }
        _check_cryptogram(self.cryptogram, lengths["cdol1"], lengths["cdol2"])

    def encode(self) -> bytes:
        """The profile as data objects."""
        version = self.cryptogram
        return tlv.encode_all(
            (
                (_CARD_REF, self.card_ref),
                (tags.ADF_NAME, self.aid),
                (tags.APPLICATION_LABEL, self.label.encode("ascii")),
                (tags.APPLICATION_PRIORITY_INDICATOR, bytes((self.priority,))),
                (tags.KERNEL_IDENTIFIER, bytes((self.kernel_id,))),
                (tags.LANGUAGE_PREFERENCE, self.language.encode("ascii")),
                (tags.ISSUER_COUNTRY_CODE, _bcd(self.issuer_country)),
                (tags.APPLICATION_CURRENCY_CODE, _bcd(self.currency)),
                (_TOKEN_BIN, _bcd(self.token_bin)),
                (tags.TOKEN_REQUESTOR_ID, _bcd(self.token_requestor_id)),
                (tags.PAYMENT_ACCOUNT_REFERENCE, self.par.encode("ascii")),
                (tags.SERVICE_CODE, _bcd(self.service_code)),
                (_CVN, bytes((version.cvn,))),
                (_LAYOUT, version.layout.encode("ascii")),
                (_CIPHER, version.cipher.encode("ascii")),
                (_CRYPTOGRAM_DATA, ",".join(version.data).encode("ascii")),
                (_ARPC_METHOD, bytes((version.arpc_method,))),
                (tags.PDOL, self.pdol),
                (tags.CDOL1, self.cdol1),
                (tags.CDOL2, self.cdol2),
                (tags.CVM_LIST, self.cvm_list),
                (tags.APPLICATION_INTERCHANGE_PROFILE, self.aip),
                (tags.APPLICATION_USAGE_CONTROL, self.usage_control),
                (tags.APPLICATION_VERSION_NUMBER_CARD, self.application_version),
                (tags.ISSUER_ACTION_CODE_DEFAULT, self.action_code_default),
                (tags.ISSUER_ACTION_CODE_DENIAL, self.action_code_denial),
                (tags.ISSUER_ACTION_CODE_ONLINE, self.action_code_online),
                (_NO_CVM, self.no_cvm.encode()),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> "CardProfile":
        """The profile in these data objects; DecodeError if one is missing or wrong."""
        values = _Values(tlv.flat(data))
        try:
            return cls(
                card_ref=values.raw(_CARD_REF),
                aid=values.raw(tags.ADF_NAME),
                label=values.text(tags.APPLICATION_LABEL),
                priority=values.byte(tags.APPLICATION_PRIORITY_INDICATOR),
                kernel_id=values.byte(tags.KERNEL_IDENTIFIER),
                language=values.text(tags.LANGUAGE_PREFERENCE),
                issuer_country=values.digits(tags.ISSUER_COUNTRY_CODE, 3),
                currency=values.digits(tags.APPLICATION_CURRENCY_CODE, 3),
                token_bin=values.raw(_TOKEN_BIN).hex(),
                token_requestor_id=values.digits(tags.TOKEN_REQUESTOR_ID, 11),
                par=values.text(tags.PAYMENT_ACCOUNT_REFERENCE),
                service_code=values.digits(tags.SERVICE_CODE, 3),
                cryptogram=_cryptogram_version(values),
                pdol=values.raw(tags.PDOL),
                cdol1=values.raw(tags.CDOL1),
                cdol2=values.raw(tags.CDOL2),
                cvm_list=values.raw(tags.CVM_LIST),
                aip=values.raw(tags.APPLICATION_INTERCHANGE_PROFILE),
                usage_control=values.raw(tags.APPLICATION_USAGE_CONTROL),
                application_version=values.raw(tags.APPLICATION_VERSION_NUMBER_CARD),
                action_code_default=values.raw(tags.ISSUER_ACTION_CODE_DEFAULT),
                action_code_denial=values.raw(tags.ISSUER_ACTION_CODE_DENIAL),
                action_code_online=values.raw(tags.ISSUER_ACTION_CODE_ONLINE),
                no_cvm=NoCvm.decode(values.raw(_NO_CVM)),
            )
        except EncodeError as error:
            raise DecodeError(error.problem, field=error.field, offset=0) from None


def _cryptogram_version(values: "_Values") -> CryptogramVersion:
    layout, cipher = values.text(_LAYOUT), values.text(_CIPHER)
    method = values.byte(_ARPC_METHOD)
    known_layout = next((known for known in _LAYOUTS if known == layout), None)
    known_cipher = next((known for known in _CIPHERS if known == cipher), None)
    known_method = next((known for known in _METHODS if known == method), None)
    if known_layout is None or known_cipher is None or known_method is None:
        raise DecodeError("the cryptogram version is unknown", field="card profile", offset=0)
    data = tuple(values.text(_CRYPTOGRAM_DATA).split(","))
    return CryptogramVersion(values.byte(_CVN), known_layout, known_cipher, data, known_method)


class _Values:
    """Data objects by tag, with the conversions that a profile needs."""

    def __init__(self, values: dict[int, bytes]) -> None:
        self._values = values

    def raw(self, tag: int) -> bytes:
        if tag not in self._values:
            problem = f"{tags.name_of(tag)} is missing"
            raise DecodeError(problem, field="card profile", offset=0)
        return self._values[tag]

    def text(self, tag: int) -> str:
        try:
            return self.raw(tag).decode("ascii")
        except UnicodeDecodeError:
            problem = f"{tags.name_of(tag)} is not ASCII"
            raise DecodeError(problem, field="card profile", offset=0) from None

    def byte(self, tag: int) -> int:
        value = self.raw(tag)
        if len(value) != 1:
            problem = f"{tags.name_of(tag)} is one byte"
            raise DecodeError(problem, field="card profile", offset=0)
        return value[0]

    def digits(self, tag: int, count: int) -> str:
        value = self.raw(tag).hex()
        if len(value) != count + count % 2 or (count % 2 and value[0] != "0"):
            problem = f"{tags.name_of(tag)} is {count} digits"
            raise DecodeError(problem, field="card profile", offset=0)
        return value[count % 2 :]


def _bcd(digits: str) -> bytes:
    return bytes.fromhex("0" * (len(digits) % 2) + digits)


def _is_digits(value: str, count: int) -> bool:
    return re.fullmatch(r"[0-9]+", value) is not None and len(value) == count


def _check(holds: bool, field: str, problem: str) -> None:
    if not holds:
        raise EncodeError(problem, field=field)


def _list_lengths(value: bytes, name: str) -> dict[int, int]:
    try:
        entries = dol.parse(value)
    except DecodeError:
        raise EncodeError("is no data object list", field=name) from None
    lengths = dict(entries)
    _check(len(lengths) == len(entries), name, "asks for each data object once")
    return lengths


def _check_cryptogram(
    version: CryptogramVersion, cdol1: dict[int, int], cdol2: dict[int, int]
) -> None:
    """Whether a chip can make this version's cryptograms from what the lists bring in.

    A chip that finds out in the middle of a debit has spent a number for nothing.
    """
    _check(0 <= version.cvn <= 0xFF, "cvn", "is one byte")
    _check(version.layout != "ccd" or version.cvn >> 4 == 0xA, "cvn", "of layout ccd is A0 to AF")
    for item in version.data:
        known = item in _FROM_THE_CARD or re.fullmatch(r"([0-9A-F]{2}){1,3}", item)
        _check(bool(known), "cryptogram data", "are tags, or CVR")
        asked = item in _FROM_THE_CARD or cdol1.get(int(item, 16), 0) > 0
        _check(asked, "cdol1", "asks for all that the cryptogram covers")
    answer = cdol2.get(tags.ISSUER_AUTHENTICATION_DATA, 0)
    if version.arpc_method == 1:
        _check(version.cipher == "3des", "arpc_method", "1 goes with 3des")
        _check(answer == 10, "cdol2", "asks for 10 bytes of issuer authentication data")
    else:
        _check(8 <= answer <= 16, "cdol2", "asks for 8 to 16 bytes of issuer authentication data")
