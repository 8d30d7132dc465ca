"""Debits started from the console, each told once as a stream of events while it happens."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

from zheton.apps.lab.front import Front
from zheton.core.errors import ConflictError, NotFoundError, ZhetonError

RUNS_MAX = 100
WAITING_MAX = 8
_INTERNAL = "Something in the lab broke; the log says what."


class TapRuns:
    """The last debits of the console, by id."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._runs: OrderedDict[str, asyncio.Queue[dict[str, Any]]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, card: str, merchant: str, amount: str) -> str:
        """Begin a debit and return its id; NotFoundError, ConfigurationError for a bad wish.

        ConflictError if too many wait their turn already.
        """
        if len(self._tasks) >= WAITING_MAX:
            raise ConflictError("Other debits wait their turn; try again in a moment.")
        wish = await self._front.wish(card, merchant, amount)
        run = secrets.token_hex(8)
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._runs[run] = events
        while len(self._runs) > RUNS_MAX:
            self._runs.popitem(last=False)

        async def work() -> None:
            try:
                await self._front.debit(wish, events.put_nowait)
            except ZhetonError as error:
                events.put_nowait(_failed(str(error)))
            except Exception:
                events.put_nowait(_failed(_INTERNAL))
                raise

        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def events(self, run: str) -> AsyncIterator[dict[str, Any]]:
        """The events of a debit, up to the one that says it is done; they are told once."""
        events = self._runs.pop(run, None)
        if events is None:
            raise NotFoundError("There is no such debit, or it has been told already.")
        return _told(events)


async def _told(events: asyncio.Queue[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    while True:
        event = await events.get()
        yield event
        if event["kind"] == "done":
            return


def _failed(text: str) -> dict[str, Any]:
    return {
        "kind": "done",
        "approved": False,
        "text": text,
        "reason": "",
        "number_last4": "",
        "elapsed_ms": 0,
        "receipt": {},
    }
