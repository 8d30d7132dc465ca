"""Messages that name an original, at a running switch: taken in groups, asked, told until heard."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial
from typing import TypeVar

from zheton.adapters.clock import Clock
from zheton.adapters.storage.interrupted import repeated
from zheton.adapters.tcp.link import IsoLink
from zheton.apps.grouping import Grouper
from zheton.apps.nodes.closings import tell_closings
from zheton.apps.nodes.rounds import Round
from zheton.core.errors import ZhetonError
from zheton.core.follow_up import reversed_kind
from zheton.core.iso8583.message import Message
from zheton.roles.network.follow_up.conclude import (
    AnsweredFollowUp,
    ForwardFollowUp,
    abandon_follow_ups,
    conclude,
)
from zheton.roles.network.follow_up.take import FollowUpStep
from zheton.roles.network.follow_up.tell import (
    follow_up_heard,
    follow_up_message,
    follow_ups_due,
)
from zheton.roles.network.follow_up_line import FollowUp
from zheton.roles.network.guard import (
    Heard,
    reverse_follow_up_guarded,
    take_follow_ups_guarded,
)
from zheton.roles.network.state import Answer, Switch, Wait
from zheton.roles.network.throttle import Throttle

ISSUER_TIMEOUT_S = 5.0
WAIT_EVERY_S = 0.05
GROUP_MAX = 200
# 00 done, 25 nothing is held any more: either way the issuer's books agree with the journal.
SETTLED = frozenset({"00", "25"})
_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class FollowUpDesk:
    """The part of a network node that serves them; `executor` is the thread of its database."""

    def __init__(
        self,
        switch: Switch,
        issuer: IsoLink,
        clock: Clock,
        executor: Executor,
        throttle: Throttle,
    ) -> None:
        self.switch, self.issuer, self.wake = switch, issuer, asyncio.Event()
        self._clock, self._executor, self._throttle = clock, executor, throttle
        # The node counts requests at its door, and an outcome is never refused.
        self._taking = Grouper(self._take, executor, queue_max=None)
        self._concluding = Grouper(self._conclude, executor, queue_max=None)
        self._telling = Round("follow-ups", self._due, self._tell)
        self._forwards: set[asyncio.Task[Message]] = set()

    async def give_up(self, before: datetime, *, own: bool) -> None:
        """Time out what nobody brings to its end, as the node does with its debits."""
        given_up = partial(abandon_follow_ups, self.switch, GROUP_MAX, before, own=own)
        while await self._journal(given_up):
            self.wake.set()

    async def close(self) -> None:
        """Let end what is under way; without its link that is at once."""
        await asyncio.gather(*self._forwards, return_exceptions=True)

    async def serve(self, heard: Heard) -> Message:
        """The answer to one message."""
        if heard.message.mti[:3] == "040" and reversed_kind(heard.message) is not None:
            return await self._undo(heard)
        step = await self._taking(heard)
        while isinstance(step, Wait):
            await asyncio.sleep(WAIT_EVERY_S)
            step = await self._taking(heard)
        self.wake.set()
        if isinstance(step, Answer):
            if step.decline is not None:
                _log.info("declined: %s (%s)", step.decline.reason, step.decline.text)
            return step.message
        # What its issuer may hear goes to its end, whether or not the acquirer still listens.
        task = asyncio.get_running_loop().create_task(self._forward(step))
        self._forwards.add(task)
        task.add_done_callback(self._forwards.discard)
        return await asyncio.shield(task)

    async def tell_issuer(self) -> None:
        """Tell the issuer what it has to hear; UnreachableError where it did not confirm all."""
        await self._telling.page()

    async def _due(self, count: int, skip: int) -> Sequence[FollowUp]:
        return await self._journal(partial(follow_ups_due, self.switch, count, skip))

    async def _undo(self, heard: Heard) -> Message:
        response = await self._journal(partial(self._reverse, heard))
        self.wake.set()
        return response

    async def _forward(self, forward: ForwardFollowUp) -> Message:
        try:
            response: Message | None = await self.issuer.request(forward.message, ISSUER_TIMEOUT_S)
        except ZhetonError as error:
            _log.warning("the issuer was not asked or is silent: %s", error)
            response = None
        try:
            return await self._concluding(AnsweredFollowUp(forward, response))
        finally:
            self.wake.set()

    async def _tell(self, line: FollowUp) -> bool:
        now = self._clock.now()
        message = await self._journal(partial(follow_up_message, self.switch, line, now))
        response = await self.issuer.request(message, ISSUER_TIMEOUT_S)
        settled = response.text(39) in SETTLED
        if settled:
            await self._journal(partial(follow_up_heard, self.switch, line))
        else:
            _log.warning("the issuer refused what it was told: %s", response.text(39))
        return settled

    def _take(self, group: Sequence[Heard]) -> list[FollowUpStep]:
        now = self._clock.now()
        steps = take_follow_ups_guarded(self.switch, self._throttle, group, now)
        tell_closings(self._throttle)
        return steps

    def _reverse(self, heard: Heard) -> Message:
        now = self._clock.now()
        response = reverse_follow_up_guarded(self.switch, self._throttle, heard, now)
        tell_closings(self._throttle)
        return response

    def _conclude(self, group: Sequence[AnsweredFollowUp]) -> list[Message]:
        return repeated(partial(conclude, self.switch, group))

    async def _journal(self, work: Callable[[], Result]) -> Result:
        """Do the work of one transaction in the journal's thread, again where it was ended."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(repeated, work))
