"""The chip data of one debit (DE55), computed as the chip computes it, before anything is timed."""

from datetime import datetime

from zheton.core.emv import tags, tlv
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.cryptogram import application_cryptogram, cryptogram_input
from zheton.core.emv.iad import AcType, CardVerificationResults, IssuerApplicationData
from zheton.core.emv.perso import Credential
from zheton.core.money import Money
from zheton.core.scheme import Scheme
from zheton.core.token.batch import Batch
from zheton.roles.acquirer.state import ChipEntry, Sale, Till

# What a till of the lab says that has nothing to complain of (EMV Book 3, C5; Book 4, A4).
_TVR, _CVM_ON_DEVICE = bytes(5), bytes.fromhex("010002")
_SERVICE_CODE = "201"


def sale_of(
    scheme: Scheme,
    profile: CardProfile,
    batch: Batch,
    spent: Credential,
    till: Till,
    amount: Money,
    local_time: datetime,
    unpredictable: bytes,
) -> Sale:
    """The sale that a tap with this credential would make at a till."""
    version = scheme.cryptogram
    results = CardVerificationResults(AcType.ARQC, cdcvm_performed=True, cdcvm_successful=True)
    iad = IssuerApplicationData(version.cvn, batch.key_version, results).encode(version)
    values = {
        tags.AMOUNT_AUTHORISED: bytes.fromhex(f"{amount.minor:012d}"),
        tags.AMOUNT_OTHER: bytes(6),
        tags.TERMINAL_COUNTRY_CODE: bytes.fromhex(f"0{till.merchant.country.numeric}"),
        tags.TERMINAL_VERIFICATION_RESULTS: _TVR,
        tags.TRANSACTION_CURRENCY_CODE: bytes.fromhex(f"0{amount.currency.numeric}"),
        tags.TRANSACTION_DATE: bytes.fromhex(f"{local_time:%y%m%d}"),
        tags.TRANSACTION_TYPE: b"\0",
        tags.UNPREDICTABLE_NUMBER: unpredictable,
        tags.APPLICATION_INTERCHANGE_PROFILE: profile.aip,
        tags.ATC: spent.atc.to_bytes(2),
    }
    signed = cryptogram_input(version, values, iad)
    chip = {
        tags.APPLICATION_CRYPTOGRAM: application_cryptogram(
            version.cipher, spent.session_key, signed
        ),
        tags.CRYPTOGRAM_INFORMATION_DATA: bytes((AcType.ARQC,)),
        tags.ISSUER_APPLICATION_DATA: iad,
        **values,
        tags.CVM_RESULTS: _CVM_ON_DEVICE,
        tags.PAN_SEQUENCE_NUMBER: b"\0",
    }
    track2 = f"{spent.number}={batch.expiry}{_SERVICE_CODE}"
    entry = ChipEntry(spent.number, batch.expiry, 0, track2, tlv.encode_all(chip.items()))
    return Sale(till, amount, entry, local_time)
