"""Bands and phones on the air for programs that block: `bumble` runs in a thread beside them.

`BandOnAir` puts an element's host interface on the air; `PhoneOnAir` is a phone that reaches one.
Importing this needs the extra `ble`: call `require_bluetooth` before.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from zheton.adapters.ble.bonds import Bonds
from zheton.adapters.ble.central import BandLink, Central, Sighting
from zheton.adapters.ble.pairing import Abilities, Person
from zheton.adapters.ble.peripheral import Kind, Peripheral, Wearer
from zheton.adapters.ble.radio import open_radio
from zheton.adapters.clock import Clock
from zheton.adapters.secret_file import write_private
from zheton.core.ble.report import CardReport, Event, Report
from zheton.roles.element.element import Element, Interface

_T = TypeVar("_T")
FULL_PERCENT = 100
FIND_S = 10.0  # many times the interval at which a band advertises


class LoopThread:
    """An event loop in a thread of its own, and what was opened in it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = Thread(target=self.loop.run_forever, daemon=True)
        self.opened = AsyncExitStack()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.run(self.opened.aclose())
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            self.loop.close()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of a coroutine, waited for."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def soon(self, call: Callable[[], None]) -> None:
        """Call something in the loop, and do not wait."""
        self.loop.call_soon_threadsafe(call)


class ElementOnAir:
    """An element as the radio sees it; `turn` keeps its other users off meanwhile."""

    def __init__(self, element: Element, clock: Clock, turn: Lock) -> None:
        self._element, self._clock, self._turn = element, clock, turn

    def exchange(self, command: bytes) -> bytes:
        """One command on the host interface."""
        with self._turn:
            return self._element.transmit(Interface.HOST, command, self._clock.now())

    def cut(self) -> None:
        """The link is gone: selection and session end."""
        with self._turn:
            self._element.reset(Interface.HOST)

    def report(self) -> Report:
        """The element's state for its owner's phone."""
        with self._turn:
            status = self._element.status(self._clock.now())
        cards = (CardReport(c.card_ref, c.credentials_left, c.abandoned) for c in status.cards)
        return Report(
            status.serial,
            armed=status.armed_until is not None,
            worn=status.worn,
            locked=status.tries_left == 0,
            cards=tuple(cards),
        )

    def battery(self) -> int:
        """A program has mains."""
        return FULL_PERCENT


class Asking(Protocol):
    """How a program puts a question to its user. It is called in the radio's thread."""

    def __call__(self, question: str, answer: Callable[[bool], None]) -> None:
        """Ask, and call `answer`, from any thread, when there is one."""
        ...


class AskedWearer:
    """The wearer, whom a program asks on its screen."""

    def __init__(self, ask: Asking, say: Callable[[str], None]) -> None:
        self._ask, self._say = ask, say

    async def same(self, number: int) -> bool:
        """Whether the phone shows this number, too."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bool] = loop.create_future()

        def settle(yes: bool) -> None:
            if not answered.done():
                answered.set_result(yes)

        self._ask(
            f"Does the phone show {number:06d}?", lambda yes: _soon(loop, lambda: settle(yes))
        )
        return await answered

    async def shown(self, number: int) -> None:
        """Show what is to be typed into the phone."""
        self._say(f"Type {number:06d} into the phone.")


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(call)


class BandOnAir(LoopThread):
    """A band's radio, for as long as the context lasts."""

    def __init__(
        self, transport: str, element: Element, worn: ElementOnAir, wearer: Wearer, bonds: Path
    ) -> None:
        """UnreachableError on entering, if no controller answers at `transport`."""
        super().__init__()
        profile = element.profile
        self._kind = Kind(profile.name, Abilities(profile.screen, profile.button))
        self._transport, self._worn, self._wearer = transport, worn, wearer
        self._bonds = bonds
        self.peripheral: Peripheral

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.run(self._start())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def open_pairing(self) -> None:
        """Let one phone pair."""
        self.soon(self.peripheral.open_pairing)

    def tell(self, event: Event) -> None:
        """Tell the owner's phone, if it is here, and do not wait for it."""
        asyncio.run_coroutine_threadsafe(self.peripheral.tell(event), self.loop)

    def forget(self) -> None:
        """Tell the phone that is connected of a reset, and forget every phone."""
        self.run(self.peripheral.tell(Event.RESET))
        self.run(self.peripheral.forget())

    async def _start(self) -> None:
        radio = await self.opened.enter_async_context(open_radio(self._transport))
        bonds = Bonds(self._bonds, write_private)
        self.peripheral = Peripheral(radio, self._worn, self._wearer, bonds, self._kind)
        await self.peripheral.start()
        self.opened.push_async_callback(self.peripheral.stop)


class PhoneOnAir(LoopThread):
    """A phone's radio, for as long as the context lasts."""

    def __init__(self, transport: str, bonds: Path, person: Person, *, screen: bool = True) -> None:
        """`screen`: the band has one, so that numbers are compared. Errors as `BandOnAir`."""
        super().__init__()
        self._transport, self._bonds, self._person = transport, bonds, person
        self._screen = screen
        self._central: Central

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.run(self._start())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def scan(self, seconds: float) -> list[Sighting]:
        """The bands that are heard."""
        return self.run(self._central.scan(seconds))

    @contextmanager
    def pairing(self) -> Iterator["Linked"]:
        """A link to the band that is to be this phone's from now on."""
        with self._link(bonded=False) as link:
            self.run(link.pair())
            self.run(link.open())
            yield Linked(self, link)

    @contextmanager
    def linked(self) -> Iterator["Linked"]:
        """A link to the band that is this phone's."""
        with self._link(bonded=True) as link:
            self.run(link.secure())
            self.run(link.open())
            yield Linked(self, link)

    @contextmanager
    def _link(self, *, bonded: bool) -> Iterator[BandLink]:
        sighting = self.run(self._central.find(FIND_S, bonded=bonded))
        link = self.run(self._central.connect(sighting))
        try:
            yield link
        finally:
            self.run(link.close())

    async def _start(self) -> None:
        radio = await self.opened.enter_async_context(open_radio(self._transport))
        bonds = Bonds(self._bonds, write_private)
        self._central = Central(radio, bonds, self._person, checked=self._screen)
        await self._central.start()
        self.opened.push_async_callback(self._central.stop)


class Linked:
    """A band within reach. Its methods block; UnreachableError where the link is cut."""

    def __init__(self, phone: PhoneOnAir, link: BandLink) -> None:
        self._phone, self._link = phone, link

    def transmit(self, command: bytes) -> bytes:
        """One command of the element's host interface, and its response."""
        return self._phone.run(self._link.exchange(command))

    def report(self) -> Report:
        """What the band tells of itself."""
        return self._phone.run(self._link.report())

    def battery(self) -> int:
        """Percent."""
        return self._phone.run(self._link.battery())

    def model(self) -> str:
        """The name of the band's profile."""
        return self._phone.run(self._link.model())
