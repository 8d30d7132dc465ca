"""A band and a phone over a virtual air: commands cross, whatever the link makes of them."""

import asyncio
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from tests.ble_pair import CARD, WAIT_S, Air, Worn, linked, run
from zheton.adapters.ble.central import BandLink
from zheton.adapters.ble.peripheral import Peripheral
from zheton.core.ble.report import Event
from zheton.core.errors import EncodeError, UnreachableError


async def started(air: Air, band: Peripheral, phone: Any) -> BandLink:
    band.open_pairing()
    return await linked(phone, pair=True)


def test_a_phone_finds_pairs_and_asks(tmp_path: Path) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        async with air.band(worn) as band, air.phone() as phone:
            link = await started(air, band, phone)
            assert await link.exchange(b"\x00\xa4\x04\x00") == b"\x00\x04\xa4\x00\x90\x00"
            report = await link.report()
            assert report.worn and not report.armed and report.left_on(CARD) == 5
            assert (await link.battery(), await link.model()) == (87, "mi-band-4-nfc")
        assert worn.executed == [b"\x00\xa4\x04\x00"] and worn.cuts == 1

    run(test)


@pytest.mark.parametrize("mtu", [23, 24, 185, 517])
@pytest.mark.parametrize("narrow", ["band", "phone"])
def test_commands_of_any_length_cross_any_mtu(tmp_path: Path, mtu: int, narrow: str) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        mtus = {narrow: mtu}
        async with (
            air.band(worn, mtu=mtus.get("band", 517)) as band,
            air.phone(mtu=mtus.get("phone", 517)) as phone,
        ):
            link = await started(air, band, phone)
            for size in (1, mtu - 9, mtu - 8, 261, 2046):
                command = bytes(index % 251 for index in range(size))
                assert await link.exchange(command) == command[::-1] + b"\x90\x00"
            with pytest.raises(EncodeError):
                await link.exchange(bytes(2049))

    run(test)


def test_more_commands_than_there_are_numbers(tmp_path: Path) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        async with air.band(worn) as band, air.phone() as phone:
            link = await started(air, band, phone)
            for index in range(300):
                command = index.to_bytes(2)
                assert await link.exchange(command) == command[::-1] + b"\x90\x00"
        assert len(worn.executed) == 300

    run(test)


def test_a_link_that_repeats_everything_executes_once(tmp_path: Path) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        async with air.band(worn, mtu=40) as band, air.phone() as phone:
            link = await started(air, band, phone)
            written, notified = band._written, band._notify

            def write_twice(connection: Any, fragment: bytes) -> None:
                written(connection, fragment)
                written(connection, fragment)

            async def notify_twice(phone: Any, characteristic: Any, value: bytes) -> None:
                await notified(phone, characteristic, value)
                await notified(phone, characteristic, value)

            band._command.value._write = write_twice
            band._notify = notify_twice  # type: ignore[method-assign]
            for size in (3, 200, 5, 100):
                assert await link.exchange(bytes(size)) == bytes(size) + b"\x90\x00"
        assert [len(command) for command in worn.executed] == [3, 200, 5, 100]

    run(test)


@pytest.mark.parametrize("lost", [0, 1, 3, 6])
@pytest.mark.parametrize("way", ["command", "response"])
def test_a_lost_fragment_is_made_good_and_executes_once(
    tmp_path: Path, way: str, lost: int
) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        async with air.band(worn, mtu=40) as band, air.phone() as phone:
            link = await started(air, band, phone)
            passed = 0

            def passes() -> bool:
                nonlocal passed
                passed += 1
                return passed != lost + 1

            written, notified = band._written, band._notify

            def write(connection: Any, fragment: bytes) -> None:
                if way == "response" or passes():
                    written(connection, fragment)

            async def notify(phone: Any, characteristic: Any, value: bytes) -> None:
                if way == "command" or passes():
                    await notified(phone, characteristic, value)

            band._command.value._write = write
            band._notify = notify  # type: ignore[method-assign]
            assert await link.exchange(bytes(range(240))) == bytes(range(240))[::-1] + b"\x90\x00"
            assert await link.exchange(b"next") == b"txen\x90\x00"
        assert worn.executed == [bytes(range(240)), b"next"]

    run(test)


@pytest.mark.parametrize("after", range(8))
def test_a_link_cut_after_any_fragment_is_unreachable_and_comes_back(
    tmp_path: Path, after: int
) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        async with air.band(worn, mtu=60) as band, air.phone() as phone:
            link = await started(air, band, phone)
            written, count = band._written, 0
            cuts: list[asyncio.Future[None]] = []

            def write(connection: Any, fragment: bytes) -> None:
                nonlocal count
                written(connection, fragment)
                count += 1
                if count == after:
                    cuts.append(asyncio.ensure_future(connection.disconnect()))

            band._command.value._write = write
            if after == 0:
                await link.close()
            with pytest.raises(UnreachableError):
                while True:
                    await link.exchange(bytes(150))
            band._command.value._write = written
            again = await linked(phone)
            assert await again.exchange(b"again") == b"niaga\x90\x00"
            assert worn.cuts >= 1

    run(test)


def test_garbage_of_a_bonded_phone_is_told_and_harms_nobody(tmp_path: Path) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        async with air.band(worn) as band, air.phone() as phone:
            link = await started(air, band, phone)
            command = link._characteristic("f05a0003-4845-5446-8e01-7a6865746f6e")
            for garbage in (b"", b"\0", b"\xff" * 512, b"\x80\1\0\0\xff\xff\0", b"\x40\2\7\0A"):
                await command.write_value(garbage, with_response=True)
            told = [await link._messages.get() for _ in range(5)]
            assert all(message.error for message in told)
            assert await link.exchange(b"still") == b"llits\x90\x00"
        assert worn.executed == [b"still"]

    run(test)


def test_the_band_speaks_first(tmp_path: Path) -> None:
    async def test() -> None:
        air = Air(tmp_path)
        async with air.band() as band, air.phone() as phone:
            await band.tell(Event.SYNC_WANTED)  # nobody is there, and nothing happens
            link = await started(air, band, phone)
            await band.tell(Event.SYNC_WANTED)
            await band.tell(Event.RESET)
            async with asyncio.timeout(WAIT_S):
                assert await link.events.get() is Event.SYNC_WANTED
                assert await link.events.get() is Event.RESET

    run(test)


def test_a_session_that_outlives_its_link_ends_with_the_command(tmp_path: Path) -> None:
    """The element works on a command while the link goes: it is told of the cut afterwards."""

    async def test() -> None:
        begun, go_on = Flag(), Flag()

        def slow(command: bytes) -> bytes:
            begun.set()
            go_on.wait(WAIT_S)
            return b"\x90\x00"

        worn, air = Worn(slow), Air(tmp_path)
        async with air.band(worn) as band, air.phone() as phone:
            link = await started(air, band, phone)
            asking = asyncio.ensure_future(link.exchange(b"slow"))
            await asyncio.to_thread(begun.wait, WAIT_S)
            await link.close()
            with pytest.raises(UnreachableError):
                await asking
            go_on.set()
            worn.answer = lambda command: command + b"\x90\x00"
            again = await linked(phone)
            assert await again.exchange(b"quick") == b"quick\x90\x00"
        assert worn.cuts >= 3  # at the cut, after the command, and at the end

    run(test)
