"""The makers of devices that the token service knows: their public keys, one a line in hex."""

from pathlib import Path

from zheton.core.crypto.ed25519 import PUBLIC_KEY_BYTES
from zheton.core.errors import ConfigurationError

MAKERS_MAX = 100


def read_makers(path: Path) -> tuple[bytes, ...]:
    """The keys (Ed25519) in a file; none if it is not there, ConfigurationError if it is bad.

    Empty lines and what follows a # are for people.
    """
    if not path.exists():
        return ()
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    try:
        keys = tuple(bytes.fromhex(line) for line in lines if line)
    except ValueError:
        keys = (b"",)
    if len(keys) > MAKERS_MAX or any(len(key) != PUBLIC_KEY_BYTES for key in keys):
        raise ConfigurationError(
            f"{path} holds one public key of a maker of devices a line, {PUBLIC_KEY_BYTES} bytes "
            f"in hexadecimal digits, {MAKERS_MAX} at most; correct it."
        )
    return keys


def know_maker(path: Path, key: bytes) -> None:
    """Add a maker's key to a file, once."""
    if key not in read_makers(path):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{key.hex()}\n")
