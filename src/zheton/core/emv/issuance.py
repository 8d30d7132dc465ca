"""The chip data that every card of a network gets: lists, action codes, usage, verification.

The networks' own facts come from `core.scheme`; what is here follows from EMV and from the one
purpose of these cards, a debit that goes online. Each value says why it is what it is.
"""

from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.no_cvm import NEVER, NoCvm
from zheton.core.errors import EncodeError
from zheton.core.scheme import Scheme

# Cardholder verification and, on the device, too, and CDA, which the chip takes out where a number
# has no certificate; second byte: EMV mode, and in kernel 2 relay resistance (Book C-2, A.1.16).
# Issuer authentication (04) is not set: it means EXTERNAL AUTHENTICATE, and the ARPC comes with the
# second GENERATE AC (Book 3, 10.9).
_AIP_KERNEL_2 = bytes.fromhex("1381")
_AIP_OTHERS = bytes.fromhex("1380")
# Goods and services, at home and abroad, anywhere but at ATMs: no cash (Book 3, C2).
_USAGE_CONTROL = bytes.fromhex("3D00")
# No CVM if the terminal supports it; on-device verification comes first (Book C-2, CVM.9).
_CVM_LIST = bytes.fromhex("00000000000000001F03")
# If the terminal can't go online it must decline: no offline data authentication was performed,
# data missing, exception file, expired, service not allowed, CVM failed, over the floor limit.
_ACTION_CODE_DEFAULT = bytes.fromhex("FC50808800")
# Denied where the card is further away than it can be (Book C-2: relay time limits exceeded).
_ACTION_CODE_DENIAL = bytes.fromhex("0000000004")
_ACTION_CODE_ONLINE = bytes.fromhex("FC50808800")
_SERVICE_CODE = "201"  # ISO/IEC 7813: international, integrated circuit, no restrictions

# Kernel 2 has no terminal transaction qualifiers; its terminals send risk management data, country
# and type, which tell the card where it is and whether the terminal can go online at all.
_PDOL_KERNEL_2 = bytes.fromhex("9F1D08 9F1A02 9F3501")
# The other kernels send their qualifiers (9F66) first; Book A, 5.7, and the kernels' own books.
_PDOL_OTHERS = bytes.fromhex("9F6604 9F0206 9F1A02 5F2A02 9A03 9C01 9F3704 9F3501")
_KERNEL_2 = 2

# Book 2, 8.1.1's recommended minimum, then the terminal's type and the CVM results.
_CDOL1 = bytes.fromhex("9F0206 9F0306 9F1A02 9505 5F2A02 9A03 9C01 9F3704 9F3501 9F3403")
# ARPC (8) and response code (2) by method 1, ARPC (4) and status update (4) by method 2.
_CDOL2_BY_METHOD = {
    1: bytes.fromhex("910A 8A02 9505 9F3704"),
    2: bytes.fromhex("9108 8A02 9505 9F3704"),
}


def profile_of(
    scheme: Scheme,
    *,
    card_ref: bytes,
    par: str,
    priority: int,
    language: str,
    issuer_country: str,
    currency: str,
    no_cvm: NoCvm = NEVER,
) -> CardProfile:
    """The profile of one card of a network; country and currency are numeric (3 digits).

    Raises EncodeError if a value does not fit, and if the network has no token range.
    """
    if not scheme.token_bins:
        raise EncodeError(f"{scheme.title} has no token range", field="token_bin")
    return CardProfile(
        card_ref=card_ref,
        aid=scheme.aid,
        label=scheme.label,
        priority=priority,
        kernel_id=scheme.kernel_id,
        language=language,
        issuer_country=issuer_country,
        currency=currency,
        token_bin=scheme.token_bins[0],
        token_requestor_id=scheme.token_requestor_id,
        par=par,
        service_code=_SERVICE_CODE,
        cryptogram=scheme.cryptogram,
        pdol=_PDOL_KERNEL_2 if scheme.kernel_id == _KERNEL_2 else _PDOL_OTHERS,
        cdol1=_CDOL1,
        cdol2=_CDOL2_BY_METHOD[scheme.cryptogram.arpc_method],
        cvm_list=_CVM_LIST,
        aip=_AIP_KERNEL_2 if scheme.kernel_id == _KERNEL_2 else _AIP_OTHERS,
        usage_control=_USAGE_CONTROL,
        application_version=scheme.application_version,
        action_code_default=_ACTION_CODE_DEFAULT,
        action_code_denial=_ACTION_CODE_DENIAL,
        action_code_online=_ACTION_CODE_ONLINE,
        no_cvm=no_cvm,
    )
