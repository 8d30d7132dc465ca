"""A till of the lab: the terminal reads a band, the acquirer asks, the receipt is printed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from zheton.adapters.clock import Clock
from zheton.adapters.entropy import SystemEntropy
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.nodes.acquirer import AcquirerNode, Sold
from zheton.apps.trace import Trace
from zheton.core.money import Money
from zheton.roles.acquirer.state import ChipEntry, CodeEntry, Sale, Till
from zheton.roles.acquirer.till_time import till_time
from zheton.roles.element.element import Element, Interface
from zheton.roles.terminal.completion import complete
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import OnlineRequest, Outcome
from zheton.roles.terminal.state import Authority, Transaction


@dataclass(frozen=True, slots=True)
class Paid:
    """The end of one debit: what the till shows, and what the acquirer has of it if asked."""

    outcome: Outcome
    sold: Sold | None


class TracedCard:
    """A band in the field of a till, with everything between them recorded."""

    def __init__(self, element: Element, trace: Trace, clock: Clock, interface: Interface) -> None:
        self._element, self._trace, self._clock = element, trace, clock
        self._interface = interface
        self._reader = "terminal" if interface is Interface.NFC else "companion"

    def transceive(self, command: bytes) -> bytes:
        """One command and its answer (`roles.terminal.ports.Card`)."""
        self._trace.record(self._reader, "element", "apdu", command)
        before = self._clock.elapsed_ms()
        response = self._element.transmit(self._interface, command, self._clock.now())
        took_ms = self._clock.elapsed_ms() - before
        self._trace.record("element", self._reader, "apdu", response, took_ms=took_ms)
        return response


@dataclass(frozen=True, slots=True)
class Counter:
    """The tills of the lab, all at one acquirer."""

    acquirer: AcquirerNode
    trace: Trace
    clock: Clock
    entropy: SystemEntropy
    authorities: Sequence[Authority]

    def present(self, element: Element, till: Till, amount: Money) -> Outcome:
        """The tap: from PPSE to GENERATE AC; nothing has left the till yet."""
        now = self.clock.now()
        config = load_terminal(
            till.merchant.country, till.merchant.currency, authorities=self.authorities
        )
        transaction = Transaction(
            amount,
            now.date(),
            now.time(),
            self.entropy.take(4),
            sequence=1,
            further_numbers=(self.entropy.take(4), self.entropy.take(4)),
        )
        card = TracedCard(element, self.trace, self.clock, Interface.NFC)
        outcome = tap(card, config, transaction, self.clock)
        element.reset(Interface.NFC)
        return outcome

    async def charge(self, till: Till, amount: Money, outcome: OnlineRequest) -> Paid:
        """The online request of a tap, to its end."""
        sale = outcome.sale
        entry = ChipEntry(sale.number, sale.expiry, sale.psn, sale.track2, sale.chip)
        sold = await self._sell(
            "terminal",
            Sale(till, amount, entry, till_time(sale.chip, self.clock.now())),
            {"number": sale.number, "track2": sale.track2, "chip": sale.chip.hex()},
        )
        code = sold.record.response_code or None
        return Paid(complete(outcome, code, sold.issuer_authentication_data or None), sold)

    async def charge_online(
        self, till: Till, amount: Money, number: str, expiry: str, code: str
    ) -> Sold:
        """A purchase in a web shop with a number and its dynamic code."""
        local_time = self.clock.now().replace(microsecond=0, tzinfo=None)  # the lab keeps UTC
        sale = Sale(till, amount, CodeEntry(number, expiry, code), local_time)
        return await self._sell("web shop", sale, {"number": number, "code": code})

    async def _sell(self, seller: str, sale: Sale, entry: dict[str, str | None]) -> Sold:
        request = {
            "terminal": sale.till.terminal,
            "amount_minor": sale.amount.minor,
            "currency": sale.amount.currency.code,
            **entry,
        }
        self.trace.record(seller, "acquirer", "internal", json.dumps(request).encode(), "sale")
        before = self.clock.elapsed_ms()
        sold = await self.acquirer.sell(sale)
        answer = {
            "status": sold.record.status,
            "response_code": sold.record.response_code,
            "auth_code": sold.record.auth_code,
            "par": sold.record.par,
        }
        took_ms = self.clock.elapsed_ms() - before
        self.trace.record(
            "acquirer", seller, "internal", json.dumps(answer).encode(), "answer", took_ms
        )
        return sold
