"""One debit in the chip: the card, batch and credential it runs on, and what the records say.

The records are those of EMV Book 3, 7.1 and of token payments (9F19, 9F24). The file locator names
them all and none for offline data authentication.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zheton.core.emv import tags
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.perso import BatchHeader, Credential
from zheton.core.emv.tlv import encode, encode_all
from zheton.roles.element.chip import Window

# One entry a file: SFI in b8-b4, first and last record, records signed (Book 3, 10.2).
FILE_LOCATOR = bytes.fromhex("08010100 10010200")
FILES: frozenset[int] = frozenset(entry >> 3 for entry in FILE_LOCATOR[::4])

# 5F20 has 2 signs at least; this is a name left empty, as contactless cards show it (ISO/IEC 7813).
_CARDHOLDER_NAME = b" /"


@dataclass(frozen=True, slots=True)
class Debit:
    """What one debit runs on, from GET PROCESSING OPTIONS to the last GENERATE AC."""

    profile: CardProfile
    header: BatchHeader
    credential: Credential
    window: Window

    @property
    def processing_options(self) -> bytes:
        """The answer to GET PROCESSING OPTIONS, format 2 (Book 3, 6.5.8.4)."""
        return encode(
            tags.RESPONSE_FORMAT_2,
            encode_all(
                (
                    (tags.APPLICATION_INTERCHANGE_PROFILE, self.profile.aip),
                    (tags.APPLICATION_FILE_LOCATOR, FILE_LOCATOR),
                )
            ),
        )

    def records(self) -> Mapping[tuple[int, int], bytes]:
        """The records by file (SFI) and number, each in its template 70."""
        profile, header, number = self.profile, self.header, self.credential.number
        track = _track_2(number, header.expiry[:4], profile.service_code)
        contents: dict[tuple[int, int], tuple[tuple[int, bytes], ...]] = {
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
        return {
            place: encode(tags.RECORD_TEMPLATE, encode_all(objects))
            for place, objects in contents.items()
        }


def _numeric(digits: str) -> bytes:
    """An odd count of digits, right-justified (Book 3, 4.3: format n)."""
    return bytes.fromhex("0" + digits)


def _track_2(number: str, expiry: str, service_code: str) -> bytes:
    """Track 2 equivalent data without discretionary data (Book 3, annex A), padded with F."""
    digits = f"{number}D{expiry}{service_code}"
    return bytes.fromhex(digits + "F" * (len(digits) % 2))
