"""Keys in a PKCS#11 token: the key-encryption key and the masters never leave it.

Issuer master keys encipher on the token (Triple DES or AES, ECB: EMV Book 2, A1.4), the device
master key authenticates there (AES-CMAC), the key-encryption key wraps and unwraps there
(AES-256-GCM). All others are unwrapped into this process's memory: FF1 takes ten AES blocks a
number, and a card number is opened at each debit. `python-pkcs11` is imported when a token is
opened.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zheton.adapters.keys.custody import KEY_BYTES, Master, checked_algorithm
from zheton.core.crypto.aes import NONCE_BYTES, TAG_BYTES
from zheton.core.errors import ConfigurationError, UnreachableError, VerificationError

PKCS11 = "pkcs11"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
LABEL = "zheton"
_ID_BYTES = 16


def _library() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise ConfigurationError(
            "Keys in a token need python-pkcs11; run: make pkcs11 (or pip install 'zheton[pkcs11]')"
        ) from error
    return pkcs11


@dataclass(frozen=True, slots=True)
class TokenMaster:
    """A master that stays in the token; the session serves one call at a time."""

    pkcs11: Any = field(repr=False)
    key: Any = field(repr=False)
    mechanism: Any = field(repr=False)
    turn: threading.Lock = field(repr=False)

    def encrypt_ecb(self, blocks: bytes) -> bytes:
        """Whole blocks under the key, on the token."""
        return self._done(self.key.encrypt, blocks)

    def cmac(self, content: bytes) -> bytes:
        """AES-CMAC of 16 bytes, on the token."""
        return self._done(self.key.sign, content)

    def _done(self, work: Callable[..., bytes], content: bytes) -> bytes:
        try:
            with self.turn:
                return work(content, mechanism=self.mechanism)
        except self.pkcs11.PKCS11Error as error:
            raise _silent(error) from None


class TokenCustody:
    """One token, logged in to, and the key-encryption key in it."""

    def __init__(self, session: Any, kek: bytes) -> None:
        self._pkcs11, self._session, self._turn = _library(), session, threading.Lock()
        self._kek = self._found(kek)

    def __repr__(self) -> str:
        return "TokenCustody()"

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Nonce and ciphertext of a key (AES-256-GCM on the token), bound to its context."""
        nonce = os.urandom(NONCE_BYTES)
        try:
            with self._turn:
                return nonce + bytes(self._kek.encrypt(secret, **self._gcm(nonce, context)))
        except self._pkcs11.PKCS11Error as error:
            raise _silent(error) from None

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again; VerificationError if it was wrapped by another key or for another name."""
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        if len(sealed) < TAG_BYTES:
            raise VerificationError("The wrapped key was cut short.")
        try:
            with self._turn:
                return bytes(self._kek.decrypt(sealed, **self._gcm(nonce, context)))
        except self._pkcs11.PKCS11Error:  # tokens tell a wrong tag in different ways
            raise VerificationError("The wrapped key does not open in this token.") from None

    def make_master(self, algorithm: str, _context: bytes) -> bytes:
        """A fresh master in the token; its name there."""
        flags = self._pkcs11.MechanismFlag
        use = flags.SIGN if algorithm == "aes-cmac" else flags.ENCRYPT
        with self._turn:
            return _generate(self._pkcs11, self._session, checked_algorithm(algorithm), use)

    def master(self, algorithm: str, stored: bytes, _context: bytes) -> Master:
        """A master by its name in the token."""
        names = {"3des": "DES3_ECB", "aes": "AES_ECB", "aes-cmac": "AES_CMAC"}
        mechanism = getattr(self._pkcs11.Mechanism, names[checked_algorithm(algorithm)])
        return TokenMaster(self._pkcs11, self._found(stored), mechanism, self._turn)

    def _gcm(self, nonce: bytes, context: bytes) -> dict[str, Any]:
        parameters = self._pkcs11.GCMParams(nonce, context, 8 * TAG_BYTES)
        return {"mechanism": self._pkcs11.Mechanism.AES_GCM, "mechanism_param": parameters}

    def _found(self, name: bytes) -> Any:
        kind = self._pkcs11.ObjectClass.SECRET_KEY
        try:
            with self._turn:
                return self._session.get_key(object_class=kind, id=name)
        except self._pkcs11.PKCS11Error:
            raise ConfigurationError(
                "The token lacks a key of this vault: it is another token, or was initialised anew."
            ) from None


def new_token_custody(module: str, label: str, pin: str) -> tuple[dict[str, Any], TokenCustody]:
    """A fresh key-encryption key in a token, and what the key file says of it."""
    pkcs11 = _library()
    session = _log_in(pkcs11, module, label, pin)
    use = pkcs11.MechanismFlag.ENCRYPT | pkcs11.MechanismFlag.DECRYPT
    kek = _generate(pkcs11, session, "aes-256", use)
    document = {"kind": PKCS11, "token": label, "key": kek.hex()}
    return document, TokenCustody(session, kek)


def token_custody(document: Mapping[str, Any], module: str, ask: Callable[[], str]) -> TokenCustody:
    """The custody that a key file names; `ask` gives the token's user PIN.

    ConfigurationError if there is no such token, or it is another PIN.
    """
    try:
        label, kek = str(document["token"]), bytes.fromhex(document["key"])
    except (KeyError, TypeError, ValueError):
        raise ConfigurationError(
            "The head of the key file is damaged; restore the file from a back-up."
        ) from None
    return TokenCustody(_log_in(_library(), module, label, ask()), kek)


def _log_in(pkcs11: Any, module: str, label: str, pin: str) -> Any:
    try:
        token = pkcs11.lib(module).get_token(token_label=label)
        try:
            return token.open(user_pin=pin, rw=True)
        except pkcs11.exceptions.UserAlreadyLoggedIn:
            return token.open(rw=True)  # a process logs in once, for all its sessions
    except pkcs11.exceptions.PinIncorrect:
        raise ConfigurationError(f"The PIN is not that of the token {label!r}.") from None
    except pkcs11.exceptions.NoSuchToken:
        raise ConfigurationError(
            f"{module} knows no token {label!r}; make it, or set SOFTHSM2_CONF."
        ) from None
    except pkcs11.PKCS11Error as error:
        raise ConfigurationError(
            f"The token {label!r} does not open through {module} ({type(error).__name__}); "
            "set ZHETON_PKCS11_MODULE to your token's library."
        ) from error


def _generate(pkcs11: Any, session: Any, algorithm: str, use: Any) -> bytes:
    """A key that can't come out of the token; its id."""
    name = os.urandom(_ID_BYTES)
    secret = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False}
    kind = pkcs11.KeyType.DES2 if algorithm == "3des" else pkcs11.KeyType.AES
    bits = None if algorithm == "3des" else 8 * KEY_BYTES.get(algorithm, 32)
    try:
        session.generate_key(
            kind, bits, id=name, label=LABEL, store=True, capabilities=use, template=secret
        )
    except pkcs11.PKCS11Error as error:
        raise _silent(error) from None
    return name


def _silent(error: Exception) -> UnreachableError:
    return UnreachableError(
        f"The token did not do its work ({type(error).__name__}); see that it is still there."
    )
