"""The cryptograms of one debit: card risk management, the first GENERATE AC and the second.

Functions of values: they change nothing. `payment` burns the credential before it lets the answer
of the first out. These cards are online only, so a TC comes from the second alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zheton.core.emv import dol, tags
from zheton.core.emv.cryptogram import (
    application_cryptogram,
    cryptogram_input,
    verify_arpc_1,
    verify_arpc_2,
)
from zheton.core.emv.iad import AcType, CardVerificationResults, IssuerApplicationData
from zheton.core.emv.tlv import encode, encode_all
from zheton.core.errors import VerificationError
from zheton.roles.element.debit import Debit
from zheton.roles.element.wearing import Cardholder

_UNABLE_TO_GO_ONLINE = (b"Y3", b"Z3")  # EMV Book 4, annex A6
_OFFLINE_ONLY = (0x3, 0x6)  # right digit of Terminal Type: EMV Book 4, annex A1
_ISSUER_APPROVES = 0x80  # CSU, byte 2, b8: EMV Book 3, C10
_METHOD = 0x3F  # 9F34, byte 1, without b7: EMV Book 3, C3
_VERIFIED_BY_CHIP = 0x01  # 9F34: Kernel 2 tells on-device verification so (Book C-2, CVM.9)
_APPROVED = b"00"  # DE39, which an ARPC of method 1 covers
_ARPC_1_BYTES, _ARPC_2_BYTES, _CSU_END = 8, 4, 8


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """A cryptogram that was made: its type, its 8 bytes, what it covers, what goes beside it.

    `passcode_needed` is why it refuses, if that is why.
    """

    ac_type: AcType
    value: bytes
    values: Mapping[int, bytes]
    results: CardVerificationResults
    issuer_data: bytes
    counter: bytes
    passcode_needed: bool = False

    @property
    def response(self) -> bytes:
        """The answer in format 2 (Book 3, 6.5.5.4)."""
        objects = (
            (tags.CRYPTOGRAM_INFORMATION_DATA, bytes((self.ac_type,))),
            (tags.ATC, self.counter),
            (tags.APPLICATION_CRYPTOGRAM, self.value),
            (tags.ISSUER_APPLICATION_DATA, self.issuer_data),
        )
        return encode(tags.RESPONSE_FORMAT_2, encode_all(objects))


def first(debit: Debit, requested: AcType, data: bytes, cardholder: Cardholder) -> Cryptogram:
    """The first cryptogram, over data that answer CDOL1; DecodeError if their length is wrong."""
    values = dol.split(debit.profile.cdol1, data)
    # Card risk management: a debit that can't go online is refused, and so is one that wants a
    # verification that never was; any other has to go online.
    pointless = requested is AcType.AAC or _offline_only(values)
    unproven = not _proven_enough(debit, cardholder, values)
    ac_type = AcType.AAC if pointless or unproven else AcType.ARQC
    verified = cardholder is Cardholder.VERIFIED
    results = CardVerificationResults(ac_type, cdcvm_performed=verified, cdcvm_successful=verified)
    made = _cryptogram(debit, ac_type, results, values)
    return replace(made, passcode_needed=unproven and not pointless)


def second(debit: Debit, arqc: Cryptogram, requested: AcType, data: bytes) -> Cryptogram:
    """The cryptogram after the issuer's answer, over data that answer CDOL2 (Book 3, 10.11).

    It is a TC only if one is requested, the terminal was online, and nothing in the issuer's
    authentication data (91), where they came, speaks against it. DecodeError if the data have a
    wrong length.
    """
    answer = dol.split(debit.profile.cdol2, data)
    authentication = answer.get(tags.ISSUER_AUTHENTICATION_DATA, b"")
    # A terminal without the issuer's data fills the list with zeros (Book 3, 5.4).
    authenticated = _authenticated(debit, arqc, authentication) if any(authentication) else None
    unable = answer.get(tags.AUTHORISATION_RESPONSE_CODE, b"") in _UNABLE_TO_GO_ONLINE
    approved = requested is AcType.TC and not unable and authenticated is not False
    if authenticated:
        approved = approved and _issuer_approves(debit, authentication)
    ac_type = AcType.TC if approved else AcType.AAC
    results = replace(
        arqc.results,
        ac_second=ac_type,
        issuer_authenticated=authenticated,
        unable_to_go_online=unable,
    )
    return _cryptogram(debit, ac_type, results, {**arqc.values, **answer})


def _proven_enough(debit: Debit, cardholder: Cardholder, values: Mapping[int, bytes]) -> bool:
    """Whether this cardholder may make this debit; an amount that nobody told is none of these."""
    if cardholder is not Cardholder.EXCUSED:
        return cardholder is Cardholder.VERIFIED
    results = values.get(tags.CVM_RESULTS, b"")
    if not results or results[0] & _METHOD == _VERIFIED_BY_CHIP:
        return False  # the terminal would take a verification for granted that nobody made
    amount = values.get(tags.AMOUNT_AUTHORISED, b"").hex()
    country = values.get(tags.TERMINAL_COUNTRY_CODE, b"").hex()[1:]
    currency = values.get(tags.TRANSACTION_CURRENCY_CODE, b"").hex()[1:]
    return amount.isdigit() and debit.profile.no_cvm.allows(country, currency, int(amount))


def _offline_only(values: Mapping[int, bytes]) -> bool:
    # A card that does not ask for the type lets the issuer find out.
    terminal_type = int.from_bytes(values.get(tags.TERMINAL_TYPE, b""))
    return terminal_type & 0x0F in _OFFLINE_ONLY


def _authenticated(debit: Debit, arqc: Cryptogram, given: bytes) -> bool:
    """Whether the issuer made the authentication data (Book 2, 8.2)."""
    version, key = debit.profile.cryptogram, debit.credential.session_key
    try:
        if version.arpc_method == 1:
            arpc, code = given[:_ARPC_1_BYTES], given[_ARPC_1_BYTES:]
            verify_arpc_1(version.cipher, key, arqc.value, code, arpc)
        else:
            arpc, update = given[:_ARPC_2_BYTES], given[_ARPC_2_BYTES:_CSU_END]
            verify_arpc_2(version.cipher, key, arqc.value, update, given[_CSU_END:], arpc)
    except VerificationError:
        return False
    return True


def _issuer_approves(debit: Debit, given: bytes) -> bool:
    """What authenticated data say: a till can't make a TC out of a decline (Book 2, 8.2)."""
    if debit.profile.cryptogram.arpc_method == 1:
        return given[_ARPC_1_BYTES:] == _APPROVED
    return bool(given[_ARPC_2_BYTES + 1] & _ISSUER_APPROVES)


def _cryptogram(
    debit: Debit, ac_type: AcType, results: CardVerificationResults, values: Mapping[int, bytes]
) -> Cryptogram:
    version, counter = debit.profile.cryptogram, debit.credential.atc.to_bytes(2)
    iad = IssuerApplicationData(version.cvn, debit.header.derivation_key_index, results)
    encoded = iad.encode(version)
    known = {
        **values,
        tags.APPLICATION_INTERCHANGE_PROFILE: debit.interchange_profile,
        tags.ATC: counter,
    }
    signed = cryptogram_input(version, known, encoded)
    value = application_cryptogram(version.cipher, debit.credential.session_key, signed)
    return Cryptogram(ac_type, value, values, results, encoded, counter)
