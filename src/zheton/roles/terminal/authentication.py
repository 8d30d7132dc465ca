"""Offline data authentication by CDA: is this the card its issuer made (EMV Book 2, 6; Book C-2)?

Before the cryptogram the terminal comes by the card's key: authority, issuer, card. With the
cryptogram the card signs what it answers. Static and dynamic authentication alone are not offered:
they say nothing of the cryptogram. Every debit goes online all the same; a card that fails what it
promised does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from zheton.core.crypto.rsa import PublicKey
from zheton.core.emv import combined, tags
from zheton.core.emv.certificates import (
    ICC_CERTIFICATE,
    ISSUER_CERTIFICATE,
    Certificate,
    CertificateText,
    certified,
)
from zheton.core.errors import VerificationError
from zheton.roles.terminal.application import CardData, Profile
from zheton.roles.terminal.state import Authority, Setup
from zheton.roles.terminal.tvr import Tvr

_CDA = 0x08  # 9F33, byte 3, b4 (Book 4, annex A2)
_RID_BYTES = 5
_OF_A_CARD = (
    tags.CA_PUBLIC_KEY_INDEX,
    tags.ISSUER_PUBLIC_KEY_CERTIFICATE,
    tags.ISSUER_PUBLIC_KEY_EXPONENT,
    tags.ICC_PUBLIC_KEY_CERTIFICATE,
    tags.ICC_PUBLIC_KEY_EXPONENT,
)
_AIP_ONLY = bytes((tags.APPLICATION_INTERCHANGE_PROFILE,))
_FAILED = Tvr.CDA_FAILED


@dataclass(frozen=True, slots=True)
class Trust:
    """The card's key if the card is to sign its answer, and what the TVR says by now."""

    key: PublicKey | None
    tvr: Tvr


def establish(card: CardData, profile: Profile, setup: Setup) -> Trust:
    """The card's key by its certificates (Book 2, 6.1 to 6.4), where both sides do CDA."""
    able = setup.config.capabilities[2] & _CDA and setup.config.authorities
    if not able or not profile.combined_authentication:
        return Trust(None, Tvr.ODA_NOT_PERFORMED)
    if any(tag not in card.data for tag in _OF_A_CARD):
        return Trust(None, _FAILED | Tvr.ICC_DATA_MISSING)
    try:
        return Trust(_card_key(card, setup), Tvr.NONE)
    except VerificationError:
        return Trust(None, _FAILED)


def signed_cryptogram(
    key: PublicKey,
    response: Sequence[tuple[int, bytes]],
    requests: Sequence[bytes],
    setup: Setup,
    relay: bytes,
) -> bytes | None:
    """The cryptogram in a signed answer to GENERATE AC; None if the card did not sign all of it.

    `requests` are the values that answered PDOL and CDOL1, `relay` the figures of relay
    resistance, empty where it was not done.
    """
    number = setup.transaction.unpredictable_number
    try:
        data = combined.verify(key, response, requests, number)
    except VerificationError:
        return None
    return data.cryptogram if data.relay == relay else None


def _card_key(card: CardData, setup: Setup) -> PublicKey:
    data, day = card.data, setup.transaction.day
    authority = _authority(setup, data[tags.CA_PUBLIC_KEY_INDEX])
    issuer = certified(
        ISSUER_CERTIFICATE,
        authority.key,
        _certificate(data, tags.ISSUER_PUBLIC_KEY_CERTIFICATE, tags.ISSUER_PUBLIC_KEY_REMAINDER),
        data[tags.ISSUER_PUBLIC_KEY_EXPONENT],
    )
    number = data[tags.PAN].hex().rstrip("f")
    _hold(number.startswith(issuer.text.identifier) and _lasts(issuer.text, day))
    icc = certified(
        ICC_CERTIFICATE,
        issuer.key,
        _certificate(data, tags.ICC_PUBLIC_KEY_CERTIFICATE, tags.ICC_PUBLIC_KEY_REMAINDER),
        data[tags.ICC_PUBLIC_KEY_EXPONENT],
        static=_static(card),
    )
    _hold(icc.text.identifier == number and _lasts(icc.text, day))
    return icc.key


def _authority(setup: Setup, index: bytes) -> Authority:
    """The authority's key by RID and index, while it lasts (Book 2, 5.2)."""
    rid, day = setup.combination.aid[:_RID_BYTES], setup.transaction.day
    for each in setup.config.authorities:
        if (each.rid, bytes((each.index,))) == (rid, index) and day <= each.until:
            return each
    raise VerificationError("No authority of this till vouches for the card.")


def _certificate(data: Mapping[int, bytes], signature: int, remainder: int) -> Certificate:
    return Certificate(data[signature], data.get(remainder, b""))


def _static(card: CardData) -> bytes:
    """The static data to be authenticated (Book 3, 10.3): marked records, then AIP if listed."""
    listed = card.data.get(tags.STATIC_DATA_AUTHENTICATION_TAG_LIST)
    if listed is None:
        return card.static
    _hold(listed == _AIP_ONLY)
    return card.static + card.data[tags.APPLICATION_INTERCHANGE_PROFILE]


def _lasts(text: CertificateText, day: date) -> bool:
    """Whether the last month of a certificate is not over; its century is that of the day."""
    return f"{day:%y%m}" <= text.expiry[2:] + text.expiry[:2]


def _hold(holds: bool) -> None:
    if not holds:
        raise VerificationError("The certificate is not of this card, or not of today.")
