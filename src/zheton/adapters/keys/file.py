"""The key file: the key-encryption key sealed by a passphrase, or, for a laboratory, in the clear.

A passphrase becomes a key by scrypt, whose cost stands in the file within bounds; that key seals
the key-encryption key (AES-256-GCM), which wraps all others. Changing the passphrase draws a new
key-encryption key and wraps every key anew. A plain key file of version 1 is taken over.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from zheton.adapters.keys.custody import MemoryCustody, check_value
from zheton.adapters.keys.renewal import fresh_ring, stored_key
from zheton.adapters.keys.ring import KeyEntry, Purpose, Ring, context
from zheton.adapters.keys.store import MemoryStore
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.core.crypto.scrypt import SALT_BYTES, ScryptCost, scrypt
from zheton.core.errors import ConfigurationError, EncodeError, VerificationError
from zheton.core.scheme import Cipher

PLAIN, PASSPHRASE = "plain", "passphrase"
PASSPHRASE_CHARACTERS_MIN = 12
_KEK_BYTES = 32
_KEK_CONTEXT = b"zheton key-encryption key"


def new_custody(
    passphrase: str | None, cost: ScryptCost | None = None
) -> tuple[dict[str, Any], MemoryCustody]:
    """A fresh key-encryption key, and what the file says of it; None leaves it in the clear.

    ConfigurationError if the passphrase has fewer than 12 characters.
    """
    kek = os.urandom(_KEK_BYTES)
    if passphrase is None:
        return {"kind": PLAIN, "key": kek.hex()}, MemoryCustody(kek)
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise ConfigurationError(
            f"The passphrase is too short: take {PASSPHRASE_CHARACTERS_MIN} characters or more."
        )
    cost, salt = cost or ScryptCost(), os.urandom(SALT_BYTES)
    sealing = MemoryCustody(scrypt(passphrase.encode(), salt, cost))
    document = {"kind": PASSPHRASE, "scrypt": asdict(cost), "salt": salt.hex()}
    return {**document, "sealed": sealing.wrap(kek, _KEK_CONTEXT).hex()}, MemoryCustody(kek)


def file_custody(document: Mapping[str, Any], ask: Callable[[], str]) -> MemoryCustody:
    """The key-encryption key of a key file; `ask` is called where a passphrase is needed.

    ConfigurationError if it is the wrong one, or if the file says nothing that makes sense.
    """
    try:
        if document["kind"] == PLAIN:
            return MemoryCustody(bytes.fromhex(document["key"]))
        cost = ScryptCost(*(int(document["scrypt"][name]) for name in ("n", "r", "p")))
        salt, sealed = bytes.fromhex(document["salt"]), bytes.fromhex(document["sealed"])
    except (KeyError, TypeError, ValueError, EncodeError):
        raise ConfigurationError(
            "The head of the key file is damaged; restore the file from a back-up."
        ) from None
    sealing = MemoryCustody(scrypt(ask().encode(), salt, cost))
    try:
        return MemoryCustody(sealing.unwrap(sealed, _KEK_CONTEXT))
    except VerificationError:
        raise ConfigurationError(
            "The passphrase does not open the key file: it is another one, or the file was changed."
        ) from None


def rewrapped(
    ring: Ring, before: MemoryCustody, document: Mapping[str, Any], after: MemoryCustody
) -> Ring:
    """A ring with the same keys under another key-encryption key."""
    entries = []
    for e in ring.entries:
        stored = after.wrap(before.unwrap(e.stored, e.context), e.context)
        entries.append(
            KeyEntry(e.purpose, e.bin, e.version, e.algorithm, e.created, e.check, stored,
                     e.public, e.endorsement)
        )  # fmt: skip
    return Ring(document, tuple(entries))


def ring_of_version_1(content: Mapping[str, Any], bins: Mapping[str, Cipher], day: str) -> Ring:
    """The ring of a plain key file of version 1, with a key for the audit, which it had not.

    KeyError, TypeError or ValueError if the content is none.
    """
    document, custody = new_custody(None)

    def kept(purpose: Purpose, token_bin: str, secret: str, version: int = 1) -> KeyEntry:
        return stored_key(custody, purpose, token_bin, bytes.fromhex(secret), day, version)

    def master(
        purpose: Purpose, token_bin: str, version: int, algorithm: str, key: str
    ) -> KeyEntry:
        bound = context(purpose, token_bin, version, algorithm)
        stored = custody.wrap(bytes.fromhex(key), bound)
        check = check_value(algorithm, custody.master(algorithm, stored, bound))
        return KeyEntry(purpose, token_bin, version, algorithm, day, check, stored)

    entries = [
        master(Purpose.ISSUER, token_bin, int(version), bins.get(token_bin, "3des"), key)
        for token_bin, versions in content["issuer_master"].items()
        for version, key in versions.items()
    ]
    entries += [kept(Purpose.FF1, token_bin, key) for token_bin, key in content["ff1"].items()]
    entries += [kept(Purpose.DATA, "", key, int(v)) for v, key in content["data"].items()]
    entries += [kept(p, "", content[str(p)]) for p in (Purpose.INDEX, Purpose.PAR, Purpose.CODE)]
    entries.append(master(Purpose.DEVICE, "", 1, "aes-cmac", content["device"]))
    envelope = json.dumps(content["envelope"]).encode()
    entries.append(stored_key(custody, Purpose.ENVELOPE, "", envelope, day))
    entries.append(stored_key(custody, Purpose.AUDIT, "", os.urandom(32), day))
    return Ring(document, tuple(entries))


def plain_ring(bins: Mapping[str, Cipher], day: str) -> Ring:
    """A ring of fresh keys whose key-encryption key lies open, for a laboratory."""
    document, custody = new_custody(None)
    return fresh_ring(document, custody, bins, day)


def memory_keys(ring: Ring, entropy_take: Callable[[int], bytes] = os.urandom) -> VaultKeys:
    """The keys of a plain ring, kept in memory: what changes ends with the process; for tests."""
    custody = MemoryCustody(bytes.fromhex(ring.custody["key"]))
    return VaultKeys(MemoryStore(ring), custody, entropy_take)
