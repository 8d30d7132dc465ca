"""Card numbers as text, many at once: a prefix, the digits of an integer, and the Luhn digit.

It stands beside `ff1_many`, whose arrays it writes, as one of the two places that use numpy.
"""

import numpy as np

from zheton.core.crypto.ff1_many import Numbers

_ROWS = 1 << 14  # written in one go: the columns of so many stay in a processor's own cache
_DOUBLED = np.array((0, 2, 4, 6, 8, 1, 3, 5, 7, 9), dtype=np.uint8)
_ZERO, _TEN, _LINE_END = ord("0"), np.uint64(10), ord("\n")


def with_luhn_digit(prefix: str, numbers: Numbers, width: int) -> list[str]:
    """`prefix`, then `width` digits of each number (no more are looked at), then its Luhn digit.

    >>> with_luhn_digit("54133300", np.array([8960001], dtype=np.uint64), 7)
    ['5413330089600010']
    """
    texts: list[str] = []
    for start in range(0, len(numbers), _ROWS):
        texts += _written(prefix, numbers[start : start + _ROWS], width)
    return texts


def _written(prefix: str, numbers: Numbers, width: int) -> list[str]:
    lines = np.empty((len(numbers), len(prefix) + width + 2), dtype=np.uint8)
    lines[:, : len(prefix)] = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)
    lines[:, -1] = _LINE_END  # one decoding and one splitting are faster than a slice a number
    total = np.full(len(numbers), _total(prefix, width), dtype=np.uint8)  # at most 9 a digit
    rest = numbers
    for place in range(width):  # from the right, where ISO/IEC 7812-1 begins to double
        tens = rest // _TEN
        digit = (rest - tens * _TEN).astype(np.uint8)
        lines[:, -3 - place] = digit + _ZERO
        total += digit if place % 2 else _DOUBLED[digit]
        rest = tens
    lines[:, -2] = (10 - total % 10) % 10 + _ZERO
    return lines.tobytes().decode("ascii").split()


def _total(prefix: str, width: int) -> int:
    """What the digits of a prefix count, with `width` digits and the Luhn digit behind it."""
    digits = [int(digit) for digit in prefix]
    doubled = digits[-1 - width % 2 :: -2]
    return sum(digits) + sum(int(_DOUBLED[digit]) - digit for digit in doubled)
