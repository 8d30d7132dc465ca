"""Parts that run together: started one after the other, stopped in the opposite order."""

from typing import Protocol, TypeVar


class Part(Protocol):
    """Something that runs between its start and its close."""

    async def start(self) -> None:
        """Begin; an error if it can't."""

    async def close(self) -> None:
        """End, with everything that it has begun."""


Some = TypeVar("Some", bound=Part)


class Started:
    """The parts of one process."""

    def __init__(self) -> None:
        self._parts: list[Part] = []

    async def add(self, part: Some) -> Some:
        """Start one more part."""
        await part.start()
        self._parts.append(part)
        return part

    async def close(self) -> None:
        """Stop every part, the last one first."""
        while self._parts:
            await self._parts.pop().close()
