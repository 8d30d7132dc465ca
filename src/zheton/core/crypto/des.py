"""Triple DES on whole blocks of 8 bytes (NIST SP 800-67), with keys of one, two or three parts."""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from zheton.core.errors import EncodeError

BLOCK_BYTES = 8

_Mode = modes.ECB | modes.CBC
# The standards chain for themselves or encipher single blocks, so ECB is the primitive they need.
_ECB = modes.ECB()  # noqa: S305
_ODD_PARITY = bytes(
    byte if byte.bit_count() % 2 else byte ^ 1 for byte in range(256)
)  # the lowest bit of each byte of a DES key is its parity


def encrypt_ecb(key: bytes, data: bytes) -> bytes:
    """Each block under a key of 8, 16 or 24 bytes; EncodeError on other keys or cut blocks."""
    return _cipher(key, _ECB, data).encryptor().update(data)


def decrypt_ecb(key: bytes, data: bytes) -> bytes:
    """The reverse of `encrypt_ecb`."""
    return _cipher(key, _ECB, data).decryptor().update(data)


def encrypt_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Blocks chained from an initial vector of 8 bytes, nothing padded."""
    return _cipher(key, modes.CBC(_whole_iv(iv)), data).encryptor().update(data)


def decrypt_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """The reverse of `encrypt_cbc`."""
    return _cipher(key, modes.CBC(_whole_iv(iv)), data).decryptor().update(data)


def odd_parity(key: bytes) -> bytes:
    """The same key with the lowest bit of each byte set for odd parity.

    >>> odd_parity(bytes.fromhex("00FF10")).hex()
    '01fe10'
    """
    return key.translate(_ODD_PARITY)


def _cipher(key: bytes, mode: _Mode, data: bytes) -> Cipher[_Mode]:
    if len(data) % BLOCK_BYTES:
        raise EncodeError("the data are not whole blocks of 8 bytes", field="DES data")
    return Cipher(TripleDES(_three_parts(key)), mode)


def _three_parts(key: bytes) -> bytes:
    """The key as K1 K2 K3: K1 K1 K1 is single DES, K1 K2 K1 the two-key form of EMV."""
    match len(key):
        case 8:
            return key * 3
        case 16:
            return key + key[:8]
        case 24:
            return key
        case _:
            raise EncodeError("a DES key has 8, 16 or 24 bytes", field="DES key")


def _whole_iv(iv: bytes) -> bytes:
    if len(iv) != BLOCK_BYTES:
        raise EncodeError("the initial vector has 8 bytes", field="DES IV")
    return iv
