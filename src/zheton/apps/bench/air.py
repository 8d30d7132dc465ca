"""A band and a phone on a virtual air, paired, for a bench: real stacks, no adapter.

One event loop, in a thread of its own, carries both. Import it only where Bluetooth is installed.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from zheton.adapters.ble.bonds import Bonds
from zheton.adapters.ble.central import BandLink, Central
from zheton.adapters.ble.pairing import Abilities
from zheton.adapters.ble.peripheral import Kind, Peripheral
from zheton.adapters.ble.radio import on_air, virtual_air
from zheton.adapters.clock import Clock
from zheton.adapters.secret_file import write_private
from zheton.core.ble.report import Report
from zheton.roles.element.element import Element, Interface

T = TypeVar("T")

Exchange = Callable[[bytes], bytes]
WAIT_S = 20.0
_BATTERY = 100


@dataclass
class WornElement:
    """What is behind the band's radio; another element may take its place between two links."""

    element: Element
    clock: Clock
    _turn: Lock = field(default_factory=Lock)

    def exchange(self, command: bytes) -> bytes:
        """The element's response on its host interface."""
        with self._turn:
            return self.element.transmit(Interface.HOST, command, self.clock.now())

    def cut(self) -> None:
        """The link is gone."""
        with self._turn:
            self.element.reset(Interface.HOST)

    def report(self) -> Report:
        """Nobody of the bench reads it."""
        return Report(bytes(10))

    def battery(self) -> int:
        """Percent."""
        return _BATTERY


class _Agrees:
    """Somebody who compares the numbers on both screens and finds them the same."""

    async def willing(self) -> bool:
        return True

    async def same(self, _number: int) -> bool:
        return True

    async def shown(self, _number: int) -> None:
        return

    async def typed(self) -> int | None:
        return None


class BandAir:
    """A band and a phone on one virtual air, paired; `worn` is what is behind the band's radio."""

    def __init__(self, worn: WornElement, folder: Path) -> None:
        self._worn, self._folder = worn, folder
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    def with_link(self, use: Callable[[Exchange], T]) -> T:
        """What `use` makes of a link that is found, connected, encrypted and opened for it."""
        link = self._wait(self._link())
        try:
            return use(lambda command: self._wait(link.exchange(command)))
        finally:
            self._wait(link.close())

    async def _start(self) -> None:
        air, person = virtual_air(), _Agrees()
        kind = Kind("bench", Abilities(screen=True, button=True))
        keys = [Bonds(self._folder / f"{name}.json", write_private) for name in ("band", "phone")]
        self._band = Peripheral(on_air(air, "band"), self._worn, person, keys[0], kind)
        self._phone = Central(on_air(air, "phone"), keys[1], person)
        await self._band.start()
        await self._phone.start()
        self._band.open_pairing()
        link = await self._phone.connect(await self._phone.find(WAIT_S, bonded=False))
        await link.pair()
        await link.close()

    async def _link(self) -> BandLink:
        """As after a pairing: encrypted with its key."""
        link = await self._phone.connect(await self._phone.find(WAIT_S, bonded=True))
        await link.secure()
        await link.open()
        return link

    async def _stop(self) -> None:
        await self._phone.stop()
        await self._band.stop()
        await self._loop.shutdown_default_executor()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)
