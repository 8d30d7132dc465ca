"""`zheton band`: the band as a card in a PC/SC virtual reader.

`BandInReader` is the band as the reader sees it. It arms itself whenever a reader powers it, as a
wearer does who holds an opened card screen to the till; Enter arms it at any other time.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from threading import Lock, Thread
from typing import Annotated, Protocol

import typer

from zheton.adapters import vpcd
from zheton.adapters.clock import SystemClock
from zheton.adapters.vpcd import ATR_CONTACT_T0, ATR_CONTACTLESS, Events, VirtualCard
from zheton.apps.bands import open_band
from zheton.apps.cli.options import Data, DatabaseUrl
from zheton.apps.lab.people import READER_BAND
from zheton.apps.lab.wearing import wear
from zheton.apps.wiring import DEFAULT_DATA, Installation
from zheton.core.emv import status
from zheton.core.errors import UnreachableError
from zheton.roles.element import transport
from zheton.roles.element.arming import Armed
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.transport import Link

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
    ) -> None:
        self._element, self._clock, self._say = element, clock, say
        self._link = Link(transport.Protocol.T0 if t0 else transport.Protocol.T1)
        self._turn = Lock()

    @property
    def events(self) -> Events:
        """What the reader's controls do to the band."""
        return Events(power_on=self._powered, power_off=self._left, reset=self._powered)

    def answer(self, command: bytes) -> bytes:
        """The band's answer to one command; what passes is told by name and status alone."""
        with self._turn:
            response = self._link.exchange(
                command,
                lambda each: self._element.transmit(Interface.NFC, each, self._clock.now()),
            )
        name = _NAMES.get(command[1], f"INS {command[1]:02X}") if len(command) > 1 else "?"
        self._say(f"{name}: {status.meaning(int.from_bytes(response[-2:]))}")
        return response

    def arm(self) -> None:
        """The wearer opens the card screen; the screen's answer is told."""
        with self._turn:
            wear(self._element, self._clock.now())
            result = self._element.arm(self._clock.now())
        if isinstance(result, Armed):
            self._say(f"Armed: {result.label}, {result.credentials_left} payments left.")
        else:
            self._say(result.text)

    def _powered(self) -> None:
        self._left()
        with self._turn:
            armed = self._element.status(self._clock.now()).armed_until is not None
        if not armed:
            self.arm()

    def _left(self) -> None:
        with self._turn:
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
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = vpcd.PORT,
    t0: Annotated[bool, typer.Option("--t0", help="Be a T=0 card, for contact readers.")] = False,
) -> None:
    """Put the band into a PC/SC virtual reader until Ctrl-C; Enter arms it."""
    on = Installation(data, database=database)
    context.call_on_close(on.close)
    worn = open_band(on, name)
    in_reader = BandInReader(worn.element, SystemClock(), typer.echo, t0=t0)
    atr = ATR_CONTACT_T0 if t0 else ATR_CONTACTLESS
    with VirtualCard(in_reader.answer, in_reader.events, atr=atr, host=host, port=port) as card:
        typer.echo(f"Band {worn.serial} is in the reader at {host}:{port}. Enter arms it.")
        Thread(target=_arm_on_enter, args=(in_reader,), daemon=True).start()
        try:
            card.serve()
        except KeyboardInterrupt:
            typer.echo("Taken out of the reader.")


def _arm_on_enter(in_reader: BandInReader) -> None:
    for _ in sys.stdin:
        try:
            in_reader.arm()
        except UnreachableError as error:
            typer.echo(str(error), err=True)
