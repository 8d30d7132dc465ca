"""The key ring: what every key is for, its version and check value, and the key itself, wrapped.

Each key is wrapped under the key-encryption key with its purpose, BIN, version and algorithm as
additional data, so that one entry's key does not open under another's name. The ring is a value:
whatever changes it makes a new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FORMAT = 2
ENTRIES_MAX = 10_000
VERSION_MAX = 255  # the derivation key index in 9F10 is one byte


class Purpose(StrEnum):
    """What a key is for; a key serves one purpose."""

    ISSUER = "issuer"
    FF1 = "ff1"
    DATA = "data"
    INDEX = "index"
    PAR = "par"
    CODE = "code"
    DEVICE = "device"
    ENVELOPE = "envelope"
    AUDIT = "audit"
    AUTHORITY = "authority"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key. `stored` is the wrapped key, or the name that a token has for it."""

    purpose: Purpose
    bin: str  # "" where the key serves all of them
    version: int
    algorithm: str
    created: str  # YYYY-MM-DD
    check: str
    stored: bytes = field(repr=False)
    public: str = ""
    endorsement: str = field(default="", repr=False)

    @property
    def context(self) -> bytes:
        """The additional data under which it is wrapped."""
        return context(self.purpose, self.bin, self.version, self.algorithm)


def context(purpose: Purpose, token_bin: str, version: int, algorithm: str) -> bytes:
    """What binds a wrapped key to its place in the ring."""
    return f"zheton key {purpose} {token_bin or '-'} {version} {algorithm}".encode()


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys of a vault, and how the key-encryption key is kept."""

    custody: Mapping[str, Any] = field(repr=False)
    entries: tuple[KeyEntry, ...]

    def of(self, purpose: Purpose, token_bin: str = "") -> list[KeyEntry]:
        """The versions of a key, the oldest first."""
        found = [e for e in self.entries if e.purpose is purpose and e.bin == token_bin]
        return sorted(found, key=lambda entry: entry.version)

    def of_purpose(self, purpose: Purpose) -> list[KeyEntry]:
        """The keys of a purpose, of every BIN."""
        return [entry for entry in self.entries if entry.purpose is purpose]

    def with_entries(self, *new: KeyEntry) -> "Ring":
        """A ring with more keys."""
        return Ring(self.custody, self.entries + new)

    def without(self, gone: KeyEntry) -> "Ring":
        """A ring that lacks a key."""
        return Ring(self.custody, tuple(entry for entry in self.entries if entry != gone))

    def to_json(self) -> dict[str, Any]:
        """The ring as its file keeps it."""
        return {
            "format": FORMAT,
            "custody": dict(self.custody),
            "keys": [_to_json(entry) for entry in self.entries],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Ring":
        """The ring in a file; ValueError, KeyError or TypeError if it is none."""
        if document["format"] != FORMAT or not isinstance(document["custody"], dict):
            raise ValueError("another format")
        entries = tuple(_from_json(each) for each in document["keys"])
        names = {(entry.purpose, entry.bin, entry.version) for entry in entries}
        if len(names) != len(entries) or len(entries) > ENTRIES_MAX:
            raise ValueError("a key is there twice, or there are too many")
        return cls(document["custody"], entries)


def _to_json(entry: KeyEntry) -> dict[str, Any]:
    written = {
        "purpose": str(entry.purpose),
        "bin": entry.bin,
        "version": entry.version,
        "algorithm": entry.algorithm,
        "created": entry.created,
        "check": entry.check,
        "stored": entry.stored.hex(),
        "public": entry.public,
        "endorsement": entry.endorsement,
    }
    return {name: value for name, value in written.items() if value != ""}


def _from_json(written: Mapping[str, Any]) -> KeyEntry:
    version = written["version"]
    if not (isinstance(version, int) and 1 <= version <= VERSION_MAX):
        raise ValueError("no version")
    return KeyEntry(
        Purpose(written["purpose"]),
        str(written.get("bin", "")),
        version,
        str(written["algorithm"]),
        str(written["created"]),
        str(written["check"]),
        bytes.fromhex(written["stored"]),
        str(written.get("public", "")),
        str(written.get("endorsement", "")),
    )
