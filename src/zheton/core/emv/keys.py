"""Key derivation of EMV Book 2, annex A1: issuer master key, ICC master key, session key.

Two ciphers: Triple DES with keys of 16 bytes, and AES with keys of 16 bytes.
"""

from collections.abc import Callable

from zheton.core.crypto import aes, des
from zheton.core.crypto.digest import sha1
from zheton.core.errors import EncodeError
from zheton.core.scheme import Cipher

KEY_BYTES = 16
_PAN_DIGITS_OPTION_A_MAX = 16
_PAN_DIGITS_MAX = 19
_DECIMALISED = str.maketrans("abcdef", "012345")
_COMPLEMENT = (1 << 64) - 1


def icc_master_key(cipher: Cipher, issuer_master_key: bytes, pan_digits: str, psn: int) -> bytes:
    """The key of one card number: 16 bytes, with odd parity for Triple DES.

    Triple DES takes option A for numbers of up to 16 digits and option B for longer ones (A1.4.1,
    A1.4.2); AES takes option C (A1.4.3). `psn` is the PAN sequence number, 0 to 99. Raises
    EncodeError on a number, sequence number or key that does not fit; it never names the number.
    """
    _check_key(issuer_master_key)
    ecb = aes.encrypt_ecb if cipher == "aes" else des.encrypt_ecb
    return derive_icc_master_key(
        cipher, lambda blocks: ecb(issuer_master_key, blocks), pan_digits, psn
    )


def derive_icc_master_key(
    cipher: Cipher, encrypt_ecb: Callable[[bytes], bytes], pan_digits: str, psn: int
) -> bytes:
    """The same, from an issuer master key that only enciphers whole blocks (ECB), as a token's."""
    if not (pan_digits.isascii() and pan_digits.isdigit() and len(pan_digits) <= _PAN_DIGITS_MAX):
        raise EncodeError(f"it has 1 to {_PAN_DIGITS_MAX} decimal digits", field="PAN")
    if not 0 <= psn <= 99:
        raise EncodeError("it lies between 0 and 99", field="PAN sequence number")
    digits = f"{pan_digits}{psn:02d}"
    if cipher == "aes":
        return encrypt_ecb(bytes.fromhex(digits.rjust(32, "0")))
    long = len(pan_digits) > _PAN_DIGITS_OPTION_A_MAX
    block = int(_decimalised_hash(digits) if long else digits[-16:], 16)
    halves = block.to_bytes(8) + (block ^ _COMPLEMENT).to_bytes(8)
    return des.odd_parity(encrypt_ecb(halves))


def session_key(cipher: Cipher, icc_master_key: bytes, atc: int) -> bytes:
    """The key of one transaction of a card, for application cryptograms (A1.3.1): 16 bytes.

    `atc` is the application transaction counter, 0 to 65535. Raises EncodeError if it does not fit.
    """
    _check_key(icc_master_key)
    if not 0 <= atc <= 0xFFFF:
        raise EncodeError("it lies between 0 and 65535", field="Application Transaction Counter")
    return derive_session_key(cipher, icc_master_key, atc.to_bytes(2).ljust(8, b"\0"))


def derive_session_key(cipher: Cipher, master_key: bytes, diversification: bytes) -> bytes:
    """The common session key of 8 bytes of diversification data R (A1.3.1).

    For cryptograms R is the ATC and zeros; secure messaging takes the cryptogram itself as R.
    """
    _check_key(master_key)
    if len(diversification) != 8:
        raise EncodeError("it has 8 bytes", field="diversification data")
    if cipher == "aes":
        return aes.encrypt_ecb(master_key, diversification.ljust(aes.BLOCK_BYTES, b"\0"))
    head, tail = diversification[:2], diversification[3:]
    halves = head + b"\xf0" + tail + head + b"\x0f" + tail
    return des.odd_parity(des.encrypt_ecb(master_key, halves))


def _decimalised_hash(digits: str) -> str:
    """16 digits of the SHA-1 of PAN and PSN: its decimal digits, then A to F as 0 to 5 (A1.4.2)."""
    packed = bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))
    hashed = sha1(packed).hex()
    decimal = "".join(nibble for nibble in hashed if nibble.isdigit())
    letters = "".join(nibble for nibble in hashed if not nibble.isdigit())
    return (decimal + letters.translate(_DECIMALISED))[:16]


def _check_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise EncodeError(f"it has {KEY_BYTES} bytes", field="master key")
