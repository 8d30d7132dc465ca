"""What follows sales, at a running acquirer: asked while the shop waits, delivered until heard."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from zheton.adapters.clock import Clock
from zheton.adapters.tcp.link import IsoLink
from zheton.core.errors import UnreachableError
from zheton.core.iso8583.message import Message
from zheton.roles.acquirer.deliver import (
    abandon_follow_ups,
    follow_ups_answered,
    follow_ups_due,
)
from zheton.roles.acquirer.follow import conclude, follow
from zheton.roles.acquirer.follow_up import FollowUp, Wish
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.state import Status

ANSWER_TIMEOUT_S = 10.0
# Told again, with its first trace number, once nobody waits for its answer any more.
REPEAT_AFTER = timedelta(seconds=ANSWER_TIMEOUT_S + 1)
Result = TypeVar("Result")
Journal = Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]
_log = logging.getLogger(__name__)


class ShopFollowUps:
    """The part of an acquirer node that serves them.

    `journal` does one transaction's work in the thread of its database; `due` is set where there is
    something to deliver.
    """

    def __init__(
        self,
        store: AcquirerStore,
        link: IsoLink,
        clock: Clock,
        journal: Journal,
        due: asyncio.Event,
    ) -> None:
        self._store, self._link, self._clock = store, link, clock
        self._work, self._due = journal, due

    async def ask(self, rrn: str, wish: Wish) -> FollowUp:
        """One wish about a sale, as it stands when the network has answered or not in time.

        One that came before under its reference is not asked again. NotFoundError, ConflictError.
        """
        line, request = await self._journal(
            partial(follow, rrn, wish, self._store, self._clock.now())
        )
        if request is None:
            return line
        try:
            response: Message | None = await self._link.request(request, ANSWER_TIMEOUT_S)
        except UnreachableError:
            response = None
        ended = await self._journal(partial(conclude, line, response, self._store))
        if ended.status is Status.REVERSAL_DUE:
            self._due.set()
        return ended

    async def give_up(self, before: datetime) -> None:
        """Have that reversed which was asked before a moment and got no outcome."""
        while await self._journal(partial(abandon_follow_ups, before, self._store)):
            self._due.set()

    async def deliver(self) -> None:
        """Send what the network has to hear."""
        now = self._clock.now()
        due = await self._journal(partial(follow_ups_due, self._store, now - REPEAT_AFTER, now))
        answers = await asyncio.gather(
            *(self._link.request(message, ANSWER_TIMEOUT_S) for _, message in due),
            return_exceptions=True,
        )
        heard = [
            (line, answer)
            for (line, _), answer in zip(due, answers, strict=True)
            if isinstance(answer, Message)
        ]
        if len(heard) < len(due):
            _log.warning("%d follow-ups were not answered yet", len(due) - len(heard))
        if heard:
            await self._journal(partial(follow_ups_answered, heard, self._store))

    async def _journal(self, work: Callable[[], Result]) -> Result:
        done: Result = await self._work(work)
        return done
