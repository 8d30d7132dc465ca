"""Checkpoints of the detokenisation log while the network runs, and a last one when it stops."""

import asyncio
import logging
from contextlib import suppress

from zheton.adapters.clock import Clock
from zheton.core.errors import ZhetonError
from zheton.core.token.audit.checkpoint import Checkpoint
from zheton.roles.tsp.audit import Auditor, checkpoint

LOOK_EVERY_S = 5.0
EVERY_S = 60.0
EVERY_ENTRIES = 100_000
_log = logging.getLogger(__name__)


class Checkpointer:
    """Signs a checkpoint every so many seconds or entries, in a thread beside the debits'."""

    def __init__(self, auditor: Auditor, clock: Clock) -> None:
        self._auditor, self._clock = auditor, clock
        self._last: Checkpoint | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Sign what an earlier run left unsigned, and begin to look."""
        await self._sign()
        self._task = asyncio.get_running_loop().create_task(self._look())

    async def close(self) -> None:
        """Sign once more and end."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._sign()

    async def _look(self) -> None:
        signed_ms = self._clock.elapsed_ms()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            waited = (self._clock.elapsed_ms() - signed_ms) / 1000 >= EVERY_S
            if waited or await self._fresh() >= EVERY_ENTRIES:
                await self._sign()
                signed_ms = self._clock.elapsed_ms()

    async def _sign(self) -> None:
        try:
            self._last = await asyncio.to_thread(checkpoint, self._auditor, self._clock.now())
        except ZhetonError as error:
            # Debits go on: to stop them is for people to decide, and the log stays as it is.
            _log.error("no checkpoint was signed: %s", error)
        except Exception as error:
            _log.error("no checkpoint was signed (%s)", type(error).__name__)

    async def _fresh(self) -> int:
        """How many entries no checkpoint covers; 0 where nobody can tell now: time will sign."""
        try:
            tips = await asyncio.to_thread(self._auditor.log.tips)
        except Exception as error:
            _log.warning("the log's length is not known (%s)", type(error).__name__)
            return 0
        written = sum(tip.count for tip in tips.values())
        return written - (self._last.entries if self._last else 0)
