"""`zheton band`: the band as a card in a PC/SC virtual reader, and on the air.

`BandInReader` is the band as the reader sees it. Without a terminal it arms itself whenever a
reader powers it, as a wearer does who holds an opened card screen to the till, and Enter arms it at
any other time; on a terminal its wearer does everything (`band_wearer`).
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from zheton.adapters import vpcd
from zheton.adapters.ble.extra import require_bluetooth
from zheton.adapters.clock import SystemClock
from zheton.adapters.vpcd import ATR_CONTACT_T0, ATR_CONTACTLESS, Events, VirtualCard
from zheton.apps.bands import Band, open_band
from zheton.apps.cli.band_wearer import Screen, Wearing, from_lines
from zheton.apps.cli.options import Data, DatabaseUrl
from zheton.apps.lab.people import READER_BAND
from zheton.apps.lab.wearing import wear
from zheton.apps.wiring import DEFAULT_DATA, Installation
from zheton.core.ble.report import Event
from zheton.core.emv import status
from zheton.core.errors import UnreachableError
from zheton.roles.element import transport
from zheton.roles.element.arming import Armed
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.transport import Link

if TYPE_CHECKING:
    from zheton.apps.on_air import BandOnAir  # it imports bumble, which may not be installed

FEW = 16  # payments left at which a band asks its phone to sync
_GENERATE_AC = b"\xae"
_NAMES = {
    0xA4: "SELECT",
    0xA8: "GET PROCESSING OPTIONS",
    0xAE: "GENERATE AC",
    0xB2: "READ RECORD",
    0xC0: "GET RESPONSE",
    0xCA: "GET DATA",
}


class Clock(Protocol):
    """The time of day, aware, UTC."""

    def now(self) -> datetime:
        """The present moment."""
        ...


class BandInReader:
    """An element between its wearer and a reader; both may act at once, so they take turns."""

    def __init__(
        self,
        element: Element,
        clock: Clock,
        say: Callable[[str], None],
        *,
        t0: bool = False,
        helped: bool = True,
    ) -> None:
        """`helped`: it is put on and its passcode is typed by itself, whenever it is armed."""
        self._element, self._clock, self._say = element, clock, say
        self._link = Link(transport.Protocol.T0 if t0 else transport.Protocol.T1)
        self._helped = helped
        self.turn = Lock()

    @property
    def events(self) -> Events:
        """What the reader's controls do to the band."""
        return Events(power_on=self._powered, power_off=self._left, reset=self._powered)

    def answer(self, command: bytes) -> bytes:
        """The band's answer to one command; what passes is told by name and status alone."""
        with self.turn:
            response = self._link.exchange(
                command,
                lambda each: self._element.transmit(Interface.NFC, each, self._clock.now()),
            )
        name = _NAMES.get(command[1], f"INS {command[1]:02X}") if len(command) > 1 else "?"
        self._say(f"{name}: {status.meaning(int.from_bytes(response[-2:]))}")
        return response

    def arm(self) -> None:
        """The wearer opens the card screen; the screen's answer is told."""
        with self.turn:
            if self._helped:
                wear(self._element, self._clock.now())
            result = self._element.arm(self._clock.now())
        if isinstance(result, Armed):
            self._say(f"Armed: {result.label}, {result.credentials_left} payments left.")
        else:
            self._say(result.text)

    def _powered(self) -> None:
        self._left()
        with self.turn:
            armed = self._element.status(self._clock.now()).armed_until is not None
        if self._helped and not armed:
            self.arm()

    def _left(self) -> None:
        with self.turn:
            self._link.reset()
            self._element.reset(Interface.NFC)


