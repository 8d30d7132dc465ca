"""A device's certificate: which chip it is and what kind of device it sits in, said by its maker.

It has the form of a card verifiable certificate (ISO/IEC 7816-8, annex B) of some 280 bytes, and
is signed with Ed25519. It never expires, as a chip can't get another one
(IEEE 802.1AR, 8.6); whoever trusts a maker no more forgets its key.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from zheton.core.crypto import ed25519
from zheton.core.crypto.rsa import PublicKey
from zheton.core.emv import tlv
from zheton.core.emv.tlv import encode, encode_all
from zheton.core.errors import DecodeError, EncodeError, VerificationError

CARDHOLDER_CERTIFICATE = 0x7F21
_BODY, _SIGNATURE = 0x7F4E, 0x5F37
_PROFILE_IDENTIFIER, _AUTHORITY_REFERENCE, _HOLDER_REFERENCE = 0x5F29, 0x42, 0x5F20
_PUBLIC_KEY, _MODULUS, _EXPONENT = 0x7F49, 0x81, 0x82
_HOLDER_TEMPLATE, _DEVICE_CLASS, _DEVICE_PROFILE = 0x7F4C, 0x80, 0x81
_VERSION = b"\x00"
_REFERENCE_BYTES = 8
SERIAL_BYTES = 10
NAME_CHARACTERS_MAX = 32
_UNTRUSTED = "This device has no certificate of a maker that is known here; it is not taken."


@dataclass(frozen=True, slots=True)
class CertifiedDevice:
    """What a maker says of a device: its chip's serial number (10 bytes) and key, and its kind."""

    serial: bytes
    key: PublicKey
    device_class: str
    profile: str

    def __post_init__(self) -> None:
        names = (self.device_class, self.profile)
        named = all(0 < len(each) <= NAME_CHARACTERS_MAX and each.isascii() for each in names)
        if len(self.serial) != SERIAL_BYTES or not named:
            raise EncodeError("its serial number or a name does not fit", field="certificate")


def authority_reference(authority: bytes) -> bytes:
    """By what a certificate names the maker's key that signed it: 8 bytes of its SHA-256."""
    return hashlib.sha256(authority).digest()[:_REFERENCE_BYTES]


def certify_device(seed: bytes, device: CertifiedDevice) -> bytes:
    """The certificate of a device, signed by the maker's key of this seed (Ed25519)."""
    key, kind = device.key, (device.device_class, device.profile)
    holder = zip((_DEVICE_CLASS, _DEVICE_PROFILE), (each.encode() for each in kind), strict=True)
    body = encode(
        _BODY,
        encode_all(
            (
                (_PROFILE_IDENTIFIER, _VERSION),
                (_AUTHORITY_REFERENCE, authority_reference(ed25519.public_key(seed))),
                (
                    _PUBLIC_KEY,
                    encode_all(((_MODULUS, key.modulus_bytes), (_EXPONENT, key.exponent_bytes))),
                ),
                (_HOLDER_REFERENCE, device.serial),
                (_HOLDER_TEMPLATE, encode_all(holder)),
            )
        ),
    )
    return encode(CARDHOLDER_CERTIFICATE, body + encode(_SIGNATURE, ed25519.sign(seed, body)))


def certified_device(authorities: Iterable[bytes], certificate: bytes) -> CertifiedDevice:
    """What a certificate says, once one of these makers' keys is found to have signed it.

    VerificationError for any other one; it does not tell what was wrong with it.
    """
    try:
        values, body, signature = _parts(certificate)
        by_reference = {authority_reference(each): each for each in authorities}
        authority = by_reference.get(values.get(_AUTHORITY_REFERENCE, b""))
        if authority is None or values.get(_PROFILE_IDENTIFIER) != _VERSION:
            raise VerificationError(_UNTRUSTED)
        ed25519.verify(authority, body, signature)
        return _device(body)
    except (DecodeError, EncodeError, VerificationError):
        raise VerificationError(_UNTRUSTED) from None


def _parts(certificate: bytes) -> tuple[dict[int, bytes], bytes, bytes]:
    """The values of a certificate's body by tag, the signed bytes, and the signature."""
    whole = tlv.decode(certificate)
    children = whole[0].children if len(whole) == 1 else ()
    if len(children) != 2 or (children[0].tag, children[1].tag) != (_BODY, _SIGNATURE):
        raise DecodeError("its form is unknown", field="device certificate", offset=0)
    body, signature = encode(_BODY, children[0].value), encode(_SIGNATURE, children[1].value)
    if certificate != encode(CARDHOLDER_CERTIFICATE, body + signature):
        raise DecodeError("it is not in its one form", field="device certificate", offset=0)
    return {each.tag: each.value for each in children[0].children}, body, children[1].value


def _device(body: bytes) -> CertifiedDevice:
    """The device of a body whose signature was right."""
    modulus = tlv.find(body, _BODY, _PUBLIC_KEY, _MODULUS) or b""
    exponent = tlv.find(body, _BODY, _PUBLIC_KEY, _EXPONENT) or b""
    serial = tlv.find(body, _BODY, _HOLDER_REFERENCE) or b""
    device_class = tlv.find(body, _BODY, _HOLDER_TEMPLATE, _DEVICE_CLASS) or b""
    profile = tlv.find(body, _BODY, _HOLDER_TEMPLATE, _DEVICE_PROFILE) or b""
    key = PublicKey(int.from_bytes(modulus), int.from_bytes(exponent))
    try:
        return CertifiedDevice(serial, key, device_class.decode("ascii"), profile.decode("ascii"))
    except UnicodeDecodeError:
        raise DecodeError("a name is none", field="device certificate", offset=0) from None
