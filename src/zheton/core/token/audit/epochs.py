"""The epochs of the audit key: who signs, and how a key follows from the one before it.

Each epoch's public key is signed by the key of the epoch before, so whoever holds the first one
needs nothing else to know all that came after.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from zheton.core.crypto import ed25519
from zheton.core.errors import DecodeError, EncodeError, VerificationError

EPOCHS_MAX = 255


@dataclass(frozen=True, slots=True)
class Epoch:
    """One key of the audit (Ed25519): its version from 1, and what the key before signed of it."""

    version: int
    public: bytes
    endorsement: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Signer:
    """The newest key at work; the secret stays where it is."""

    public: bytes
    sign: Callable[[bytes], bytes] = field(repr=False)


def endorsed(version: int, public: bytes) -> bytes:
    """What the key of one epoch signs to make that of the next one valid."""
    return b"zheton audit key %d " % version + public


def public_keys(epochs: Sequence[Epoch]) -> tuple[bytes, ...]:
    """The keys of some epochs, the oldest first; VerificationError unless each follows its own."""
    for before, after in pairwise(epochs):
        if after.version != before.version + 1:
            raise VerificationError("An epoch of the audit key is missing.")
        try:
            ed25519.verify(before.public, endorsed(after.version, after.public), after.endorsement)
        except (VerificationError, EncodeError):
            raise VerificationError(
                f"Audit key {after.version} is not signed by the one before it."
            ) from None
    if not epochs:
        raise VerificationError("There is no audit key.")
    return tuple(epoch.public for epoch in epochs)


def followed(pinned: Sequence[Epoch], told: Sequence[Epoch]) -> tuple[bytes, ...]:
    """The keys of pinned epochs, and those told that follow from the last of them.

    VerificationError where they contradict each other.
    """
    public_keys(pinned)
    last = pinned[-1]
    for each in told:
        same = next((mine for mine in pinned if mine.version == each.version), None)
        if same is not None and not hmac.compare_digest(same.public, each.public):
            raise VerificationError(f"Audit key {each.version} is not the one that is pinned.")
    return public_keys([*pinned, *(each for each in told if each.version > last.version)])


def to_text(epochs: Sequence[Epoch]) -> str:
    """Epochs as their file has them: version, public key and endorsement, in hex, one a line."""
    return "".join(
        f"{each.version} {each.public.hex()} {each.endorsement.hex()}".rstrip() + "\n"
        for each in epochs
    )


def from_text(text: str) -> tuple[Epoch, ...]:
    """The epochs in a file; DecodeError if it holds none."""
    lines = text.splitlines()
    try:
        if not 1 <= len(lines) <= EPOCHS_MAX:
            raise ValueError("none, or too many")
        return tuple(_epoch(line) for line in lines)
    except ValueError:
        raise DecodeError("it holds no public keys", field="audit keys", offset=0) from None


def _epoch(line: str) -> Epoch:
    version, public, *endorsement = line.split()
    found = Epoch(int(version), bytes.fromhex(public), bytes.fromhex("".join(endorsement)))
    sizes = (ed25519.PUBLIC_KEY_BYTES, ed25519.SIGNATURE_BYTES if endorsement else 0)
    if (len(found.public), len(found.endorsement)) != sizes or found.version < 1:
        raise ValueError("another length")
    return found
