"""Where a key ring is kept: in a file of mode 0600, or in memory for tests.

The file is written whole under another name and then renamed, so that a power cut leaves the old
ring or the new one. Whoever changes it holds a lock beside it, reads it again and then writes.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from zheton.adapters.keys.ring import Ring
from zheton.core.errors import ConfigurationError

FILE_BYTES_MAX = 16 << 20


class RingStore(Protocol):
    """Keeps one ring."""

    def stamp(self) -> object:
        """Something that differs once the ring has changed."""

    def read(self) -> Ring:
        """The ring."""

    def update(self, change: Callable[[Ring], Ring]) -> Ring:
        """Change the ring as it is now; nobody else changes it meanwhile."""


class MemoryStore:
    """A ring that ends with the process; for tests."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def stamp(self) -> object:
        """The ring itself: it is a value."""
        return self._ring

    def read(self) -> Ring:
        """The ring."""
        return self._ring

    def update(self, change: Callable[[Ring], Ring]) -> Ring:
        """Change the ring."""
        self._ring = change(self._ring)
        return self._ring


class FileStore:
    """A ring in a file that its owner alone may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> object:
        """Which file has the name now, and when it was written."""
        found = self._stat()
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def read(self) -> Ring:
        """The ring; ConfigurationError if others can read the file, or it is none."""
        try:
            return Ring.from_json(self.document())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._no_key_file() from None

    def document(self) -> dict[str, Any]:
        """The file's JSON object, of whatever format."""
        found = self._stat()
        if found.st_mode & 0o077:
            raise ConfigurationError(
                f"{self.path} can be read by others; run: chmod 600 {self.path}"
            )
        if found.st_size > FILE_BYTES_MAX:
            raise self._no_key_file()
        try:
            document = json.loads(self.path.read_text())
        except (ValueError, RecursionError):
            # Not chained: the error of a JSON reader carries the whole document.
            raise self._no_key_file() from None
        if not isinstance(document, dict):
            raise self._no_key_file()
        return document

    def update(self, change: Callable[[Ring], Ring]) -> Ring:
        """Change the ring as it is now; nobody else changes it meanwhile."""
        with self.locked():
            ring = change(self.read())
            self.write(ring)
        return ring

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes the file, of all processes; it waits for its turn."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(f".{self.path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def write(self, ring: Ring) -> None:
        """Put a whole ring under the file's name, durably, or leave the old one."""
        fresh = self.path.with_name(f".{self.path.name}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o600)  # a rest of an earlier write may have another mode
            json.dump(ring.to_json(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # a name that a power cut takes back would mean other keys next time
        finally:
            os.close(folder)

    def _stat(self) -> os.stat_result:
        try:
            return self.path.stat()
        except FileNotFoundError:
            raise ConfigurationError(
                f"The key file {self.path} is gone; restore it from a back-up."
            ) from None

    def _no_key_file(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.path} is no key file of Zheton, or was cut short; restore it from a back-up."
        )