def band(
    context: typer.Context,
    data: Data = DEFAULT_DATA,
    database: DatabaseUrl = "",
    name: Annotated[
        str, typer.Option(help="Which band; a new name makes a new one.")
    ] = READER_BAND,
    host: Annotated[str, typer.Option(help="Where vpcd listens.")] = vpcd.HOST,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Its port; 0: in no reader.")
    ] = vpcd.PORT,
    t0: Annotated[bool, typer.Option("--t0", help="Be a T=0 card, for contact readers.")] = False,
    ble: Annotated[
        str, typer.Option(help="A Bluetooth controller, as usb:0 or air:127.0.0.1:7300.")
    ] = "",
) -> None:
    """Put the band into a PC/SC virtual reader and on the air, until Ctrl-C; Enter arms it."""
    on = Installation(data, database=database)
    context.call_on_close(on.close)
    worn = open_band(on, name)
    with ExitStack() as opened:
        run = _Run(worn, opened, drawn=sys.stdin.isatty() and sys.stdout.isatty(), t0=t0)
        if ble:
            run.put_on_air(ble, data / "bands" / f"{name}.bonds")
        if port:
            run.put_into_reader(host, port)
        run.until_the_end()


class _Run:
    """One run of the command: the band, its wearer, and where it was put."""

    def __init__(self, worn: Band, opened: ExitStack, *, drawn: bool, t0: bool) -> None:
        self._worn, self._opened, self._t0 = worn, opened, t0
        self._screen = Screen(self._radio) if drawn else None
        self._say = self._screen.say if self._screen else typer.echo
        clock, element = SystemClock(), worn.element
        self._in_reader = BandInReader(element, clock, self._say, t0=t0, helped=not drawn)
        turn = self._in_reader.turn
        self._wearing = Wearing(element, clock, turn, self._say, self._in_reader.arm)
        self._clock = clock
        self._card: VirtualCard | None = None
        self._on_air: BandOnAir | None = None

    def put_on_air(self, transport: str, bonds: Path) -> None:
        """Start the band's radio; ConfigurationError if Bluetooth is not installed."""
        require_bluetooth()
        from zheton.apps.on_air import AskedWearer, BandOnAir, ElementOnAir

        on_air = ElementOnAir(self._worn.element, self._clock, self._in_reader.turn)
        wearer = AskedWearer(self._wearing.ask, self._say)
        band = BandOnAir(transport, self._worn.element, on_air, wearer, bonds)
        self._on_air = self._wearing.radio = self._opened.enter_context(band)
        self._say(f"Band {self._worn.serial} is on the air at {transport}.")

    def put_into_reader(self, host: str, port: int) -> None:
        """Insert the band; UnreachableError if no virtual reader listens there."""
        atr = ATR_CONTACT_T0 if self._t0 else ATR_CONTACTLESS
        in_reader = self._in_reader
        card = VirtualCard(self._answer, in_reader.events, atr=atr, host=host, port=port)
        self._card = self._opened.enter_context(card)
        self._say(f"Band {self._worn.serial} is in the reader at {host}:{port}. Enter arms it.")

    def _answer(self, command: bytes) -> bytes:
        """The band's answer to a reader; after a debit its phone hears that numbers get few."""
        answer = self._in_reader.answer(command)
        if self._on_air is not None and command[1:2] == _GENERATE_AC:
            left = sum(card.credentials_left for card in self._wearing.status().cards)
            self._on_air.tell(Event.SYNC_WANTED if left < FEW else Event.STATE_CHANGED)
        return answer

    def until_the_end(self) -> None:
        """Serve the reader, and listen to the wearer, until Ctrl-C or the wearer's end."""
        try:
            if self._screen is not None:
                self._draw(self._screen)
            else:
                Thread(target=from_lines, args=(self._wearing,), daemon=True).start()
                self._serve()
        except KeyboardInterrupt:
            typer.echo("Taken out of the reader." if self._card else "Switched off.")

    def _serve(self) -> None:
        if self._card is None:
            Flag().wait()  # what comes over the air needs nobody here
        else:
            self._card.serve()

    def _draw(self, screen: Screen) -> None:
        if self._card is not None:
            Thread(target=self._serve_or_say, daemon=True).start()
        with screen.shown(self._wearing):
            screen.keys(self._wearing)

    def _serve_or_say(self) -> None:
        try:
            self._serve()
        except UnreachableError as error:
            self._say(str(error))

    def _radio(self) -> str:
        if self._on_air is None:
            return ""
        radio = self._on_air.peripheral
        return "pairing mode" if radio.pairing else "phone" if radio.connected else "no phone"
