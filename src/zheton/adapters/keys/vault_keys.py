"""The keys of one vault as operations (`roles.tsp.ports.Keys`), whatever custody they are in.

Another process may rotate keys while this one runs. What chooses a version for something new looks
whether the ring has changed; what is handed a version that it does not know reads the ring again.
So no debit and no enrolment waits for a restart.
"""

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from zheton.adapters.keys.certification import AuthorityKey, authority_of
from zheton.adapters.keys.custody import Custody
from zheton.adapters.keys.envelope import open_envelope
from zheton.adapters.keys.opened import Opened, open_ring
from zheton.adapters.keys.ring import KeyEntry, Purpose, Ring
from zheton.adapters.keys.store import RingStore
from zheton.core.crypto import aes, ed25519
from zheton.core.crypto.mac import hmac_sha256
from zheton.core.crypto.rsa import PublicKey
from zheton.core.emv.card_records import IssuerKey
from zheton.core.emv.certificates import CertificateText
from zheton.core.emv.keys import derive_icc_master_key
from zheton.core.errors import ConfigurationError, ConflictError, VerificationError
from zheton.core.scheme import Cipher
from zheton.core.scp03.keys import StaticKeys
from zheton.core.token.audit.epochs import Epoch, Signer
from zheton.core.token.number import TokenRange
from zheton.core.token.pan import Pan

T = TypeVar("T")
_PAR_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAR_CHARACTERS = 25


