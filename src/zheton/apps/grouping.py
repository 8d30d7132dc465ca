"""Group commit: whoever comes while a transaction runs shares the next one.

The only queue between a node's connections and its role. It is bounded: over the limit a caller
hears at once that there is no room, instead of waiting for an answer that comes too late. Only
what another bounded queue has let in may go without a bound of its own (`queue_max=None`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from zheton.core.errors import UnreachableError

In = TypeVar("In")
Out = TypeVar("Out")

GROUP_MAX = 128
QUEUE_MAX = 4096


class Grouper(Generic[In, Out]):
    """Turns calls for one item into calls of `work` for a group, in a thread of `executor`."""

    def __init__(
        self,
        work: Callable[[Sequence[In]], Sequence[Out]],
        executor: Executor,
        *,
        group_max: int = GROUP_MAX,
        queue_max: int | None = QUEUE_MAX,
    ) -> None:
        self._work, self._executor = work, executor
        self._group_max, self._queue_max = group_max, queue_max
        self._queue: deque[tuple[In, asyncio.Future[Out]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, item: In) -> Out:
        """The result for one item; UnreachableError where the queue is full."""
        if self._queue_max is not None and len(self._queue) >= self._queue_max:
            raise UnreachableError(f"{self._queue_max} requests wait already; try again later.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Out] = loop.create_future()
        self._queue.append((item, future))
        if self._worker is None:
            self._worker = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        """Work until the queue is empty; the next call starts again."""
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                count = min(len(self._queue), self._group_max)
                group = [self._queue.popleft() for _ in range(count)]
                try:
                    results = await loop.run_in_executor(
                        self._executor, self._work, [item for item, _ in group]
                    )
                except Exception as error:
                    for _, future in group:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for (_, future), result in zip(group, results, strict=True):
                    if not future.done():
                        future.set_result(result)
        finally:
            self._worker = None
