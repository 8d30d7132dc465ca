"""AES with keys of 16, 24 or 32 bytes: whole blocks (ECB, CBC) and sealed messages (GCM)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from zheton.core.errors import EncodeError, VerificationError

BLOCK_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = frozenset((16, 24, 32))
_Mode = modes.ECB | modes.CBC
# The standards chain for themselves or encipher single blocks, so ECB is the primitive they need.
_ECB = modes.ECB()  # noqa: S305


def encrypt_ecb(key: bytes, data: bytes) -> bytes:
    """Each block of 16 bytes under the key; EncodeError on other keys or cut blocks."""
    return _cipher(key, _ECB, data).encryptor().update(data)


def decrypt_ecb(key: bytes, data: bytes) -> bytes:
    """The reverse of `encrypt_ecb`."""
    return _cipher(key, _ECB, data).decryptor().update(data)


def encrypt_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Blocks chained from an initial vector of 16 bytes, nothing padded."""
    return _cipher(key, modes.CBC(_sized(iv, BLOCK_BYTES, "AES IV")), data).encryptor().update(data)


def decrypt_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """The reverse of `encrypt_cbc`."""
    return _cipher(key, modes.CBC(_sized(iv, BLOCK_BYTES, "AES IV")), data).decryptor().update(data)


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """AES-GCM (NIST SP 800-38D): the ciphertext followed by a tag of 16 bytes.

    `associated` is authenticated and not sent. A nonce of 12 bytes must never seal twice under
    the same key: the caller draws or counts it.
    """
    return _gcm(key).encrypt(_sized(nonce, NONCE_BYTES, "GCM nonce"), plaintext, associated)


def open_sealed(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    """The plaintext of what `seal` made; VerificationError if a bit of anything differs."""
    _sized(nonce, NONCE_BYTES, "GCM nonce")
    try:
        return _gcm(key).decrypt(nonce, sealed, associated)
    except InvalidTag:
        raise VerificationError("The sealed data do not open with this key and context.") from None


def checked_key(key: bytes) -> bytes:
    """The key, if it has a length that AES knows; EncodeError if not."""
    if len(key) not in KEY_BYTES:
        raise EncodeError("an AES key has 16, 24 or 32 bytes", field="AES key")
    return key


def _gcm(key: bytes) -> AESGCM:
    return AESGCM(checked_key(key))


def _cipher(key: bytes, mode: _Mode, data: bytes) -> Cipher[_Mode]:
    if len(data) % BLOCK_BYTES:
        raise EncodeError("the data are not whole blocks of 16 bytes", field="AES data")
    return Cipher(AES(checked_key(key)), mode)


def _sized(value: bytes, size: int, field: str) -> bytes:
    if len(value) != size:
        raise EncodeError(f"it has {size} bytes", field=field)
    return value
