"""The switch running: acquirers connect to it, it keeps a link to each issuer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TypeVar

from zheton.adapters.clock import Clock
from zheton.adapters.storage.interrupted import repeated
from zheton.adapters.tcp.link import IsoLink
from zheton.adapters.tcp.server import IsoServer, Peer, ServerLimits
from zheton.adapters.throttle_file import load_throttling
from zheton.apps.grouping import Grouper
from zheton.apps.nodes.advising import Advising
from zheton.apps.nodes.closings import tell_closings
from zheton.apps.nodes.follow_ups import FollowUpDesk
from zheton.apps.nodes.issuer_line import IssuerLine
from zheton.apps.nodes.rounds import Round
from zheton.core.debit import Journalled
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import UnreachableError, ZhetonError
from zheton.core.follow_up import names_original
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message
from zheton.roles.network.answer import answer
from zheton.roles.network.complete import (
    Answered,
    abandon,
    complete,
    reversal_heard,
    reversal_message,
    reversals_due,
)
from zheton.roles.network.guard import Heard, authorise_guarded, reverse_guarded
from zheton.roles.network.state import Answer, Forward, Step, Switch, Wait
from zheton.roles.network.throttle import Throttle, Throttling

ISSUER_TIMEOUT_S = 5.0
# So much later than the issuer may answer nobody works on a debit any more: not a process that
# waits for its database, and not one whose clock goes a little wrong.
GRACE_S = 10.0
ABANDONED = timedelta(seconds=ISSUER_TIMEOUT_S + GRACE_S)
BACKGROUND_EVERY_S = 1.0
WAIT_EVERY_S = 0.05
GROUP_MAX = 200
REQUESTS_MAX = 4096  # under way at once; one more is answered 91 at once instead of late
CLOSING_S = 2.0
_DEBITS, _ADVICES, _REVERSALS = ("0100", "0101"), ("0220", "0221"), ("0400", "0401")
# 00 undone, 25 never heard of: either way nothing is held at the issuer any more.
REVERSAL_SETTLED = frozenset({"00", "25"})
_log = logging.getLogger(__name__)

Result = TypeVar("Result")
Tell = Callable[[Sequence[tuple[str, Journalled]]], None]


class NetworkNode:
    """One network process, with the issuer at the end of a link.

    A vault may have several. What one of them leaves pending when it dies any other times out once
    it is old (`ABANDONED`); it does so itself, at once, when it starts again under the same mark.
    All that they have to agree on is in the vault; memory only saves looks at it.
    """

    abandoned = ABANDONED

    def __init__(
        self,
        switch: Switch,
        issuer: IsoLink,
        clock: Clock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tell: Tell | None = None,
        requests_max: int = REQUESTS_MAX,
        throttling: Throttling | None = None,
    ) -> None:
        self.switch, self.issuer = switch, issuer
        self.issuer_line = IssuerLine(issuer)
        self._clock, self._tell = clock, tell
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="network-tells")
        self.throttle = Throttle(throttling or load_throttling())  # of the journal's thread
        # Requests are counted at the door, and an outcome is never refused.
        self._requests, self._requests_max = 0, requests_max
        self._authorising = Grouper(self._authorise, self._thread, queue_max=None)
        self._completing = Grouper(self._complete, self._thread, queue_max=None)
        self._reversals = Round("reversals", self._reversals_due, self._reverse_one)
        self.follow_ups = FollowUpDesk(switch, issuer, clock, self._thread, self.throttle)
        self._under_way: dict[str, asyncio.Event] = {}
        self._background: list[asyncio.Task[None]] = []
        self._forwards: set[asyncio.Task[Message]] = set()
        self._wake, self._reversals_wake = asyncio.Event(), asyncio.Event()
        self._advices_wake = asyncio.Event()
        self._advising = Advising(switch, issuer, self._journal, clock)
        # A connection is read beyond the limit, or nobody could be refused on it.
        limits = ServerLimits(in_flight_max=2 * requests_max)
        self.server = IsoServer(host, port, DIALECT, self._serve, limits=limits)

    async def start(self) -> None:
        """Time out what a crash left open, connect to the issuer, listen."""
        await self._give_up(own=True)
        await self.issuer_line.start()
        await self.server.start()
        loop = asyncio.get_running_loop()
        self._background = [
            loop.create_task(self._again_and_again(wake, work))
            for wake, work in (
                (self.follow_ups.wake, self.follow_ups.tell_issuer),
                (self._reversals_wake, self._reversals.page),
                (self._advices_wake, self._advising.deliver),
                (self._wake, self._tell_wallet),
                (asyncio.Event(), self._give_up),
            )
        ]

    async def close(self) -> None:
        """Stop listening, let the debits under way end, then the link and the background work."""
        await self.server.close()
        if self._forwards:
            await asyncio.wait(self._forwards, timeout=CLOSING_S)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.issuer_line.close()
        # Without the link those that are left end at once, and their reversals are due.
        await asyncio.gather(*self._forwards, return_exceptions=True)
        await self.follow_ups.close()
        self._thread.shutdown()
        self._slow.shutdown()

    async def _serve(self, message: Message, peer: Peer) -> Message | None:
        if message.mti not in (*_DEBITS, *_ADVICES, *_REVERSALS):
            _log.warning("a message of type %s is not for a network", message.mti)
            return None
        if self._requests >= self._requests_max:
            return answer(message, RESPONSE_CODE[Reason.OVERLOADED])
        self._requests += 1
        try:
            if names_original(message):
                return await self.follow_ups.serve(Heard(message, peer.line))
            serve = self._debit if message.mti in _DEBITS else self._undo
            return await serve(Heard(message, peer.line))
        except UnreachableError:
            return answer(message, RESPONSE_CODE[Reason.OVERLOADED])
        finally:
            self._requests -= 1

    async def _undo(self, heard: Heard) -> Message:
        response = await self._journal(partial(self._reverse, heard))
        self._reversals_wake.set()
        self._wake.set()
        return response

    async def _debit(self, heard: Heard) -> Message:
        step = await self._authorising(heard)
        while isinstance(step, Wait):
            await self._until_done(step.debit)
            step = await self._authorising(heard)
        if isinstance(step, Answer):
            if step.decline is not None:
                _log.info("declined: %s (%s)", step.decline.reason, step.decline.text)
            self._wake.set()
            return step.message
        # A debit that is burnt goes to its end, whether or not the acquirer still listens.
        task = asyncio.get_running_loop().create_task(self._forward(step))
        self._forwards.add(task)
        task.add_done_callback(self._forwards.discard)
        return await asyncio.shield(task)

    async def _forward(self, forward: Forward) -> Message:
        done = self._under_way[forward.line.debit] = asyncio.Event()
        try:
            return await self._completing(await self._answered(forward))
        finally:
            del self._under_way[forward.line.debit]
            done.set()
            self._reversals_wake.set()
            self._advices_wake.set()
            self._wake.set()

    async def _answered(self, forward: Forward) -> Answered:
        if self.issuer.is_away:  # it is not waited for: it may stay away for long
            return Answered(forward, None, asked=False)
        try:
            response = await self.issuer.request(forward.message, ISSUER_TIMEOUT_S)
        except UnreachableError as error:
            _log.warning("the issuer is silent: %s", error)
            return Answered(forward, None)
        except ZhetonError as error:  # no failure of the issuer: nobody stands in for it
            _log.warning("the issuer can't be asked: %s", error)
            return Answered(forward, None, asked=False, can_be_asked=False)
        return Answered(forward, response)

    async def _until_done(self, debit: str) -> None:
        """Wait for a debit under way; one that another process has is looked up again and again."""
        done = self._under_way.get(debit)
        if done is None:
            await asyncio.sleep(WAIT_EVERY_S)
        else:
            await done.wait()

    def _authorise(self, group: Sequence[Heard]) -> list[Step]:
        steps = authorise_guarded(self.switch, self.throttle, group, self._clock.now())
        tell_closings(self.throttle)
        return steps

    def _reverse(self, heard: Heard) -> Message:
        response = reverse_guarded(self.switch, self.throttle, heard, self._clock.now())
        tell_closings(self.throttle)
        return response

    def _complete(self, group: Sequence[Answered]) -> list[Message]:
        return repeated(partial(complete, self.switch, group, self._clock.now()))

    async def _journal(self, work: Callable[[], Result]) -> Result:
        """Do the work of one transaction in the journal's thread, again where it was ended."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(repeated, work))

    async def _give_up(self, *, own: bool = False) -> None:
        """Time out debits that nobody brings to their end; `own`: those of this switch at once."""
        before = self._clock.now() - self.abandoned
        given_up = partial(abandon, self.switch, GROUP_MAX, before, own=own)
        while await self._journal(given_up):
            self._reversals_wake.set()
        await self.follow_ups.give_up(before, own=own)

    async def _again_and_again(
        self, wake: asyncio.Event, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Background work: whenever something has happened, and now and then in any case."""
        while True:
            # Not wait_for: Python 3.11's loses a cancellation that comes together with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(BACKGROUND_EVERY_S):
                    await wake.wait()
            wake.clear()
            try:
                await work()
            except UnreachableError as error:
                _log.warning("put off: %s", error)
                await asyncio.sleep(BACKGROUND_EVERY_S)
            except Exception:
                # One bad row must not end this work for all others; the log gets the place only,
                # for the text of a database's error may quote what was in the row.
                _log.error("background work failed in %s", work.__name__)
                await asyncio.sleep(BACKGROUND_EVERY_S)

    async def _reversals_due(self, count: int, skip: int) -> Sequence[Journalled]:
        return await self._journal(partial(reversals_due, self.switch, count, skip))

    async def _reverse_one(self, line: Journalled) -> bool:
        message = await self._journal(
            partial(reversal_message, self.switch, line, self._clock.now())
        )
        response = await self.issuer.request(message, ISSUER_TIMEOUT_S)
        settled = response.text(39) in REVERSAL_SETTLED
        if settled:
            await self._journal(partial(reversal_heard, self.switch, line))
        else:
            _log.warning("the issuer refused a reversal: %s", response.text(39))
        return settled

    async def _tell_wallet(self) -> None:
        if self._tell is None:
            return
        untold = await self._journal(partial(self.switch.journal.untold, GROUP_MAX))
        if untold:
            await asyncio.get_running_loop().run_in_executor(self._slow, self._tell, untold)
            await self._journal(partial(self._mark_told, [line for _, line in untold]))

    def _mark_told(self, lines: Sequence[Journalled]) -> None:
        with self.switch.journal.transaction() as tx:
            tx.mark_told(lines)
