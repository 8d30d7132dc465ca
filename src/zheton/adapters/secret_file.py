"""Secrets that two processes share: 32 random bytes in a file of mode 0600."""

import os
from contextlib import suppress
from pathlib import Path

from zheton.core.errors import ConfigurationError

SECRET_BYTES = 32


def open_secret(path: Path) -> bytes:
    """The secret in a file, made where it is not there; ConfigurationError if it is bad."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        secret = bytes.fromhex(path.read_text())
    except ValueError as error:
        raise ConfigurationError(f"{path} holds no secret; restore it from a back-up.") from error
    if len(secret) != SECRET_BYTES:
        raise ConfigurationError(f"{path} was cut short; restore it from a back-up.")
    return secret


def _make(path: Path) -> None:
    """A fresh secret, unless another process is faster: then both have that one's."""
    own = path.with_name(f".{path.name}.{os.getpid()}")
    write_private(own, os.urandom(SECRET_BYTES).hex())
    with suppress(FileExistsError):
        os.link(own, path)
    own.unlink()


def write_private(path: Path, text: str) -> None:
    """Make a file that its owner alone can read, whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
