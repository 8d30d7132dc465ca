"""scrypt (RFC 7914): a key from a passphrase, made dear to guess by the memory that it takes."""

import hashlib
from dataclasses import dataclass

from zheton.core.errors import EncodeError

KEY_BYTES = 32
SALT_BYTES = 16
MEMORY_BYTES_MAX = 1 << 30
_LOG_N_MIN, _LOG_N_MAX = 14, 20
_P_MAX = 16


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """How dear a guess is: memory is 128 * n * r bytes, p such runs (RFC 7914, section 2).

    EncodeError outside the bounds: below them a guess is cheap, above them a file that somebody
    changed could take all memory.
    """

    n: int = 1 << 17
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        if self.n not in {1 << log for log in range(_LOG_N_MIN, _LOG_N_MAX + 1)}:
            raise EncodeError(f"it is a power of two, 2^{_LOG_N_MIN} to 2^{_LOG_N_MAX}", field="n")
        if self.r < 8 or 128 * self.n * self.r > MEMORY_BYTES_MAX:
            raise EncodeError("it is 8 or more, and 128 * n * r at most 1 GiB", field="r")
        if not 1 <= self.p <= _P_MAX:
            raise EncodeError(f"it lies between 1 and {_P_MAX}", field="p")


def scrypt(passphrase: bytes, salt: bytes, cost: ScryptCost) -> bytes:
    """A key of 32 bytes. The salt is drawn for each passphrase, 16 bytes."""
    return hashlib.scrypt(
        passphrase,
        salt=salt,
        n=cost.n,
        r=cost.r,
        p=cost.p,
        maxmem=MEMORY_BYTES_MAX + (1 << 21),  # a little above the blocks themselves
        dklen=KEY_BYTES,
    )
