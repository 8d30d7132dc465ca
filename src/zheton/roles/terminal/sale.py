"""The record of a debit for the acquirer: who pays (from the card) and the chip data for DE55."""

from collections.abc import Mapping
from typing import NamedTuple

from zheton.core.emv import tags, tlv
from zheton.core.errors import DecodeError
from zheton.core.token.pan import luhn_digit
from zheton.roles.terminal import restrictions
from zheton.roles.terminal.cvm import Verification
from zheton.roles.terminal.fci import ApplicationFci
from zheton.roles.terminal.outcome import Sale
from zheton.roles.terminal.state import Setup

CHIP_BYTES_MAX = 255  # ISO 8583:1987 DE55

# What the issuer needs to check the cryptogram, then what it wants to know about the till.
CHIP_TAGS = (
    tags.APPLICATION_CRYPTOGRAM,
    tags.CRYPTOGRAM_INFORMATION_DATA,
    tags.ISSUER_APPLICATION_DATA,
    tags.UNPREDICTABLE_NUMBER,
    tags.ATC,
    tags.TERMINAL_VERIFICATION_RESULTS,
    tags.TRANSACTION_DATE,
    tags.TRANSACTION_TYPE,
    tags.AMOUNT_AUTHORISED,
    tags.TRANSACTION_CURRENCY_CODE,
    tags.APPLICATION_INTERCHANGE_PROFILE,
    tags.TERMINAL_COUNTRY_CODE,
    tags.AMOUNT_OTHER,
    tags.TERMINAL_CAPABILITIES,
    tags.CVM_RESULTS,
    tags.TERMINAL_TYPE,
    tags.INTERFACE_DEVICE_SERIAL_NUMBER,
    tags.DF_NAME,
    tags.APPLICATION_VERSION_NUMBER_TERMINAL,
    tags.TRANSACTION_SEQUENCE_COUNTER,
    tags.PAN_SEQUENCE_NUMBER,
    tags.TOKEN_REQUESTOR_ID,
    tags.PAYMENT_ACCOUNT_REFERENCE,
)


class Identity(NamedTuple):
    """What the card says about itself, checked to be consistent."""

    number: str
    expiry: str
    psn: int | None
    track2: str | None


def identity(card: Mapping[int, bytes]) -> Identity:
    """Number, expiry YYMM, sequence number and track 2; DecodeError if they disagree.

    A card whose track 2 names another number than its record would let the acquirer and the
    issuer debit two different cards, each in good faith.
    """
    number = _number(card[tags.PAN])
    expiry = f"{restrictions.expiry_date(card):%y%m}"
    track2 = None
    if tags.TRACK_2_EQUIVALENT_DATA in card:
        track2 = _track2(card[tags.TRACK_2_EQUIVALENT_DATA])
        if not track2.startswith(f"{number}={expiry}"):
            raise _wrong("disagrees with the record", tags.TRACK_2_EQUIVALENT_DATA)
    return Identity(number, expiry, _sequence_number(card), track2)


def build(
    setup: Setup,
    selected: ApplicationFci,
    who: Identity,
    values: Mapping[int, bytes],
    verification: Verification,
) -> Sale:
    """The record of this debit; DecodeError if the card's data do not fit into DE55."""
    known = {**values, tags.DF_NAME: selected.df_name}
    chip = tlv.encode_all((tag, known[tag]) for tag in CHIP_TAGS if tag in known)
    if len(chip) > CHIP_BYTES_MAX:
        raise DecodeError("do not fit into DE55", field="chip data", offset=CHIP_BYTES_MAX)
    return Sale(
        amount_minor=setup.transaction.amount.minor,
        currency=setup.config.currency,
        number=who.number,
        expiry=who.expiry,
        psn=who.psn,
        track2=who.track2,
        chip=chip,
        aid=selected.df_name,
        label=selected.label,
        tvr=known[tags.TERMINAL_VERIFICATION_RESULTS],
        cvm_results=verification.results,
        signature=verification.signature,
    )


def _number(value: bytes) -> str:
    """The digits of 5A: compressed numeric, padded with F on the right (EMV Book 3, 4.3)."""
    digits = value.hex().rstrip("f")
    if not (digits.isdigit() and 12 <= len(digits) <= 19):
        raise _wrong("is no card number", tags.PAN)
    if luhn_digit(digits[:-1]) != digits[-1]:
        raise _wrong("has a wrong Luhn digit", tags.PAN)
    return digits


def _track2(value: bytes) -> str:
    """57 as digits with `=` for the separator, without padding (ISO/IEC 7813)."""
    text = value.hex().rstrip("f").replace("d", "=", 1)
    if not text.replace("=", "", 1).isdigit() or len(text) > 37:
        raise _wrong("is no track 2", tags.TRACK_2_EQUIVALENT_DATA)
    return text


def _sequence_number(card: Mapping[int, bytes]) -> int | None:
    value = card.get(tags.PAN_SEQUENCE_NUMBER)
    if value is None:
        return None
    if not value.hex().isdigit():
        raise _wrong("is not numeric", tags.PAN_SEQUENCE_NUMBER)
    return int(value.hex())


def _wrong(problem: str, tag: int) -> DecodeError:
    return DecodeError(problem, field=tags.name_of(tag), offset=0)
