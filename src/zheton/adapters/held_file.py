"""Locks on files (flock), for what processes may not do to the same thing at the same time."""

import fcntl
import os
from pathlib import Path

from zheton.core.errors import ConflictError


class HeldFile:
    """Holds a lock until it is released or the process ends, however it ends.

    Several may hold it as `shared`, and nobody else then. ConflictError, with `what` as its
    subject, if another process has it; one that is to `wait` waits for that one instead.
    """

    def __init__(self, path: Path, what: str, *, shared: bool = False, wait: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(self._descriptor, kind if wait else kind | fcntl.LOCK_NB)
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
