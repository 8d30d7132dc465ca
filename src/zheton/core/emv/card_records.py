"""The records of a debit (EMV Book 3, 7.1): what a reader reads, and what the issuer certifies.

The chip answers READ RECORD from here, and the token service certifies the same bytes ahead
(Book 2, 6.4), so both come from one place. A card that signs its cryptograms has a third file, and
marks the second as static data to be authenticated.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zheton.core.crypto.rsa import PublicKey
from zheton.core.emv import tags, tlv
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.certificates import Certificate
from zheton.core.emv.perso import BatchHeader
from zheton.core.emv.tlv import encode, encode_all
from zheton.core.errors import DecodeError

# One entry a file: SFI in b8-b4, first and last record, records signed (Book 3, 10.2).
PLAIN_FILES = bytes.fromhex("08010100 10010200")
SIGNED_FILES = bytes.fromhex("08010100 10010202 18010300")
COMBINED_AUTHENTICATION = 0x01  # AIP, byte 1, b1

# 5F20 has 2 signs at least; this is a name left empty, as contactless cards show it (ISO/IEC 7813).
_CARDHOLDER_NAME = b" /"
_Objects = tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """The issuer's key as its authority certified it, for every card of a token range."""

    authority_index: int
    certificate: Certificate
    exponent: bytes

    def encode(self) -> bytes:
        """The data objects 8F, 90, 9F32 and, where something did not fit, 92."""
        remainder = self.certificate.remainder
        return encode_all(
            (
                (tags.CA_PUBLIC_KEY_INDEX, bytes((self.authority_index,))),
                (tags.ISSUER_PUBLIC_KEY_CERTIFICATE, self.certificate.signature),
                (tags.ISSUER_PUBLIC_KEY_EXPONENT, self.exponent),
                *(((tags.ISSUER_PUBLIC_KEY_REMAINDER, remainder),) if remainder else ()),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> "IssuerKey":
        """The key in these data objects; DecodeError if one is missing or wrong."""
        values = tlv.flat(data)
        index = values.get(tags.CA_PUBLIC_KEY_INDEX, b"")
        signature = values.get(tags.ISSUER_PUBLIC_KEY_CERTIFICATE, b"")
        exponent = values.get(tags.ISSUER_PUBLIC_KEY_EXPONENT, b"")
        if len(index) != 1 or not signature or len(exponent) not in (1, 3):
            raise DecodeError("a part of it is missing or wrong", field="issuer key", offset=0)
        remainder = values.get(tags.ISSUER_PUBLIC_KEY_REMAINDER, b"")
        return cls(index[0], Certificate(signature, remainder), exponent)


def interchange_profile(profile: CardProfile, *, signs: bool) -> bytes:
    """The AIP (82): the card's own, and CDA in it only where this debit has a certificate."""
    first, second = profile.aip
    combined = COMBINED_AUTHENTICATION if signs else 0
    return bytes((first & ~COMBINED_AUTHENTICATION | combined, second))


def static_data(profile: CardProfile, header: BatchHeader, number: str) -> bytes:
    """What the issuer certifies beside the card's key: the second file's records, and the AIP."""
    records = debit_records(profile, header, number)
    signed = b"".join(encode_all(records[2, place]) for place in (1, 2))
    return signed + interchange_profile(profile, signs=True)


def key_records(
    issuer: IssuerKey, key: PublicKey, certificate: Certificate
) -> Mapping[tuple[int, int], _Objects]:
    """The third file: the issuer's key, what goes with both keys, and the card's certificate."""
    issuer_rest, card_rest = issuer.certificate.remainder, certificate.remainder
    return {
        (3, 1): ((tags.ISSUER_PUBLIC_KEY_CERTIFICATE, issuer.certificate.signature),),
        (3, 2): (
            (tags.CA_PUBLIC_KEY_INDEX, bytes((issuer.authority_index,))),
            (tags.ISSUER_PUBLIC_KEY_EXPONENT, issuer.exponent),
            *(((tags.ISSUER_PUBLIC_KEY_REMAINDER, issuer_rest),) if issuer_rest else ()),
            (tags.ICC_PUBLIC_KEY_EXPONENT, key.exponent_bytes),
            *(((tags.ICC_PUBLIC_KEY_REMAINDER, card_rest),) if card_rest else ()),
            (
                tags.STATIC_DATA_AUTHENTICATION_TAG_LIST,
                bytes((tags.APPLICATION_INTERCHANGE_PROFILE,)),
            ),
        ),
        (3, 3): ((tags.ICC_PUBLIC_KEY_CERTIFICATE, certificate.signature),),
    }


def debit_records(
    profile: CardProfile, header: BatchHeader, number: str
) -> Mapping[tuple[int, int], _Objects]:
    """The data objects of the first two files, by file (SFI) and record, for one number."""
    track = _track_2(number, header.expiry[:4], profile.service_code)
    return {
        (1, 1): (
            (tags.TRACK_2_EQUIVALENT_DATA, track),
            (tags.CARDHOLDER_NAME, _CARDHOLDER_NAME),
        ),
        (2, 1): (
            (tags.PAN, bytes.fromhex(number)),
            (tags.APPLICATION_EXPIRATION_DATE, bytes.fromhex(header.expiry)),
            (tags.APPLICATION_EFFECTIVE_DATE, bytes.fromhex(header.effective)),
            (tags.ISSUER_COUNTRY_CODE, _numeric(profile.issuer_country)),
            (tags.PAN_SEQUENCE_NUMBER, bytes.fromhex(f"{header.pan_sequence_number:02d}")),
            (tags.APPLICATION_USAGE_CONTROL, profile.usage_control),
            (tags.APPLICATION_VERSION_NUMBER_CARD, profile.application_version),
            (tags.APPLICATION_CURRENCY_CODE, _numeric(profile.currency)),
            (tags.TOKEN_REQUESTOR_ID, _numeric(profile.token_requestor_id)),
            (tags.PAYMENT_ACCOUNT_REFERENCE, profile.par.encode("ascii")),
        ),
        (2, 2): (
            (tags.CDOL1, profile.cdol1),
            (tags.CDOL2, profile.cdol2),
            (tags.CVM_LIST, profile.cvm_list),
            (tags.ISSUER_ACTION_CODE_DEFAULT, profile.action_code_default),
            (tags.ISSUER_ACTION_CODE_DENIAL, profile.action_code_denial),
            (tags.ISSUER_ACTION_CODE_ONLINE, profile.action_code_online),
        ),
    }


def in_template(objects: _Objects) -> bytes:
    """A record as it is read: its data objects in a template 70."""
    return encode(tags.RECORD_TEMPLATE, encode_all(objects))


def _numeric(digits: str) -> bytes:
    """An odd count of digits, right-justified (Book 3, 4.3: format n)."""
    return bytes.fromhex("0" + digits)


def _track_2(number: str, expiry: str, service_code: str) -> bytes:
    """Track 2 equivalent data without discretionary data (Book 3, annex A), padded with F."""
    digits = f"{number}D{expiry}{service_code}"
    return bytes.fromhex(digits + "F" * (len(digits) % 2))