class VaultKeys:
    """The keys of one vault. `entropy_take` draws the nonces of card numbers."""

    def __init__(
        self,
        store: RingStore,
        custody: Custody,
        entropy_take: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store, self._custody, self._entropy_take = store, custody, entropy_take
        self._reading = threading.Lock()
        self._stamp = store.stamp()
        self._ring = store.read()
        self._opened = open_ring(self._ring, custody)

    def __repr__(self) -> str:
        return f"VaultKeys(bins={sorted(self._opened.ranges)})"

    @property
    def token_bins(self) -> tuple[str, ...]:
        """The BINs that have keys."""
        return tuple(self._now().ranges)

    def entries(self) -> tuple[KeyEntry, ...]:
        """Every key with its version and check value; no key material that is not wrapped."""
        self._now()
        return self._ring.entries

    def custody_kind(self) -> str:
        """How the key-encryption key is kept: plain, passphrase or pkcs11."""
        return str(self._ring.custody["kind"])

    def change(self, change: Callable[[Ring, Custody], Ring]) -> None:
        """Put another ring in the place of this one; ConflictError if it was sealed anew since."""

        def checked(ring: Ring) -> Ring:
            if ring.custody != self._ring.custody:
                raise ConflictError("The key file was sealed anew meanwhile; run this again.")
            changed = change(ring, self._custody)
            open_ring(changed, self._custody)  # what would not open is not written
            return changed

        self._store.update(checked)
        self._read_again()

    def token_range(self, token_bin: str) -> TokenRange:
        """The range of a BIN; ConfigurationError if the ring has no key for it."""
        return self._known(
            lambda keys: keys.ranges.get(token_bin),
            f"The key ring has no keys for the token BIN {token_bin}; "
            f"run: zheton keys create {token_bin}",
        )

    def issuer_key_version(self, token_bin: str) -> int:
        """The newest version of a BIN's issuer master key; ConfigurationError if it has none."""
        versions = [version for held, version in self._now().masters if held == token_bin]
        if not versions:
            raise ConfigurationError(
                f"The key ring has no issuer master key for the token BIN {token_bin}; "
                f"run: zheton keys create {token_bin}"
            )
        return max(versions)

    def card_key(
        self, cipher: Cipher, token_bin: str, version: int, number: str, sequence: int
    ) -> bytes:
        """The ICC master key of a number (EMV Book 2, A1.4); the issuer's stays where it is."""
        algorithm, master = self._known(
            lambda keys: keys.masters.get((token_bin, version)),
            f"Version {version} of the issuer master key of {token_bin} is not in the key ring; "
            "restore the newest back-up of its file.",
        )
        if algorithm != cipher:
            raise ConfigurationError(
                f"The issuer master key of {token_bin} is for {algorithm} and not {cipher}."
            )
        return derive_icc_master_key(cipher, master.encrypt_ecb, number, sequence)

    def data_key_version(self) -> int:
        """The version that seals card numbers now."""
        return next(iter(self._now().data))

    def seal_pan(self, pan: Pan, bucket: int, card: str) -> tuple[int, bytes]:
        """Key version and nonce with ciphertext (AES-256-GCM), bound to bucket, card, version."""
        version, key = next(iter(self._now().data.items()))
        nonce = self._entropy_take(aes.NONCE_BYTES)
        plain = pan.reveal().encode("ascii")
        return version, nonce + aes.seal(key, nonce, plain, _row(bucket, card, version))

    def open_pan(self, version: int, sealed: bytes, bucket: int, card: str) -> Pan:
        """The card number again; VerificationError if the ciphertext is not of this row."""
        nonce, body = sealed[: aes.NONCE_BYTES], sealed[aes.NONCE_BYTES :]
        key = self._opened.data.get(version) or self._read_again().data.get(version)
        if key is None or not body:
            raise VerificationError("The sealed card number names a key that is not there.")
        plain = aes.open_sealed(key, nonce, body, _row(bucket, card, version))
        return Pan(plain.decode("ascii"))

    def index_key_versions(self) -> tuple[int, ...]:
        """The versions under which cards may be indexed, the newest first."""
        return tuple(self._now().index)

    def pan_indexes(self, pan: Pan) -> tuple[bytes, ...]:
        """HMAC-SHA-256 of the card number under each index key, the newest first.

        Without the key nobody can enumerate it. There are several while cards are re-indexed.
        """
        content = pan.reveal().encode("ascii")
        return tuple(hmac_sha256(key, content) for key in self._now().index.values())

    def par_suffix(self, pan: Pan) -> str:
        """25 characters of 0-9 and A-Z from a MAC of the card number (EMVCo PAR, section 3)."""
        value = int.from_bytes(hmac_sha256(self._opened.par, pan.reveal().encode("ascii")), "big")
        characters = []
        for _ in range(_PAR_CHARACTERS):
            value, digit = divmod(value, len(_PAR_ALPHABET))
            characters.append(_PAR_ALPHABET[digit])
        return "".join(characters)

    def code_mac(self, enrolment: str, code: str) -> bytes:
        """The keyed image of an activation code, bound to its enrolment."""
        return hmac_sha256(self._opened.code, f"{enrolment}:{code}".encode())

    def challenge_mac(self, said: str) -> bytes:
        """The keyed image of what a device is challenged for; no code's image can be one."""
        return hmac_sha256(self._opened.code, f"device challenge:{said}".encode())

    def device_keys(self, serial: str) -> StaticKeys:
        """The payment domain's keys of one chip, derived from its serial number."""
        enc, mac, dek = (
            self._opened.device.cmac(purpose + serial.encode("ascii"))
            for purpose in (b"\x01enc", b"\x02mac", b"\x03dek")
        )
        return StaticKeys(enc, mac, dek)

    def envelope_key(self) -> dict[str, Any]:
        """The public key for envelopes, as a JWK."""
        return dict(next(iter(self._now().envelopes.values())).as_dict(private=False))

    def envelope_thumbprint(self) -> str:
        """RFC 7638 thumbprint of that key, for clients to pin."""
        return next(iter(self._now().envelopes.values())).thumbprint()

    def open_envelope(self, jwe_text: str) -> bytes:
        """The content of a JWE encrypted to this vault; VerificationError if it does not open.

        An envelope closed to the key before the newest still opens.
        """
        return open_envelope(jwe_text, self._now().envelopes.values())

    def issuer_key(self, token_bin: str) -> IssuerKey | None:
        """The issuer's key for a BIN as its authority certified it; None where there is none."""
        found = self._now().certifiers.get(token_bin)
        return None if found is None else found.issuer

    def certify_chip(
        self, token_bin: str, text: CertificateText, chip: PublicKey, static: bytes
    ) -> bytes:
        """The certificate (9F46) of a chip's key with a number and its static data.

        ConfigurationError if the BIN has no certified key.
        """
        certifier = self._known(
            lambda keys: keys.certifiers.get(token_bin),
            f"The key ring has no certified key for the token BIN {token_bin}.",
        )
        return certifier.certify(text, chip, static)

    def authority(self) -> AuthorityKey | None:
        """The authority that terminals have to know; None where there is none."""
        self._now()
        return authority_of(self._ring)

    def audit_signer(self) -> Signer:
        """The key of the audit's newest epoch (Ed25519)."""
        seed = next(iter(self._now().audit.values()))
        return Signer(ed25519.public_key(seed), partial(ed25519.sign, seed))

    def audit_epochs(self) -> tuple[Epoch, ...]:
        """The epochs of the audit, the oldest first."""
        self._now()
        return tuple(
            Epoch(e.version, bytes.fromhex(e.public), bytes.fromhex(e.endorsement))
            for e in self._ring.of(Purpose.AUDIT)
        )

    def _now(self) -> Opened:
        """The keys as the ring has them at this moment."""
        return self._opened if self._store.stamp() == self._stamp else self._read_again()

    def _known(self, look: Callable[[Opened], T | None], otherwise: str) -> T:
        found = look(self._opened)
        if found is None:
            found = look(self._read_again())
        if found is None:
            raise ConfigurationError(otherwise)
        return found

    def _read_again(self) -> Opened:
        """Take up a ring that changed; one that was sealed anew is taken up at the next start."""
        with self._reading:
            stamp = self._store.stamp()
            if stamp != self._stamp:
                ring = self._store.read()
                if ring.custody == self._ring.custody:
                    self._opened = open_ring(ring, self._custody)
                    self._ring = ring
                self._stamp = stamp
            return self._opened


def _row(bucket: int, card: str, version: int) -> bytes:
    return f"zheton card {bucket} {card} {version}".encode()
