"""One holder at a time for what two processes must not share: a lock on a file (flock)."""

import fcntl
import os
from pathlib import Path

from zheton.core.errors import ConflictError


class HeldFile:
    """Holds a lock until it is released or the process ends, however it ends.

    ConflictError, with `what` as its subject, if another process has it.
    """

    def __init__(self, path: Path, what: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise ConflictError(
                f"{what} is in use by another process of Zheton; end that one first."
            ) from error

    def release(self) -> None:
        """Let others have it; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
