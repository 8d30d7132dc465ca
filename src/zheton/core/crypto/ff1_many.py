"""FF1 for many numbers at once: one AES call a round over all rows, halves as 64-bit integers.

It fits domains whose halves take four bytes at most: then y of SP 800-38G step 6 is exactly eight
bytes, one unsigned 64-bit integer, and a whole round is a few numpy operations on columns.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zheton.core.crypto.ff1 import Ff1
from zheton.core.errors import EncodeError

Numbers = NDArray[np.uint64]

_ROWS = 1 << 14  # of one AES call: its blocks, before and after, stay in a processor's own cache
_BLOCK_BYTES = 16
_Y_BYTES = 8
_LOW = (1 << 64) - 1


class Ff1Many(Ff1):
    """The permutation of `Ff1`, for single numbers and for arrays of them.

    EncodeError as with `Ff1`, and for a domain whose halves do not fit 32 bits (decimal: more than
    18 digits). Arrays have one dimension; those that come out are uint64. Threads may share it.
    """

    def __init__(self, key: bytes, tweak: bytes, length: int, radix: int = 10) -> None:
        super().__init__(key, tweak, length, radix)
        if self._y_bytes != _Y_BYTES:
            raise EncodeError("the halves have more than 32 bits", field="FF1 domain")

    def encrypt_range(self, first: int, count: int) -> Numbers:
        """The numbers of `count` consecutive indexes; EncodeError if one is outside the domain."""
        if count < 0 or not 0 <= first <= self.size - count:
            raise EncodeError("the range lies outside the domain", field="FF1 number")
        return self.encrypt_indexes(np.arange(count, dtype=np.uint64) + np.uint64(first))

    def encrypt_indexes(self, indexes: ArrayLike) -> Numbers:
        """What `encrypt_index` makes of each."""
        rows = self._checked(indexes)
        left, right = np.uint64(self._left), np.uint64(self._right)
        for part, rounds in self._parts(rows):
            a, b = np.divmod(part, right)
            for even, odd in self._rounds:
                a = _lower(a + rounds.y(even, b) % left, left)
                b = _lower(b + rounds.y(odd, a) % right, right)
            part[:] = a * right + b
        return rows

    def decrypt_indexes(self, numbers: ArrayLike) -> Numbers:
        """What `decrypt_index` makes of each: the reverse of `encrypt_indexes`."""
        rows = self._checked(numbers)
        left, right = np.uint64(self._left), np.uint64(self._right)
        for part, rounds in self._parts(rows):
            a, b = np.divmod(part, right)
            for even, odd in reversed(self._rounds):
                b = _lower(b + right - rounds.y(odd, a) % right, right)
                a = _lower(a + left - rounds.y(even, b) % left, left)
            part[:] = a * right + b
        return rows

    def _parts(self, rows: Numbers) -> Iterator[tuple[Numbers, "_Rounds"]]:
        """Views of at most `_ROWS` rows, each with the blocks of its own length."""
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            yield part, _Rounds(self, len(part))

    def _checked(self, numbers: ArrayLike) -> Numbers:
        """The numbers as an array that is the caller's no more."""
        given = np.asarray(numbers)
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise EncodeError("an array of integers is wanted", field="FF1 number")
        if given.size and not (int(given.min()) >= 0 and int(given.max()) < self.size):
            raise EncodeError("a number lies outside the domain", field="FF1 number")
        return given.astype(np.uint64)


class _Rounds:
    """The blocks of some rows before and after AES, made once for all ten rounds."""

    def __init__(self, ff1: Ff1Many, rows: int) -> None:
        self._update = ff1._cipher.encryptor().update_into
        self._blocks = np.empty((rows, 2), dtype=">u8")
        # Only the right half of a block changes: round number and right half of the number.
        self._blocks[:, 0] = ff1._rounds[0][0] >> 64
        # The library asks for room of a block less one behind the last block.
        output = np.empty((rows + 1) * _BLOCK_BYTES, dtype=np.uint8)
        self._output = output.data
        self._y: Numbers = output[: rows * _BLOCK_BYTES].view(">u8")[::2]

    def y(self, start: int, half: Numbers) -> Numbers:
        """NUM of the first eight bytes of R (steps 6.2 to 6.4) for one half of each row."""
        self._blocks[:, 1] = half ^ np.uint64(start & _LOW)
        self._update(self._blocks.data.cast("B"), self._output)
        return self._y.astype(np.uint64)


def _lower(sums: Numbers, modulus: np.uint64) -> Numbers:
    """`sums % modulus` of sums below twice the modulus: below it, the difference wraps round."""
    lowered: Numbers = np.minimum(sums, sums - modulus)
    return lowered
