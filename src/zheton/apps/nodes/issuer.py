"""The issuer as a host: ISO 8583 in, one transaction a group, answers out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from zheton.adapters.clock import Clock
from zheton.adapters.storage.interrupted import repeated
from zheton.adapters.tcp.server import IsoServer, Peer, ServerLimits
from zheton.apps.grouping import GROUP_MAX, QUEUE_MAX, Grouper
from zheton.core.clearing import ClearingFile, SettlementReport
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import UnreachableError
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.ports import IssuerStore, Messenger
from zheton.roles.issuer.post import PostingReport, post
from zheton.roles.issuer.request import answer
from zheton.roles.issuer.settle import Settled, settle
from zheton.roles.issuer.state import Bank


class IssuerNode:
    """One bank's host on one port."""

    def __init__(
        self,
        bank: Bank,
        store: IssuerStore,
        messenger: Messenger,
        clock: Clock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        queue_max: int = QUEUE_MAX,
    ) -> None:
        self.bank, self.store = bank, store
        self._messenger, self._clock = messenger, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="issuer")
        self._handling = Grouper(self._handle, self._thread, queue_max=queue_max)
        # A connection is read beyond the limit, or nobody could be refused on it.
        limits = ServerLimits(in_flight_max=GROUP_MAX + 2 * queue_max)
        self.server = IsoServer(host, port, DIALECT, self._serve, limits=limits)

    async def start(self) -> None:
        """Listen; ConfigurationError if the port is taken."""
        await self.server.start()

    async def close(self) -> None:
        """Stop listening and finish the group that is being worked on."""
        await self.server.close()
        self._thread.shutdown()

    def post(self, file: ClearingFile) -> PostingReport:
        """Book a clearing file of the network."""
        return post(file, self.bank, self.store, self._clock.now())

    def settle(self, report: SettlementReport) -> tuple[Settled, ...]:
        """Book the net settlement that the network reports."""
        return settle(report, self.bank, self.store, self._clock.now())

    async def _serve(self, message: Message, _peer: Peer) -> Message | None:
        try:
            return await self._handling(message)
        except UnreachableError:  # nothing was looked at, so nothing is held
            return answer(message, RESPONSE_CODE[Reason.OVERLOADED], "", "")

    def _handle(self, group: Sequence[Message]) -> list[Message]:
        now = self._clock.now()
        return repeated(partial(handle, group, self.bank, self.store, self._messenger, now))
