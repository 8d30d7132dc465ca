"""The keys of a ring, unwrapped for use: what the process holds in memory while it runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from joserfc.jwk import RSAKey

from zheton.adapters.keys.certification import Certifier, certifiers_of
from zheton.adapters.keys.custody import Custody, Master
from zheton.adapters.keys.ring import KeyEntry, Purpose, Ring
from zheton.core.errors import ConfigurationError, VerificationError
from zheton.core.token.number import TokenRange


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """Every key by version, the newest first. Masters may be in a token; all others are here."""

    masters: Mapping[tuple[str, int], tuple[str, Master]]  # BIN, version -> cipher, key
    ranges: Mapping[str, TokenRange]
    data: Mapping[int, bytes]
    index: Mapping[int, bytes]
    envelopes: Mapping[int, RSAKey]
    audit: Mapping[int, bytes]
    certifiers: Mapping[str, Certifier]  # by BIN
    par: bytes
    code: bytes
    device: Master

    def __repr__(self) -> str:
        return f"Opened(bins={sorted(self.ranges)})"


def open_ring(ring: Ring, custody: Custody) -> Opened:
    """Unwrap a ring; ConfigurationError if a key is missing, or was changed in its file."""
    try:
        return _opened(ring, custody)
    except VerificationError:
        raise ConfigurationError(
            "A key of the ring does not unwrap: its file was changed, or belongs to another vault; "
            "restore it from a back-up."
        ) from None


def _opened(ring: Ring, custody: Custody) -> Opened:
    def secrets(purpose: Purpose) -> dict[int, bytes]:
        newest_first = reversed(ring.of(purpose))
        found = {e.version: custody.unwrap(e.stored, e.context) for e in newest_first}
        if not found:
            raise ConfigurationError(
                f"The key ring has no {purpose} key; restore its file from a back-up."
            )
        return found

    def master(entry: KeyEntry) -> Master:
        return custody.master(entry.algorithm, entry.stored, entry.context)

    def newest(found: Mapping[int, bytes]) -> bytes:
        return next(iter(found.values()))

    devices = ring.of(Purpose.DEVICE)
    if not devices:
        raise ConfigurationError("The key ring has no device key; restore its file.")
    entries = ring.entries
    return Opened(
        masters={
            (e.bin, e.version): (e.algorithm, master(e))
            for e in entries
            if e.purpose is Purpose.ISSUER
        },
        ranges={
            e.bin: TokenRange(e.bin, custody.unwrap(e.stored, e.context))
            for e in entries
            if e.purpose is Purpose.FF1
        },
        data=secrets(Purpose.DATA),
        index=secrets(Purpose.INDEX),
        envelopes={
            version: RSAKey.import_key(json.loads(jwk))
            for version, jwk in secrets(Purpose.ENVELOPE).items()
        },
        audit=secrets(Purpose.AUDIT),
        certifiers=certifiers_of(ring, custody),
        par=newest(secrets(Purpose.PAR)),
        code=newest(secrets(Purpose.CODE)),
        device=master(devices[-1]),
    )
