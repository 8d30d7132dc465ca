"""What the token service does on its own, a bounded piece at a time: finish, forget, erase.

It goes on with devices whose suspension was left in the middle, ends leases, lets batches rest and
frees them, forgets the answers of requests
that nobody repeats any more, and erases the numbers of deleted cards once nobody can dispute their
debits. Several processes may do it: each piece is a transaction that finds out what is left.
"""

import asyncio
import logging
from contextlib import suppress

from zheton.adapters.clock import Clock
from zheton.core.errors import ZhetonError
from zheton.roles.tsp.age import age_all
from zheton.roles.tsp.devices import settle_all
from zheton.roles.tsp.once import forget_answers
from zheton.roles.tsp.ports import Vault
from zheton.roles.tsp.scrub import scrub

TEND_EVERY_S = 10.0
_log = logging.getLogger(__name__)


class Tender:
    """Works while its process runs; the first time at once, for what an earlier run has left."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault, self._clock = vault, clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._again_and_again())

    async def close(self) -> None:
        """End; what was left in the middle, the next run finds."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _again_and_again(self) -> None:
        while True:
            await self._tend()
            await asyncio.sleep(TEND_EVERY_S)

    async def _tend(self) -> None:
        for piece in (settle_all, age_all, forget_answers, scrub):
            try:
                await asyncio.to_thread(piece, self._vault, self._clock.now())
            except ZhetonError as error:
                _log.warning("%s waits for its next turn: %s", piece.__name__, error)
            except Exception as error:
                _log.error("%s failed (%s)", piece.__name__, type(error).__name__)
