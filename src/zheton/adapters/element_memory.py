"""The element's non-volatile memory: one file that is always whole, and one for tests in memory.

A new image is written to a temporary file, flushed, renamed over the old one, and the folder is
flushed: whatever is cut in between, the file is the image from before or the one from after. A
checksum behind the image finds what a disk itself has spoilt. This page calls the operating
system and nothing on top of it, so that a test can stand in for the disk and cut its power.
"""

import contextlib
import os
import zlib
from pathlib import Path

from zheton.core.errors import ConfigurationError, UnreachableError

_CHECKSUM_BYTES = 4
_READ_BYTES = 1 << 16


class FileMemory:
    """An image in one file, readable by its owner alone: it holds keys."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + ".new")

    def load(self) -> bytes | None:
        """The image kept last, or None if there never was one.

        UnreachableError if the file can't be read, ConfigurationError if it is not as it was
        written.
        """
        try:
            content = self._read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreachableError(f"The element's memory can't be read: {error}.") from error
        image, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
        if checksum != _checksum(image):
            raise ConfigurationError(
                f"{self._path.name} is damaged, so this element can't be trusted any more: remove "
                "the device from its wallet, which ends its numbers, and make a new one."
            )
        return image

    def store(self, image: bytes) -> None:
        """Keep this image, flushed to the disk; UnreachableError if that failed."""
        try:
            self._write(image + _checksum(image))
            os.replace(self._temporary, self._path)  # noqa: PTH105 (the module calls the system)
            self._flush_folder()
        except OSError as error:
            raise UnreachableError(f"The element's memory can't be written: {error}.") from error

    def _read(self) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            content = b""
            while part := os.read(descriptor, _READ_BYTES):
                content += part
            return content
        finally:
            os.close(descriptor)

    def _write(self, content: bytes) -> None:
        # A temporary file of an interrupted write may have any mode: it is made anew.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)  # noqa: PTH108
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _flush_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _checksum(image: bytes) -> bytes:
    return zlib.crc32(image).to_bytes(_CHECKSUM_BYTES)


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
