"""Public keys that a terminal comes to trust: certification authority, issuer, card (Book 2, 6).

The authority signs the issuer's key, the issuer the card's together with its number and the data
that the card must not be able to change. A certificate is made and recovered here; whether an
authority is known, or a certificate is of today, is the terminal's to ask.
"""

from dataclasses import dataclass

from zheton.core.crypto.rsa import PrivateKey, PublicKey
from zheton.core.emv import recovery
from zheton.core.errors import EncodeError, VerificationError

ISSUER_CERTIFICATE, ICC_CERTIFICATE = 0x02, 0x04
_IDENTIFIER_BYTES = {ISSUER_CERTIFICATE: 4, ICC_CERTIFICATE: 10}
_PAD, _FILL = b"\xbb", "f"
_DATE_BYTES, _SERIAL_BYTES, _LENGTHS = 2, 3, 4


@dataclass(frozen=True, slots=True)
class CertificateText:
    """What a certificate says beside the key.

    `identifier` is the beginning of card numbers (3 to 8 digits) for an issuer, the whole number
    for a card; `expiry` is MMYY, the last month in which it holds; `serial` has 3 bytes.
    """

    identifier: str
    expiry: str
    serial: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signed key (90 or 9F46), and what of the key did not fit into it (92 or 9F48)."""

    signature: bytes
    remainder: bytes


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A key that a certificate vouches for."""

    text: CertificateText
    key: PublicKey


def certify(
    form: int,
    signer: PrivateKey,
    text: CertificateText,
    key: PublicKey,
    blinding: bytes,
    *,
    static: bytes = b"",
) -> Certificate:
    """The certificate of a key (Book 2, tables 2 and 14; Book 2, 6.3 and 6.4).

    `static` are the static data to be authenticated, for a card. `blinding` is as many random
    bytes as the signer's modulus has. EncodeError if something does not fit.
    """
    head = _head(form, text, key)
    room = signer.public.size - recovery.OVERHEAD_BYTES - len(head)
    modulus = key.modulus_bytes
    fitting, remainder = modulus[:room].ljust(room, _PAD), modulus[room:]
    rest = remainder + key.exponent_bytes + static
    return Certificate(recovery.sign(signer, head + fitting, rest, blinding), remainder)


def remainder_of(key: PublicKey, signature: bytes) -> bytes:
    """What of a card's key is left outside a certificate of this length (9F48; Book 2, 6.4)."""
    head = 1 + _IDENTIFIER_BYTES[ICC_CERTIFICATE] + _DATE_BYTES + _SERIAL_BYTES + _LENGTHS
    return key.modulus_bytes[len(signature) - recovery.OVERHEAD_BYTES - head :]


def certified(
    form: int,
    authority: PublicKey,
    certificate: Certificate,
    exponent: bytes,
    *,
    static: bytes = b"",
) -> CertifiedKey:
    """The key in a certificate (Book 2, 5.3, 6.3, 6.4); `exponent` is 9F32 or 9F47.

    VerificationError if it is not signed by this authority over all of this.
    """
    rest = certificate.remainder + exponent + static
    first = recovery.recover(authority, certificate.signature, form, rest)
    at = 1 + _IDENTIFIER_BYTES[form]
    identifier = first[1:at].hex().rstrip(_FILL)
    expiry = first[at : at + _DATE_BYTES].hex()
    at += _DATE_BYTES
    serial = first[at : at + _SERIAL_BYTES]
    at += _SERIAL_BYTES
    hashing, algorithm, key_bytes, exponent_bytes = first[at : at + _LENGTHS]
    modulus = _modulus(first[at + _LENGTHS :], certificate.remainder, key_bytes)
    known = (hashing, algorithm) == (recovery.SHA_1, recovery.RSA)
    if not known or exponent_bytes != len(exponent) or modulus is None:
        raise VerificationError("The certificate does not verify.")
    try:
        key = PublicKey(int.from_bytes(modulus), int.from_bytes(exponent))
        text = CertificateText(identifier, expiry, serial)
        _check(form, text)
    except EncodeError:
        raise VerificationError("The certificate does not verify.") from None
    if key.size != key_bytes:
        raise VerificationError("The certificate does not verify.")
    return CertifiedKey(text, key)


def _head(form: int, text: CertificateText, key: PublicKey) -> bytes:
    _check(form, text)
    identifier = text.identifier.ljust(2 * _IDENTIFIER_BYTES[form], _FILL)
    lengths = (recovery.SHA_1, recovery.RSA, key.size, len(key.exponent_bytes))
    return (
        bytes((form,))
        + bytes.fromhex(identifier)
        + bytes.fromhex(text.expiry)
        + text.serial
        + bytes(lengths)
    )


def _check(form: int, text: CertificateText) -> None:
    digits = range(3, 9) if form == ISSUER_CERTIFICATE else range(12, 20)
    written = text.identifier + text.expiry
    if (
        len(text.identifier) not in digits
        or not (written.isascii() and written.isdigit())
        or len(text.expiry) != 2 * _DATE_BYTES
        or not "01" <= text.expiry[:2] <= "12"
        or len(text.serial) != _SERIAL_BYTES
    ):
        raise EncodeError("a digit, date or length of it is wrong", field="certificate")


def _modulus(fitting: bytes, remainder: bytes, key_bytes: int) -> bytes | None:
    """The modulus out of its two parts; None if they do not make one of that length."""
    if key_bytes > len(fitting):
        whole = fitting + remainder
        return whole if len(whole) == key_bytes else None
    padded = fitting[key_bytes:] == _PAD * (len(fitting) - key_bytes)
    return fitting[:key_bytes] if padded and not remainder else None
