"""The acquirer running: sales from tills and shops go out as 0100, and every one has an end."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from zheton.adapters.clock import Clock
from zheton.adapters.storage.interrupted import repeated
from zheton.adapters.tcp.link import IsoLink
from zheton.apps.grouping import Grouper
from zheton.apps.nodes.shop_follow_ups import ShopFollowUps
from zheton.core.emv import tags, tlv
from zheton.core.errors import DecodeError, UnreachableError
from zheton.core.iso8583.message import Message
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.reverse import abandon, reversals_answered, reversals_due
from zheton.roles.acquirer.sell import complete, sell
from zheton.roles.acquirer.state import Acquirer, Record, Sale, Status

ANSWER_TIMEOUT_S = 10.0
REVERSAL_EVERY_S = 2.0
# So much later nobody waits for an answer any more, not even behind a database that is away.
ABANDONED = timedelta(seconds=3 * ANSWER_TIMEOUT_S)
Result = TypeVar("Result")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sold:
    """What came of a sale: its journal line, and what the issuer has for the card (tag 91)."""

    record: Record
    issuer_authentication_data: bytes

    @property
    def approved(self) -> bool:
        """Whether the goods may be handed over."""
        return self.record.status is Status.APPROVED


class AcquirerNode:
    """One acquirer with one link to the network."""

    def __init__(
        self, acquirer: Acquirer, store: AcquirerStore, link: IsoLink, clock: Clock
    ) -> None:
        self.acquirer, self.store, self.link = acquirer, store, link
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="acquirer")
        self._selling = Grouper(self._sell, self._thread)
        self._completing = Grouper(self._complete, self._thread, queue_max=None)
        self._reversals: asyncio.Task[None] | None = None
        self._due = asyncio.Event()
        self.follow_ups = ShopFollowUps(store, link, clock, self._journal, self._due)

    async def start(self) -> None:
        """Connect, give up what was in flight when this acquirer last stopped, and reverse it."""
        await self._give_up(self._clock.now())
        await self.link.start()
        self._due.set()
        self._reversals = asyncio.get_running_loop().create_task(self._reverse())

    async def close(self) -> None:
        """End the link and the background work."""
        if self._reversals is not None:
            self._reversals.cancel()
            await asyncio.gather(self._reversals, return_exceptions=True)
        await self.link.close()
        self._thread.shutdown()

    async def sell(self, sale: Sale) -> Sold:
        """One sale to its end: approved, declined, or reversed for want of an answer."""
        request = await self._selling(sale)
        try:
            response: Message | None = await self.link.request(request, ANSWER_TIMEOUT_S)
        except UnreachableError:
            response = None
        record = await self._completing((request.text(37), response))
        if record.status is Status.REVERSAL_DUE:
            self._due.set()
        return Sold(record, _tag_91(response))

    def _sell(self, group: Sequence[Sale]) -> list[Message]:
        return repeated(partial(sell, group, self.acquirer, self.store, self._clock.now()))

    def _complete(self, outcomes: Sequence[tuple[str, Message | None]]) -> list[Record]:
        return repeated(partial(complete, outcomes, self.store))

    async def _journal(self, work: Callable[[], Result]) -> Result:
        """Do the work of one transaction in the journal's thread, again where it was ended."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(repeated, work))

    async def _give_up(self, before: datetime) -> None:
        """Have those sales reversed that were sent before a moment and got no outcome."""
        while await self._journal(partial(abandon, before, self.store)):
            self._due.set()
        await self.follow_ups.give_up(before)

    async def _reverse(self) -> None:
        """Send what has to be reversed until the network has confirmed it."""
        while True:
            # Not wait_for: Python 3.11's loses a cancellation that comes together with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(REVERSAL_EVERY_S):
                    await self._due.wait()
            self._due.clear()
            for work in (self._reverse_due, self.follow_ups.deliver):
                try:
                    await work()
                except UnreachableError as error:  # the journal's database is away
                    _log.warning("put off: %s", error)
                except Exception:
                    # Neither one bad row nor a defect may end this for all others; the log gets
                    # the place only, for a database's error may quote what was in the row.
                    _log.error("background work failed in %s", work.__name__)

    async def _reverse_due(self) -> None:
        await self._give_up(self._clock.now() - ABANDONED)
        due = await self._journal(partial(reversals_due, self.store, self._clock.now()))
        answers = await asyncio.gather(
            *(self.link.request(message, ANSWER_TIMEOUT_S) for message in due),
            return_exceptions=True,
        )
        heard = [answer for answer in answers if isinstance(answer, Message)]
        if len(heard) < len(due):
            _log.warning("%d reversals were not answered yet", len(due) - len(heard))
        if heard:
            await self._journal(partial(reversals_answered, heard, self.store))


def _tag_91(response: Message | None) -> bytes:
    """The issuer authentication data in an answer; empty where there are none."""
    try:
        chip = tlv.flat(response.binary(55)) if response is not None else {}
    except DecodeError:
        return b""
    return chip.get(tags.ISSUER_AUTHENTICATION_DATA, b"")
