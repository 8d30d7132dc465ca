"""Transactions that the database ended, and doing their work again where that is safe.

Work that raised before its COMMIT was sent has left nothing, and may always be done again. After a
COMMIT whose answer got lost nobody knows, so only work that first looks up what it may have done
before is done again.
"""

import time
from collections.abc import Callable
from random import SystemRandom
from typing import TypeVar

from zheton.core.errors import UnreachableError

Result = TypeVar("Result")

TRIES = 6
PAUSE_S, PAUSE_MAX_S = 0.02, 1.0
_random = SystemRandom()


class InterruptedTransactionError(UnreachableError):
    """The database ended a transaction; whether it was kept is only sometimes known."""

    def __init__(self, text: str, *, outcome_unknown: bool) -> None:
        super().__init__(text)
        self.outcome_unknown = outcome_unknown


def repeated(
    work: Callable[[], Result],
    *,
    looks_first: bool,
    pause: Callable[[float], None] = time.sleep,
) -> Result:
    """The result of `work`, done again, at most `TRIES` times, where the database ended it.

    `looks_first` says that the work finds out by itself what an earlier try has kept. Raises the
    last error where the tries are used up, or where the outcome is unknown and it does not look.
    """
    longest = PAUSE_S
    for left in reversed(range(TRIES)):
        try:
            return work()
        except InterruptedTransactionError as error:
            if not left or (error.outcome_unknown and not looks_first):
                raise
        # Drawn at random, or two that met once would meet again.
        pause(_random.uniform(0, longest))
        longest = min(longest * 3, PAUSE_MAX_S)
    raise AssertionError("unreachable")
