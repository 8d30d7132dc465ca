"""Doing the work of one transaction again where a database has ended it, as a role asks for it.

What is done again leaves nothing behind when it is ended, and sends nothing before it is kept.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class Again(Protocol):
    """Does the work of one transaction, and does it again where the database ended it."""

    def __call__(self, work: Callable[[], Result], /) -> Result:
        """What the work returned in the end."""


def once(work: Callable[[], Result], /) -> Result:
    """`Again` for a database that ends no transactions."""
    return work()
