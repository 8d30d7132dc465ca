"""What an issuer has to hear, told page by page, and round again until it has heard.

What an issuer refuses, and a card that does not open, stays due for somebody to look at. It stops
nothing behind it: each page begins after those that the pages before it could not settle.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from zheton.core.errors import UnreachableError

Line = TypeVar("Line")
PAGE = 200


class Round(Generic[Line]):
    """One kind of message. `due` reads at most so many lines, the oldest first, after so many."""

    def __init__(
        self,
        kind: str,
        due: Callable[[int, int], Awaitable[Sequence[Line]]],
        tell: Callable[[Line], Awaitable[bool]],
    ) -> None:
        self._kind, self._due, self._tell = kind, due, tell
        self._unsettled = 0

    async def page(self) -> None:
        """Tell a page at once; UnreachableError where some could not be told."""
        lines = await self._due(PAGE, self._unsettled)
        told = await asyncio.gather(*map(self._tell, lines), return_exceptions=True)
        left = sum(each is not True for each in told)
        self._unsettled = self._unsettled + left if len(lines) == PAGE else 0
        failed = [each for each in told if isinstance(each, Exception)]
        if failed:  # the others are done all the same; these are asked again
            kinds = ", ".join(sorted({type(each).__name__ for each in failed}))
            raise UnreachableError(f"{len(failed)} {self._kind} are not confirmed ({kinds}).")
