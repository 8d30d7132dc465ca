"""The issuer as a host: ISO 8583 in, one transaction a group, answers out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from zheton.adapters.clock import SystemClock
from zheton.adapters.tcp.server import IsoServer, Peer
from zheton.apps.grouping import Grouper
from zheton.core.clearing import ClearingFile, SettlementReport
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.ports import IssuerStore, Messenger
from zheton.roles.issuer.post import PostingReport, post
from zheton.roles.issuer.settle import Settled, settle
from zheton.roles.issuer.state import Bank


class IssuerNode:
    """One bank's host on one port."""

    def __init__(
        self,
        bank: Bank,
        store: IssuerStore,
        messenger: Messenger,
        clock: SystemClock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.bank, self.store = bank, store
        self._messenger, self._clock = messenger, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="issuer")
        self._handling = Grouper(self._handle, self._thread)
        self.server = IsoServer(host, port, DIALECT, self._serve)

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
        return await self._handling(message)

    def _handle(self, group: Sequence[Message]) -> list[Message]:
        return handle(group, self.bank, self.store, self._messenger, self._clock.now())
