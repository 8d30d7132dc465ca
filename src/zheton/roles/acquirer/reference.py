"""The numbers that name a message: trace number, transmission time, retrieval reference."""

from datetime import datetime
from typing import NamedTuple

from zheton.roles.acquirer.ports import AcquirerTx

TRACE = "trace"
_STANS = 999_999  # 000001 to 999999
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SERIAL_WIDTH = 8


class Reference(NamedTuple):
    """DE11, DE7 and a fresh DE37 of one message."""

    stan: str
    transmitted: str
    rrn: str


def references(transaction: AcquirerTx, count: int, now: datetime) -> list[Reference]:
    """Fresh references for `count` messages sent now (UTC).

    Trace numbers wrap, so they are unique within a transmission time up to 999,999 messages a
    second. Retrieval references never wrap: last digit of the year, day of the year, and the
    counter in base 36.
    """
    first = transaction.take(TRACE, count)
    transmitted, day = f"{now:%m%d%H%M%S}", f"{now:%Y%j}"[3:]
    return [
        Reference(f"{(n - 1) % _STANS + 1:06d}", transmitted, day + _base36(n))
        for n in range(first, first + count)
    ]


def _base36(number: int) -> str:
    digits = ""
    for _ in range(_SERIAL_WIDTH):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
