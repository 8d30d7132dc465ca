"""The end of a day: files go from acquirer to network to issuer, and banks pay what they owe."""

import asyncio
from dataclasses import dataclass
from datetime import date

from zheton.adapters import ipm
from zheton.adapters.clock import Clock
from zheton.apps.nodes.acquirer import AcquirerNode
from zheton.apps.nodes.issuer import IssuerNode
from zheton.apps.trace import Trace
from zheton.core.clearing import Presentment, SettlementReport
from zheton.core.decline import Decline
from zheton.roles.acquirer.clear import clear as present
from zheton.roles.issuer.post import PostingReport
from zheton.roles.issuer.settle import Settled
from zheton.roles.network.clear import ClearingStore, ResolvedCard, clear
from zheton.roles.network.resolve import resolve
from zheton.roles.network.state import Switch


@dataclass(frozen=True, slots=True)
class ClearedFile:
    """What became of one clearing file at the network and at the bank."""

    report: SettlementReport
    posted: PostingReport | None
    settled: tuple[Settled, ...]


@dataclass(frozen=True, slots=True)
class BackOffice:
    """The three parties of clearing, and the wire that files take between them."""

    acquirer: AcquirerNode
    switch: Switch
    clearing: ClearingStore
    issuer: IssuerNode
    trace: Trace
    clock: Clock

    async def close_day(self, day: date) -> list[ClearedFile]:
        """Present, clear, post and settle everything that was approved up to a day."""
        return await asyncio.to_thread(self._close_day, day)

    def _close_day(self, day: date) -> list[ClearedFile]:
        done: list[ClearedFile] = []
        while True:
            file = present(day, self.acquirer.acquirer, self.acquirer.store)
            if file is None:
                return done
            done.append(self._clear(ipm.write(file)))

    def _clear(self, incoming: bytes) -> ClearedFile:
        self.trace.record("acquirer", "vault", "file", incoming, "clearing file")
        bank = self.issuer.bank.participant

        def card_of(presentment: Presentment) -> ResolvedCard | Decline:
            return resolve(self.switch, presentment, bank, self.clock.now())

        cleared = clear(ipm.read(incoming), card_of, self.clearing)
        posted = None
        if bank in cleared.outgoing:
            outgoing = ipm.write(cleared.outgoing[bank])
            self.trace.record("vault", "issuer", "file", outgoing, "clearing file")
            posted = self.issuer.post(ipm.read(outgoing))
        return ClearedFile(cleared.report, posted, self.issuer.settle(cleared.report))
