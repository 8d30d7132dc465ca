"""One debit in the chip: the card, batch and credential it runs on, and what it answers from them.

A debit with a certificate for its number signs its cryptogram; one without says so in its AIP and
names no certificates in its file locator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv import tags
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.card_records import (
    PLAIN_FILES,
    SIGNED_FILES,
    IssuerKey,
    debit_records,
    in_template,
    interchange_profile,
    key_records,
)
from zheton.core.emv.certificates import Certificate, remainder_of
from zheton.core.emv.perso import BatchHeader, Credential
from zheton.core.emv.tlv import encode, encode_all
from zheton.roles.element.chip import Window


@dataclass(frozen=True, slots=True)
class Signing:
    """What a debit signs with: the chip's key, and the certificates by which a terminal trusts."""

    key: PrivateKey
    issuer: IssuerKey
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Debit:
    """What one debit runs on, from GET PROCESSING OPTIONS to the last GENERATE AC.

    `pdol_values` is what the terminal answered to the PDOL; `relay` what EXCHANGE RELAY RESISTANCE
    DATA came to last: the terminal's number and the chip's answer.
    """

    profile: CardProfile
    header: BatchHeader
    credential: Credential
    window: Window
    pdol_values: bytes = b""
    signing: Signing | None = field(default=None, repr=False)
    relay: bytes = b""

    @property
    def interchange_profile(self) -> bytes:
        """The AIP (82) of this debit."""
        return interchange_profile(self.profile, signs=self.signing is not None)

    @property
    def file_locator(self) -> bytes:
        """The AFL (94) of this debit."""
        return PLAIN_FILES if self.signing is None else SIGNED_FILES

    @property
    def files(self) -> frozenset[int]:
        """The files (SFI) that there are."""
        return frozenset(entry >> 3 for entry in self.file_locator[::4])

    @property
    def processing_options(self) -> bytes:
        """The answer to GET PROCESSING OPTIONS, format 2 (Book 3, 6.5.8.4)."""
        return encode(
            tags.RESPONSE_FORMAT_2,
            encode_all(
                (
                    (tags.APPLICATION_INTERCHANGE_PROFILE, self.interchange_profile),
                    (tags.APPLICATION_FILE_LOCATOR, self.file_locator),
                )
            ),
        )

    def records(self) -> Mapping[tuple[int, int], bytes]:
        """The records by file (SFI) and number, each in its template 70."""
        contents = dict(debit_records(self.profile, self.header, self.credential.number))
        if self.signing is not None:
            key, signature = self.signing.key.public, self.signing.certificate
            certificate = Certificate(signature, remainder_of(key, signature))
            contents |= key_records(self.signing.issuer, key, certificate)
        return {place: in_template(objects) for place, objects in contents.items()}
