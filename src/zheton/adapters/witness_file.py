"""The witness of the vault's database in a small file, which a restore of the database must not
touch.

It is written whole under another name and renamed, after the commit that it tells of and before
anybody outside hears of what was committed. Processes take turns (a lock beside it), and each reads
what stands there before it writes, so that it never falls behind.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from zheton.core.errors import ConfigurationError, DecodeError, VerificationError
from zheton.core.token.audit.epochs import Epoch, Signer
from zheton.core.token.witness import (
    HandedOut,
    Incarnation,
    Witness,
    from_json,
    stated,
    to_json,
)

FILE_BYTES_MAX = 8 << 20


class Signing(Protocol):
    """The keys of the audit."""

    def audit_signer(self) -> Signer:
        """The key of the newest epoch."""

    def audit_epochs(self) -> Sequence[Epoch]:
        """All epochs."""


class WitnessFile:
    """The witness in a file; threads and processes may share it."""

    def __init__(self, path: Path, keys: Signing) -> None:
        self.path, self._keys = path, keys

    def read(self) -> Witness | None:
        """The witness, None if there is no file; ConfigurationError if it was changed."""
        try:
            if self.path.stat().st_size > FILE_BYTES_MAX:
                raise self._damaged()
            written = json.loads(self.path.read_text())
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            raise self._damaged() from None
        try:
            found = from_json(written)
            found.verify([epoch.public for epoch in self._keys.audit_epochs()])
        except (DecodeError, VerificationError):
            raise self._damaged() from None
        return found

    def write(self, life: Incarnation, handed_out: HandedOut) -> None:
        """State, durably, how far the database has come."""
        with self._alone():
            new = stated(self.read(), life, handed_out, self._keys.audit_signer())
            fresh = self.path.with_name(f".{self.path.name}.new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            with os.fdopen(descriptor, "w") as file:
                json.dump(to_json(new), file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _damaged(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.path} is no witness of this vault: it was changed or is damaged. Put back a "
            "copy of it; if there is none, take it away and run: zheton recover --skip N"
        )
