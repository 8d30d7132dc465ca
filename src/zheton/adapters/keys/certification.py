"""The keys by which terminals come to trust chips: an authority's, and an issuer's for each BIN.

The authority signs each issuer's key once, when it is made, and then is not needed until the next
BIN. Its RSA key, and the issuers', are unwrapped into memory, in a token's ring as well: they vouch
for a chip, and money still takes a cryptogram.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from zheton.adapters.keys.custody import Custody
from zheton.adapters.keys.ring import KeyEntry, Purpose, Ring, context
from zheton.core.crypto import rsa
from zheton.core.crypto.kcv import kcv_public
from zheton.core.crypto.rsa import PrivateKey, PublicKey
from zheton.core.emv.card_records import IssuerKey
from zheton.core.emv.certificates import (
    ICC_CERTIFICATE,
    ISSUER_CERTIFICATE,
    Certificate,
    CertificateText,
    certify,
)

# Of our own: none of the networks' published test keys has it, so no terminal that knows those
# takes one for the other.
AUTHORITY_INDEX = 0xD7
AUTHORITY_YEARS, ISSUER_YEARS = 20, 10
# So that no certificate leaves a remainder: a chip's key has 1152 bits (EMV Book 2, tables 2, 14).
_AUTHORITY_BITS, _ISSUER_BITS = 1984, 1536


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """What terminals have to know: the authority's public key, its index and its last day."""

    index: int
    key: PublicKey
    until: date


@dataclass(frozen=True, slots=True, repr=False)
class Certifier:
    """An issuer's key for one BIN, and how its authority vouches for it."""

    key: PrivateKey
    issuer: IssuerKey

    def certify(self, text: CertificateText, chip: PublicKey, static: bytes) -> bytes:
        """The certificate (9F46) of a chip's key with a number and its static data."""
        blinding = os.urandom(self.key.public.size)
        return certify(ICC_CERTIFICATE, self.key, text, chip, blinding, static=static).signature


def with_certification(ring: Ring, custody: Custody, day: str) -> Ring:
    """A ring in which every BIN has a certified key; the same ring if none is missing."""
    missing = [
        e.bin for e in ring.of_purpose(Purpose.FF1) if not ring.of(Purpose.CERTIFICATE, e.bin)
    ]
    if not missing:
        return ring
    if not ring.of(Purpose.AUTHORITY):
        made = rsa.generate(_AUTHORITY_BITS)
        ring = ring.with_entries(_entry(custody, Purpose.AUTHORITY, "", made, day))
    authority = _unwrapped(ring.of(Purpose.AUTHORITY)[-1], custody)
    for token_bin in missing:
        issuer = rsa.generate(_ISSUER_BITS)
        text = CertificateText(token_bin, f"12{int(day[2:4]) + ISSUER_YEARS:02d}", b"\0\0\1")
        blinding = os.urandom(authority.public.size)
        certificate = certify(ISSUER_CERTIFICATE, authority, text, issuer.public, blinding)
        ring = ring.with_entries(
            _entry(custody, Purpose.CERTIFICATE, token_bin, issuer, day, certificate.signature)
        )
    return ring


def authority_of(ring: Ring) -> AuthorityKey | None:
    """The authority of a ring, if it has one; its private key stays closed."""
    entries = ring.of(Purpose.AUTHORITY)
    if not entries:
        return None
    newest = entries[-1]
    until = date(int(newest.created[:4]) + AUTHORITY_YEARS, 12, 31)
    return AuthorityKey(AUTHORITY_INDEX, _public(newest), until)


def certifiers_of(ring: Ring, custody: Custody) -> Mapping[str, Certifier]:
    """The issuers' keys by BIN."""
    return {
        entry.bin: Certifier(
            _unwrapped(entry, custody),
            IssuerKey(
                AUTHORITY_INDEX,
                Certificate(bytes.fromhex(entry.endorsement), b""),
                _public(entry).exponent_bytes,
            ),
        )
        for entry in ring.of_purpose(Purpose.CERTIFICATE)
    }


def _entry(
    custody: Custody,
    purpose: Purpose,
    token_bin: str,
    key: PrivateKey,
    day: str,
    signature: bytes = b"",
) -> KeyEntry:
    algorithm = f"rsa-{8 * key.public.size}"
    stored = custody.wrap(key.encode(), context(purpose, token_bin, 1, algorithm))
    modulus = key.public.modulus_bytes
    check = kcv_public(modulus).hex().upper()
    return KeyEntry(
        purpose, token_bin, 1, algorithm, day, check, stored, modulus.hex(), signature.hex()
    )


def _unwrapped(entry: KeyEntry, custody: Custody) -> PrivateKey:
    return PrivateKey.decode(custody.unwrap(entry.stored, entry.context))


def _public(entry: KeyEntry) -> PublicKey:
    return PublicKey(int(entry.public, 16))
