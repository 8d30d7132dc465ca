"""The switch running: acquirers connect to it, it keeps a link to each issuer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from zheton.adapters.clock import SystemClock
from zheton.adapters.tcp.link import IsoLink
from zheton.adapters.tcp.server import IsoServer, Peer
from zheton.apps.grouping import Grouper
from zheton.core.debit import Journalled
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import UnreachableError, ZhetonError
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message
from zheton.core.token.pan import Pan
from zheton.roles.network.answer import answer, tokenisation
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import (
    Answered,
    abandon,
    complete,
    reversal_heard,
    reversal_message,
    reversals_due,
)
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Answer, Forward, Step, Switch, Wait

ISSUER_TIMEOUT_S = 5.0
BACKGROUND_EVERY_S = 1.0
WAIT_EVERY_S = 0.05
GROUP_MAX = 200
# 00 undone, 25 never heard of: either way nothing is held at the issuer any more.
REVERSAL_SETTLED = frozenset({"00", "25"})
_log = logging.getLogger(__name__)

Tell = Callable[[Sequence[tuple[str, Journalled]]], None]


class NetworkNode:
    """One network process: the vault's database is its own, the issuer is at the end of a link."""

    def __init__(
        self,
        switch: Switch,
        issuer: IsoLink,
        clock: SystemClock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tell: Tell | None = None,
    ) -> None:
        self.switch, self.issuer = switch, issuer
        self._clock, self._tell = clock, tell
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="network-tells")
        self._authorising = Grouper(self._authorise, self._thread)
        # What was forwarded was let in by the queue before, and an outcome is never refused.
        self._completing = Grouper(self._complete, self._thread, queue_max=None)
        self._under_way: dict[str, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._background: list[asyncio.Task[None]] = []
        self._forwards: set[asyncio.Task[Message]] = set()
        self._wake, self._reversals_wake = asyncio.Event(), asyncio.Event()
        self.server = IsoServer(host, port, DIALECT, self._serve)

    async def start(self) -> None:
        """Time out what a crash left open, connect to the issuer, listen."""
        self._loop = asyncio.get_running_loop()
        while await self._loop.run_in_executor(self._thread, abandon, self.switch, GROUP_MAX):
            pass
        await self.issuer.start()
        await self.server.start()
        self._background = [
            self._loop.create_task(self._again_and_again(wake, work))
            for wake, work in (
                (self._reversals_wake, self._reverse_at_issuer),
                (self._wake, self._tell_wallet),
            )
        ]

    async def close(self) -> None:
        """Stop listening, end the link and the background work."""
        await self.server.close()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.issuer.close()
        self._thread.shutdown()
        self._slow.shutdown()

    def exchange(self, _pan: Pan, message: Message) -> Message:
        """The token service's way to the issuer (`roles.tsp.ports.IssuerLink`), from any thread."""
        if self._loop is None:
            raise UnreachableError("The network is not running.")
        request = self.issuer.request(tokenisation(message), ISSUER_TIMEOUT_S)
        return asyncio.run_coroutine_threadsafe(request, self._loop).result()

    async def _serve(self, message: Message, _peer: Peer) -> Message | None:
        try:
            if message.mti in ("0100", "0101"):
                return await self._debit(message)
            if message.mti in ("0400", "0401"):
                response = await asyncio.get_running_loop().run_in_executor(
                    self._thread, reverse, self.switch, message, self._clock.now()
                )
                self._reversals_wake.set()
                self._wake.set()
                return response
        except UnreachableError:
            return answer(message, RESPONSE_CODE[Reason.OVERLOADED])
        _log.warning("a message of type %s is not for a network", message.mti)
        return None

    async def _debit(self, message: Message) -> Message:
        step = await self._authorising(message)
        while isinstance(step, Wait):
            await self._until_done(step.debit)
            step = await self._authorising(message)
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
            try:
                response: Message | None = await self.issuer.request(
                    forward.message, ISSUER_TIMEOUT_S
                )
            except ZhetonError as error:
                _log.warning("the issuer was not asked or is silent: %s", error)
                response = None
            return await self._completing(Answered(forward, response))
        finally:
            del self._under_way[forward.line.debit]
            done.set()
            self._reversals_wake.set()
            self._wake.set()

    async def _until_done(self, debit: str) -> None:
        """Wait for a debit under way; one that another process has is looked up again and again."""
        done = self._under_way.get(debit)
        if done is None:
            await asyncio.sleep(WAIT_EVERY_S)
        else:
            await done.wait()

    def _authorise(self, group: Sequence[Message]) -> list[Step]:
        return authorise(self.switch, group, self._clock.now())

    def _complete(self, group: Sequence[Answered]) -> list[Message]:
        return complete(self.switch, group, self._clock.now())

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

    async def _reverse_at_issuer(self) -> None:
        loop = asyncio.get_running_loop()
        due = await loop.run_in_executor(self._thread, reversals_due, self.switch, GROUP_MAX)
        for line in due:
            message = await loop.run_in_executor(
                self._thread, reversal_message, self.switch, line, self._clock.now()
            )
            response = await self.issuer.request(message, ISSUER_TIMEOUT_S)
            if response.text(39) in REVERSAL_SETTLED:
                await loop.run_in_executor(self._thread, reversal_heard, self.switch, line)
            else:
                _log.warning("the issuer refused a reversal: %s", response.text(39))

    async def _tell_wallet(self) -> None:
        if self._tell is None:
            return
        loop = asyncio.get_running_loop()
        journal = self.switch.journal
        untold = await loop.run_in_executor(self._thread, journal.untold, GROUP_MAX)
        if untold:
            await loop.run_in_executor(self._slow, self._tell, untold)
            await loop.run_in_executor(self._thread, self._mark_told, [line for _, line in untold])

    def _mark_told(self, lines: Sequence[Journalled]) -> None:
        with self.switch.journal.transaction() as tx:
            tx.mark_told(lines)
