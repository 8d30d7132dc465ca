"""The certificates by which a till trusts a chip's signature, one a number (EMV Book 2, 6.4).

A certificate holds the number and so is made for one debit. It costs some milliseconds, so the
first numbers of a batch get theirs with the batch and the others in a package that follows. A
number without one pays online without a signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zheton.core.crypto.rsa import PublicKey
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.card_records import static_data
from zheton.core.emv.certificates import CertificateText
from zheton.core.emv.perso import (
    CARD_CERTIFICATES,
    ISSUER_KEY,
    BatchHeader,
    CardCertificates,
    Dgi,
)
from zheton.core.token.batch import BATCH_SIZE, Batch
from zheton.roles.tsp.ports import Keys

FIRST_CERTIFIED = 16  # a week of paying, and some 60 ms of signing a batch
_SERIAL_BYTES = 3


@dataclass(frozen=True, slots=True)
class Chip:
    """What a chip's certificates are made of: its key, a card on it, and that card's BIN.

    A chip keeps one issuer's key a card, so numbers of another BIN than `bin` are not certified
    while numbers of this one stand.
    """

    key: PublicKey
    profile: CardProfile
    bin: str


def certified_bin(standing: Sequence[Batch]) -> str:
    """The BIN whose numbers are certified: that of the batch that has stood longest."""
    oldest = min(standing, key=lambda batch: (batch.until, batch.bin, batch.batch), default=None)
    return "" if oldest is None else oldest.bin


def issuer_key(keys: Keys, chip: Chip) -> list[Dgi]:
    """The issuer's key for a card's numbers; nothing for a BIN that has none."""
    found = keys.issuer_key(chip.bin)
    return [] if found is None else [Dgi(ISSUER_KEY, chip.profile.card_ref + found.encode())]


def certificates(
    keys: Keys, chip: Chip, header: BatchHeader, batch: Batch, places: Sequence[int]
) -> list[Dgi]:
    """Certificates for places of a batch; nothing where its BIN is not the certified one."""
    if batch.bin != chip.bin or not places or keys.issuer_key(chip.bin) is None:
        return []
    numbers = keys.token_range(batch.bin).numbers(batch.first_index, BATCH_SIZE)
    expiry = batch.expiry[2:] + batch.expiry[:2]
    made = {}
    for place in places:
        serial = (batch.first_index + place) % (1 << 8 * _SERIAL_BYTES)
        text = CertificateText(numbers[place], expiry, serial.to_bytes(_SERIAL_BYTES))
        static = static_data(chip.profile, header, numbers[place])
        made[place] = keys.certify_chip(batch.bin, text, chip.key, static)
    return [Dgi(CARD_CERTIFICATES, CardCertificates(header.batch_ref, made).encode())]


def places_left(batch: Batch) -> list[int]:
    """The places of a batch that got no certificate with it and may still pay."""
    return [at for at in range(FIRST_CERTIFIED, BATCH_SIZE) if not batch.burnt >> at & 1]
