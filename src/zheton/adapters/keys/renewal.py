"""New keys: a whole ring, a BIN's keys, a further version; and the end of an old version.

Functions from a ring to a ring. Whoever keeps the ring applies them under its lock.
"""

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from joserfc.jwk import RSAKey

from zheton.adapters.keys.custody import Custody, check_value
from zheton.adapters.keys.envelope import RSA_BITS
from zheton.adapters.keys.ring import VERSION_MAX, KeyEntry, Purpose, Ring, context
from zheton.core.crypto import ed25519
from zheton.core.crypto.kcv import KCV_BYTES, kcv_aes, kcv_hmac, kcv_public
from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.scheme import Cipher
from zheton.core.token.audit.epochs import endorsed
from zheton.core.token.number import TokenRange

ALGORITHM = {
    Purpose.FF1: "aes-256",
    Purpose.DATA: "aes-256-gcm",
    Purpose.INDEX: "hmac-sha-256",
    Purpose.PAR: "hmac-sha-256",
    Purpose.CODE: "hmac-sha-256",
    Purpose.DEVICE: "aes-cmac",
    Purpose.ENVELOPE: "rsa-oaep-2048",
    Purpose.AUDIT: "ed25519",
}
RENEWABLE = (Purpose.ISSUER, Purpose.DATA, Purpose.INDEX, Purpose.ENVELOPE, Purpose.AUDIT)
_SHARED = tuple(purpose for purpose in ALGORITHM if purpose is not Purpose.FF1)
_MASTERS = (Purpose.ISSUER, Purpose.DEVICE)


def fresh_ring(
    custody_document: Mapping[str, Any], custody: Custody, bins: Mapping[str, Cipher], day: str
) -> Ring:
    """New keys for every purpose, and for each BIN with the cipher of its cryptogram."""
    ring = Ring(custody_document, ())
    for purpose in _SHARED:
        ring = ring.with_entries(_fresh(custody, purpose, "", 1, ALGORITHM[purpose], day))
    for token_bin, cipher in bins.items():
        ring = with_bin(ring, custody, token_bin, cipher, day)
    return ring


def with_bin(ring: Ring, custody: Custody, token_bin: str, cipher: Cipher, day: str) -> Ring:
    """A ring with an issuer master key and an FF1 key for one more token BIN.

    ConflictError if it has them: a range keeps its FF1 key for life.
    """
    if ring.of(Purpose.FF1, token_bin):
        raise ConflictError(f"The token BIN {token_bin} has its keys; a range keeps them for life.")
    ff1 = _fresh(custody, Purpose.FF1, token_bin, 1, ALGORITHM[Purpose.FF1], day)
    TokenRange(token_bin, custody.unwrap(ff1.stored, ff1.context))  # refuses what is no BIN
    return ring.with_entries(_fresh(custody, Purpose.ISSUER, token_bin, 1, cipher, day), ff1)


def with_new_version(
    ring: Ring, custody: Custody, purpose: Purpose, token_bin: str, day: str
) -> Ring:
    """A ring with the next version of a key; the old ones stay.

    The new key of the audit is signed by the one before it, so that whoever trusts the first can
    follow. NotFoundError without such a key, ConflictError where it is for life or has run out.
    """
    if purpose not in RENEWABLE:
        raise ConflictError(f"The {purpose} key is for life; it can't be rotated.")
    versions = ring.of(purpose, token_bin)
    if not versions:
        what = (
            f"The token BIN {token_bin} has no keys" if token_bin else f"There is no {purpose} key"
        )
        raise NotFoundError(f"{what}; create them first.")
    last = versions[-1]
    if last.version >= VERSION_MAX:
        raise ConflictError(f"The {purpose} key is at its last version, {VERSION_MAX}.")
    before = last if purpose is Purpose.AUDIT else None
    new = _fresh(custody, purpose, token_bin, last.version + 1, last.algorithm, day, before)
    return ring.with_entries(new)


def without_older(ring: Ring, purpose: Purpose) -> Ring:
    """A ring with the newest version alone of a key that serves all BINs."""
    for entry in ring.of(purpose)[:-1]:
        ring = ring.without(entry)
    return ring


def stored_key(
    custody: Custody, purpose: Purpose, token_bin: str, secret: bytes, day: str, version: int = 1
) -> KeyEntry:
    """An entry for a key that is there already, not a master."""
    return _wrapped(custody, purpose, token_bin, version, ALGORITHM[purpose], secret, day, None)


def _fresh(
    custody: Custody,
    purpose: Purpose,
    token_bin: str,
    version: int,
    algorithm: str,
    day: str,
    before: KeyEntry | None = None,
) -> KeyEntry:
    if purpose in _MASTERS:
        bound = context(purpose, token_bin, version, algorithm)
        stored = custody.make_master(algorithm, bound)
        check = check_value(algorithm, custody.master(algorithm, stored, bound))
        return KeyEntry(purpose, token_bin, version, algorithm, day, check, stored)
    secret = os.urandom(32)
    if purpose is Purpose.ENVELOPE:
        made = RSAKey.generate_key(RSA_BITS, private=True)
        secret = json.dumps(made.as_dict(private=True)).encode()
    return _wrapped(custody, purpose, token_bin, version, algorithm, secret, day, before)


def _wrapped(
    custody: Custody,
    purpose: Purpose,
    token_bin: str,
    version: int,
    algorithm: str,
    secret: bytes,
    day: str,
    before: KeyEntry | None,
) -> KeyEntry:
    stored = custody.wrap(secret, context(purpose, token_bin, version, algorithm))
    public, endorsement = "", ""
    if purpose is Purpose.AUDIT:
        key = ed25519.public_key(secret)
        public = key.hex()
        if before is not None:
            signer = custody.unwrap(before.stored, before.context)
            endorsement = ed25519.sign(signer, endorsed(version, key)).hex()
    check = _check(purpose, secret).hex().upper()
    return KeyEntry(purpose, token_bin, version, algorithm, day, check, stored, public, endorsement)


def _check(purpose: Purpose, secret: bytes) -> bytes:
    match purpose:
        case Purpose.FF1 | Purpose.DATA:
            return kcv_aes(secret)
        case Purpose.ENVELOPE:  # the first bytes of the thumbprint that entry forms pin
            thumbprint = RSAKey.import_key(json.loads(secret)).thumbprint()
            return base64.urlsafe_b64decode(thumbprint + "=")[:KCV_BYTES]
        case Purpose.AUDIT:
            return kcv_public(ed25519.public_key(secret))
        case _:
            return kcv_hmac(secret)
