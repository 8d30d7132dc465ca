"""The vault's keys in one file of mode 0600, each under its purpose, with its version.

The file is made with fresh keys where there is none. It is not sealed by a passphrase yet, so
it is for laboratories; the operations are those that a PKCS#11 token can offer as well.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from zheton.core.crypto import aes
from zheton.core.crypto.mac import cmac, hmac_sha256
from zheton.core.emv.keys import icc_master_key
from zheton.core.errors import ConfigurationError, VerificationError
from zheton.core.scheme import Cipher
from zheton.core.scp03.keys import StaticKeys
from zheton.core.token.number import TokenRange
from zheton.core.token.pan import Pan

ENVELOPE_ALGORITHMS = ["RSA-OAEP-256", "A256GCM"]
_NONCE_BYTES = 12
_PAR_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAR_CHARACTERS = 25


class FileKeys:
    """The keys of one vault (`roles.tsp.ports.Keys`)."""

    def __init__(self, content: dict[str, Any], entropy_take: Any = os.urandom) -> None:
        self._masters = {
            token_bin: {int(v): bytes.fromhex(key) for v, key in versions.items()}
            for token_bin, versions in content["issuer_master"].items()
        }
        self._ranges = {
            token_bin: TokenRange(token_bin, bytes.fromhex(key))
            for token_bin, key in content["ff1"].items()
        }
        self._data = {int(v): bytes.fromhex(key) for v, key in content["data"].items()}
        self._index = bytes.fromhex(content["index"])
        self._par = bytes.fromhex(content["par"])
        self._code = bytes.fromhex(content["code"])
        self._device = bytes.fromhex(content["device"])
        self._envelope = RSAKey.import_key(content["envelope"])
        self._entropy_take = entropy_take

    def __repr__(self) -> str:
        return f"FileKeys(bins={sorted(self._ranges)})"

    @property
    def token_bins(self) -> tuple[str, ...]:
        """The BINs that have keys."""
        return tuple(self._ranges)

    def token_range(self, token_bin: str) -> TokenRange:
        """The range of a BIN; ConfigurationError if the file has no key for it."""
        if token_bin not in self._ranges:
            raise ConfigurationError(f"The key file has no keys for the token BIN {token_bin}.")
        return self._ranges[token_bin]

    def issuer_key_version(self, token_bin: str) -> int:
        """The newest version of a BIN's issuer master key."""
        return max(self._masters[token_bin])

    def card_key(
        self, cipher: Cipher, token_bin: str, version: int, number: str, sequence: int
    ) -> bytes:
        """The ICC master key of a number (EMV Book 2, A1.4)."""
        return icc_master_key(cipher, self._masters[token_bin][version], number, sequence)

    def seal_pan(self, pan: Pan, bucket: int, card: str) -> tuple[int, bytes]:
        """Key version and nonce with ciphertext (AES-256-GCM), bound to bucket, card, version."""
        version = max(self._data)
        nonce = self._entropy_take(_NONCE_BYTES)
        plain = pan.reveal().encode("ascii")
        sealed = aes.seal(self._data[version], nonce, plain, _row(bucket, card, version))
        return version, nonce + sealed

    def open_pan(self, version: int, sealed: bytes, bucket: int, card: str) -> Pan:
        """The card number again; VerificationError if the ciphertext is not of this row."""
        if version not in self._data or len(sealed) < _NONCE_BYTES:
            raise VerificationError("The sealed card number names a key that is not there.")
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        plain = aes.open_sealed(self._data[version], nonce, body, _row(bucket, card, version))
        return Pan(plain.decode("ascii"))

    def pan_index(self, pan: Pan) -> bytes:
        """HMAC-SHA-256 of the card number: without the key nobody can enumerate it."""
        return hmac_sha256(self._index, pan.reveal().encode("ascii"))

    def par_suffix(self, pan: Pan) -> str:
        """25 characters of 0-9 and A-Z from a MAC of the card number (EMVCo PAR, section 3)."""
        value = int.from_bytes(hmac_sha256(self._par, pan.reveal().encode("ascii")), "big")
        characters = []
        for _ in range(_PAR_CHARACTERS):
            value, digit = divmod(value, len(_PAR_ALPHABET))
            characters.append(_PAR_ALPHABET[digit])
        return "".join(characters)

    def code_mac(self, enrolment: str, code: str) -> bytes:
        """The keyed image of an activation code, bound to its enrolment."""
        return hmac_sha256(self._code, f"{enrolment}:{code}".encode())

    def device_keys(self, serial: str) -> StaticKeys:
        """The payment domain's keys of one chip, derived from its serial number."""
        enc, mac, dek = (
            cmac(self._device, purpose + serial.encode("ascii"))
            for purpose in (b"\x01enc", b"\x02mac", b"\x03dek")
        )
        return StaticKeys(enc, mac, dek)

    def envelope_key(self) -> dict[str, Any]:
        """The public key for envelopes, as a JWK."""
        return dict(self._envelope.as_dict(private=False))

    def envelope_thumbprint(self) -> str:
        """RFC 7638 thumbprint of that key, for clients to pin."""
        return self._envelope.thumbprint()

    def open_envelope(self, jwe_text: str) -> bytes:
        """The content of a JWE encrypted to this vault; VerificationError if it does not open."""
        try:
            opened = jwe.decrypt_compact(jwe_text, self._envelope, algorithms=ENVELOPE_ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise VerificationError(
                "The envelope does not open: it was sealed to another key, or changed on its way."
            ) from error
        return opened.plaintext or b""


def open_key_file(path: Path, token_bins: Sequence[str]) -> FileKeys:
    """The keys in a file, which is made with fresh keys if it is not there.

    ConfigurationError if it can be read by others, or is no key file.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(path, fresh_keys(token_bins))
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        return FileKeys(json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} is no key file of Zheton, or was cut short; restore it from a back-up."
        ) from error


def _write_new(path: Path, keys: dict[str, Any]) -> None:
    """The whole file under its name, or nothing; if another process was first, its file stays."""
    descriptor, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(keys, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(written, path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)  # a name that a power cut takes back would mean other keys next time
        os.close(folder)
    finally:
        Path(written).unlink()


def fresh_keys(token_bins: Sequence[str]) -> dict[str, Any]:
    """New keys for every purpose, as the file keeps them."""
    return {
        "format": 1,
        "issuer_master": {b: {"1": os.urandom(16).hex()} for b in token_bins},
        "ff1": {b: os.urandom(32).hex() for b in token_bins},
        "data": {"1": os.urandom(32).hex()},
        **{purpose: os.urandom(32).hex() for purpose in ("index", "par", "code", "device")},
        "envelope": RSAKey.generate_key(2048, private=True).as_dict(private=True),
    }


def seal_envelope(content: bytes, public_key: dict[str, Any], thumbprint: str) -> str:
    """What an entry form does: a JWE to the vault's key, which has to be the one that is pinned."""
    key = RSAKey.import_key(public_key)
    if key.thumbprint() != thumbprint:
        raise VerificationError("The vault's key is not the one that is pinned; nothing was sent.")
    header = {"alg": ENVELOPE_ALGORITHMS[0], "enc": ENVELOPE_ALGORITHMS[1]}
    return jwe.encrypt_compact(header, content, key, algorithms=ENVELOPE_ALGORITHMS)


def _row(bucket: int, card: str, version: int) -> bytes:
    return f"zheton card {bucket} {card} {version}".encode()
