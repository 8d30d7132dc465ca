"""The element's non-volatile memory: one file that is always whole, and one for tests in memory.

A new image is written to a temporary file, flushed, renamed over the old one, and the folder is
flushed: whatever is cut in between, the file is the image from before or the one from after.
"""

import contextlib
import os
from pathlib import Path

from zheton.core.errors import UnreachableError


class FileMemory:
    """An image in one file, readable by its owner alone: it holds keys."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + ".new")

    def load(self) -> bytes | None:
        """The image kept last, or None; UnreachableError if the file can't be read."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreachableError(f"The element's memory can't be read: {error}.") from error

    def store(self, image: bytes) -> None:
        """Keep this image, flushed to the disk; UnreachableError if that failed."""
        try:
            self._write(image)
            self._temporary.replace(self._path)
            self._flush_folder()
        except OSError as error:
            raise UnreachableError(f"The element's memory can't be written: {error}.") from error

    def _write(self, image: bytes) -> None:
        # A temporary file of an interrupted write may have any mode: it is made anew.
        with contextlib.suppress(FileNotFoundError):
            self._temporary.unlink()
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(image)
            file.flush()
            os.fsync(file.fileno())

    def _flush_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class TransientMemory:
    """An image in the process's memory, for tests, benches and demonstrations."""

    def __init__(self, image: bytes | None = None) -> None:
        self._image = image

    def load(self) -> bytes | None:
        """The image kept last, or None."""
        return self._image

    def store(self, image: bytes) -> None:
        """Keep this image."""
        self._image = image
