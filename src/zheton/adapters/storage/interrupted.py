"""Transactions that the database ended, and doing their work again.

Work whose transaction ended without a COMMIT has left nothing, and may be done again. `Database`
looks up what became of a COMMIT whose answer got lost; only where nobody can tell it, because the
server stays away, is the outcome unknown, and then nothing is done again.
"""

import time
from collections.abc import Callable
from random import SystemRandom
from typing import TypeVar

from zheton.core.errors import ConflictError, UnreachableError

Result = TypeVar("Result")

TRIES = 6
PAUSE_S, PAUSE_MAX_S = 0.02, 1.0
PATIENCE_S = 8.0  # nobody waits for an answer that takes longer
_random = SystemRandom()


class InterruptedTransactionError(UnreachableError):
    """The database ended a transaction; whether it was kept is only sometimes known."""

    def __init__(self, text: str, *, outcome_unknown: bool) -> None:
        super().__init__(text)
        self.outcome_unknown = outcome_unknown


class OvertakenError(ConflictError):
    """Another process wrote the same thing first; whoever looks again finds it there."""


def repeated(
    work: Callable[[], Result],
    *,
    pause: Callable[[float], None] = time.sleep,
    elapsed_s: Callable[[], float] = time.monotonic,
) -> Result:
    """The result of `work`, one transaction, done again where it was ended or overtaken.

    At most `TRIES` times and for about `PATIENCE_S`. Raises the last error when these are used up,
    and at once where the outcome is unknown.
    """
    longest, began = PAUSE_S, elapsed_s()
    for left in reversed(range(TRIES)):
        try:
            return work()
        except (InterruptedTransactionError, OvertakenError) as error:
            unknown = isinstance(error, InterruptedTransactionError) and error.outcome_unknown
            if not left or unknown or elapsed_s() - began > PATIENCE_S:
                raise
        # Drawn at random, or two that met once would meet again.
        pause(_random.uniform(0, longest))
        longest = min(longest * 3, PAUSE_MAX_S)
    raise AssertionError("unreachable")
