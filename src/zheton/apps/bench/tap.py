"""`bench tap`: a whole tap, from SELECT PPSE to the answer of GENERATE AC, by another number each.

The band's element and the till's kernel in one process, with the element's memory on the disk
(flushed before a cryptogram leaves) and once more in memory; and through PC/SC where its programs
are installed. The token service issues what is spent, and checks each cryptogram afterwards.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import FileMemory, TransientMemory
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.bands import DEFAULT_BAND
from zheton.apps.bench.cards import BenchCard, batches_of, credential, fill, issue
from zheton.apps.bench.reader import BandReader, why_no_reader
from zheton.apps.bench.report import Check, Report, Setting, percentile
from zheton.apps.lab.wearing import wear
from zheton.apps.wiring import Installation
from zheton.core.country import country
from zheton.core.emv import tags, tlv
from zheton.core.emv.apdu import Response
from zheton.core.emv.cryptogram import cryptogram_input, verify_application_cryptogram
from zheton.core.errors import ConflictError, VerificationError
from zheton.core.money import currency, money
from zheton.core.token.batch import BATCH_SIZE
from zheton.roles.element.arming import Armed
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.manufacture import manufacture
from zheton.roles.element.ports import Memory
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import OnlineRequest, Sale
from zheton.roles.terminal.ports import Card
from zheton.roles.terminal.state import TerminalConfig, Transaction

NETWORK = "mastercard"
WARM_UP = 5  # taps that are made, checked and not timed


@dataclass(frozen=True, slots=True)
class Taps:
    """The sales of some taps, and what each tap took."""

    took_ms: tuple[float, ...]
    sales: tuple[Sale, ...]

    def figures(self, prefix: str) -> dict[str, float | None]:
        return {
            f"{prefix}tap_ms_median": percentile(self.took_ms, 50),
            f"{prefix}tap_ms_p99": percentile(self.took_ms, 99),
        }


@dataclass(frozen=True, slots=True)
class Wrist:
    """A band and its card; `turn` is for what a reader and the wearer do at the same time."""

    on: Installation
    card: BenchCard
    element: Element
    till: TerminalConfig
    turn: Lock = field(default_factory=Lock)

    def arm(self) -> None:
        """Open the card screen, with new numbers first if none are left."""
        if self.element.credentials_left() == 0:
            self._refill()
        with self.turn:
            wear(self.element, self.on.clock.now())
            armed = self.element.arm(self.on.clock.now())
        if not isinstance(armed, Armed):
            raise ConflictError(f"The bench's band does not arm: {armed.text}")

    def leave(self) -> None:
        """The field is gone."""
        with self.turn:
            self.element.reset(Interface.NFC)

    def present(self, card: Card) -> tuple[float, Sale]:
        """One tap at a till by way of `card`: its milliseconds, and what the acquirer would get."""
        now = self.on.clock.now()
        charge = money("350", "RUB")
        transaction = Transaction(charge, now.date(), now.time(), self.on.entropy.take(4), 1)
        before = time.perf_counter()
        outcome = tap(card, self.till, transaction, self.on.clock)
        took_ms = (time.perf_counter() - before) * 1000
        if not isinstance(outcome, OnlineRequest):
            raise ConflictError(f"The bench's band made no cryptogram: {outcome.reason}.")
        return took_ms, outcome.sale

    def transceive(self, command: bytes) -> bytes:
        """The band in a field without a reader (`roles.terminal.ports.Card`)."""
        return self.element.transmit(Interface.NFC, command, self.on.clock.now())

    def _refill(self) -> None:
        # The domain's sequence counter rises by one with each package, from 0.
        counter = sum(1 for _ in batches_of(self.on, self.card))
        for command in fill(self.on, self.card, counter=counter).commands:
            with self.turn:
                answer = self.element.transmit(Interface.HOST, command, self.on.clock.now())
            if not Response.decode(answer).ok:
                raise ConflictError("The bench's band refused its package.")


def bench_tap(count: int) -> Report:
    """Tap `count` times with each kind of memory and, where it can be had, through PC/SC."""
    missing = why_no_reader()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="zheton-bench-")))
        on = Installation(folder)
        cards = issue(on, 3)
        flushed = new_wrist(on, next(cards), FileMemory(folder / "flushed.se"))
        direct = _taps(count, flushed, lambda: flushed.present(flushed))
        transient = new_wrist(on, next(cards), TransientMemory())
        memory = _taps(count, transient, lambda: transient.present(transient))
        done = [(flushed, direct), (transient, memory)]
        figures = direct.figures("") | memory.figures("memory_")
        figures |= dict.fromkeys(("pcsc_tap_ms_median", "pcsc_tap_ms_p99"))
        if missing is None:
            read = new_wrist(on, next(cards), FileMemory(folder / "read.se"))
            reader = stack.enter_context(BandReader(read.element, read.turn, on.clock, folder))
            through = _taps(count, read, lambda: reader.with_card(read.present))
            done.append((read, through))
            figures |= through.figures("pcsc_")
        checks = [check for wrist, taps in done for check in _checks(wrist, taps, count)]
    settings: dict[str, Setting] = {
        "taps": count,
        "network": NETWORK,
        "device": DEFAULT_BAND,
        "memory": "a file, flushed before a cryptogram leaves; memory_*: without a disk",
        "pcsc": missing or "pcscd and vpcd of its own, T=1",
    }
    return Report("tap", figures, settings, checks)


def new_wrist(on: Installation, card: BenchCard, memory: Memory) -> Wrist:
    """A band as it leaves the factory, with nothing of the card in it yet."""
    serial = card.device.serial
    manufacture(memory, serial=bytes.fromhex(serial), payment_keys=on.keys.device_keys(serial))
    till = load_terminal(country("RU"), currency("RUB"))
    return Wrist(on, card, Element(memory, device_named(DEFAULT_BAND), on.entropy), till)


def _taps(count: int, wrist: Wrist, present: Callable[[], tuple[float, Sale]]) -> Taps:
    took, sales = [], []
    for _ in range(WARM_UP + count):
        wrist.arm()
        took_ms, sale = present()
        wrist.leave()
        took.append(took_ms)
        sales.append(sale)
    return Taps(tuple(took[WARM_UP:]), tuple(sales))


def _checks(wrist: Wrist, taps: Taps, count: int) -> list[Check]:
    numbers = {sale.number for sale in taps.sales}
    return [
        Check("every tap had a number of its own", len(numbers) == WARM_UP + count),
        Check("every cryptogram is right", verified(wrist, taps.sales) == numbers),
    ]


def verified(wrist: Wrist, sales: Sequence[Sale]) -> set[str]:
    """The numbers whose cryptogram the token service finds right, with keys derived anew."""
    on, version = wrist.on, wrist.on.schemes.named(NETWORK).cryptogram
    scheme = on.schemes.named(NETWORK)
    issued = {
        spent.number: spent
        for batch in batches_of(on, wrist.card)
        for place in range(BATCH_SIZE)
        for spent in (credential(on, scheme, batch, place),)
    }
    right = set()
    for sale in sales:
        chip, spent = tlv.flat(sale.chip), issued.get(sale.number)
        if spent is None or chip[tags.ATC] != spent.atc.to_bytes(2):
            continue
        signed = cryptogram_input(version, chip, chip[tags.ISSUER_APPLICATION_DATA])
        try:
            verify_application_cryptogram(
                version.cipher, spent.session_key, signed, chip[tags.APPLICATION_CRYPTOGRAM]
            )
        except VerificationError:
            continue
        right.add(sale.number)
    return right
