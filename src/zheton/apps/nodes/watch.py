"""Looks after the vault's database while a process works on it, and shuts it where it was put back.

Between two beats lies what a restore could lose unnoticed: docs/restore.md says what that means.
"""

import asyncio
import logging
from contextlib import suppress

from zheton.apps.life import Life
from zheton.core.errors import ConflictError, ZhetonError

BEAT_EVERY_S = 5.0
_log = logging.getLogger(__name__)


class VaultWatch:
    """Beats while its process runs, and once more when it ends."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to beat."""
        await self._beat()
        self._task = asyncio.get_running_loop().create_task(self._again_and_again())

    async def close(self) -> None:
        """Beat once more: a copy from before this end is known as old from now on."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._beat()

    async def _again_and_again(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            await self._beat()

    async def _beat(self) -> None:
        try:
            await asyncio.to_thread(self._life.beat)
        except ConflictError as error:
            self._life.vault.shut(str(error))
            _log.critical("no debits any more: %s Stop, and run: zheton recover", error)
        except ZhetonError as error:
            _log.warning("the vault's database was not witnessed: %s", error)
        except Exception as error:
            _log.error("the vault's database was not witnessed (%s)", type(error).__name__)
