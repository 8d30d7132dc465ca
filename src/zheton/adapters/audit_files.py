"""The checkpoints of the detokenisation log in a file outside the database, one JSON a line.

The file is only ever added to, by one process at a time (a lock beside it), and every line is on
the disk before anybody hears of it. A line that a power cut left without its end was never told to
anybody: it does not count, and the next one takes its place.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zheton.core.errors import ConfigurationError, DecodeError
from zheton.core.token.audit import epochs
from zheton.core.token.audit.checkpoint import Checkpoint, from_json, to_json
from zheton.core.token.audit.epochs import Epoch

LINE_BYTES_MAX = 64 << 10


@dataclass
class CheckpointRow:
    """The file while nobody else adds to it (`roles.tsp.audit.Row`)."""

    path: Path
    last: Checkpoint | None

    def append(self, checkpoint: Checkpoint) -> None:
        """Add a line, durably."""
        line = json.dumps(to_json(checkpoint), separators=(",", ":")) + "\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.ftruncate(descriptor, _whole(descriptor))
            os.lseek(descriptor, 0, os.SEEK_END)
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(line.encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.last = checkpoint


class CheckpointFile:
    """The checkpoints in a file (`roles.tsp.audit.Checkpoints`)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def extending(self) -> Iterator[CheckpointRow]:
        """Be the only one to add to the file; it waits for its turn."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield CheckpointRow(self.path, self._last())
        finally:
            os.close(lock)

    def read(self) -> Iterator[Checkpoint]:
        """All checkpoints in their order; DecodeError at a line that is none."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield self._checkpoint(line)

    def _last(self) -> Checkpoint | None:
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            end = _whole(file.fileno())
            file.seek(max(0, end - LINE_BYTES_MAX))
            lines = file.read(end - file.tell()).splitlines()
        return self._checkpoint(lines[-1]) if lines else None

    def _checkpoint(self, line: bytes) -> Checkpoint:
        try:
            return from_json(json.loads(line))
        except (ValueError, RecursionError, DecodeError):
            raise ConfigurationError(
                f"{self.path} holds a line that is no checkpoint: it was changed or is damaged. "
                "Compare it with the copies that were taken of it."
            ) from None


def keep_public_keys(path: Path, known: Sequence[Epoch]) -> None:
    """Write the public keys of all epochs to a file for those who verify, if they are not there."""
    text = epochs.to_text(known)
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)


def read_public_keys(path: Path) -> tuple[Epoch, ...]:
    """The epochs in a file; ConfigurationError if it is not there or holds none."""
    try:
        return epochs.from_text(path.read_text())
    except (OSError, ValueError, DecodeError) as error:
        raise ConfigurationError(
            f"{path} holds no public keys of a detokenisation log; it is made with the first "
            "checkpoint, or name another file with --key."
        ) from error


def _whole(descriptor: int) -> int:
    """The length of a file up to the end of its last whole line."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - LINE_BYTES_MAX)
    return start + os.pread(descriptor, size - start, start).rfind(b"\n") + 1
