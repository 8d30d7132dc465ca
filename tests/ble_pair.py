"""A band and phones on a virtual air, for the tests of Bluetooth: real stacks, no adapter."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bumble.link import LocalLink

from zheton.adapters.ble.bonds import Bonds
from zheton.adapters.ble.central import BandLink, Central
from zheton.adapters.ble.pairing import Abilities
from zheton.adapters.ble.peripheral import Kind, Peripheral, Waits
from zheton.adapters.ble.radio import on_air, virtual_air
from zheton.adapters.secret_file import write_private
from zheton.core.ble.report import CardReport, Report
from zheton.core.ble.service import ATT_MTU_MAX

WAIT_S = 20.0  # for what happens at once; only a failure waits for it
CARD = bytes(range(16))


@dataclass
class Worn:
    """A device that counts what it executes and answers with what it was sent."""

    answer: Callable[[bytes], bytes] = lambda command: command[::-1] + b"\x90\x00"
    executed: list[bytes] = field(default_factory=list)
    cuts: int = 0
    left: int = 5

    def exchange(self, command: bytes) -> bytes:
        self.executed.append(command)
        return self.answer(command)

    def cut(self) -> None:
        self.cuts += 1

    def report(self) -> Report:
        return Report(bytes(range(10)), worn=True, cards=(CardReport(CARD, self.left, 1),))

    def battery(self) -> int:
        return 87


@dataclass
class Human:
    """Somebody who looks at both screens; `agrees` decides."""

    agrees: bool = True
    numbers: list[int] = field(default_factory=list)
    other: "Human | None" = None

    async def willing(self) -> bool:
        return True

    async def same(self, number: int) -> bool:
        self.numbers.append(number)
        return self.agrees

    async def shown(self, number: int) -> None:
        self.numbers.append(number)

    async def typed(self) -> int | None:
        return None


@dataclass
class Air:
    """The ether of one test."""

    folder: Path
    link: LocalLink = field(default_factory=virtual_air)

    @asynccontextmanager
    async def band(
        self,
        worn: Worn | None = None,
        *,
        abilities: Abilities | None = None,
        human: Human | None = None,
        waits: Waits | None = None,
        mtu: int = ATT_MTU_MAX,
    ) -> AsyncIterator[Peripheral]:
        abilities = abilities or Abilities(screen=True, button=True)
        made = Peripheral(
            on_air(self.link, "band"),
            worn or Worn(),
            human or Human(),
            Bonds(self.folder / "band.json", write_private),
            Kind("mi-band-4-nfc", abilities),
            waits=waits,
            mtu=mtu,
        )
        await made.start()
        try:
            yield made
        finally:
            await made.stop()

    @asynccontextmanager
    async def phone(
        self,
        name: str = "phone",
        *,
        human: Human | None = None,
        checked: bool = True,
        mtu: int = ATT_MTU_MAX,
    ) -> AsyncIterator[Central]:
        bonds = Bonds(self.folder / f"{name}.json", write_private)
        made = Central(on_air(self.link, name), bonds, human or Human(), checked=checked, mtu=mtu)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()


async def linked(phone: Central, *, pair: bool = False) -> BandLink:
    """A link that is encrypted and open."""
    link = await phone.connect(await phone.find(WAIT_S, bonded=not pair))
    if pair:
        await link.pair()
    else:
        await link.secure()
    await link.open()
    return link


def run(test: Callable[[], object]) -> None:
    """Run an asynchronous test to its end, and not for ever."""

    async def bounded() -> None:
        async with asyncio.timeout(WAIT_S):
            await test()  # type: ignore[misc]

    asyncio.run(bounded())
