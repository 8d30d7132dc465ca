"""A card's numbers go through the wallet, the phone and the air into the chip, and none is lost."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Lock

import pytest

from tests.ble_pair import Human
from tests.wallet_lab import App, Band, lab
from zheton.apps.companion import Companion
from zheton.apps.on_air import BandOnAir, ElementOnAir, Linked, PhoneOnAir
from zheton.core.errors import UnreachableError

NUMBERS = 64


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def within_reach(folder: Path, band: Band) -> Iterator[tuple[BandOnAir, PhoneOnAir]]:
    """The band and its owner's phone on one virtual air, over HCI on TCP, paired."""
    port = free_port()
    worn = ElementOnAir(band.element, band.clock, Lock())
    with (
        BandOnAir(
            f"air:127.0.0.1:{port}", band.element, worn, Human(), folder / "band.bonds"
        ) as on,
        PhoneOnAir(f"tcp-client:127.0.0.1:{port}", folder / "phone.bonds", Human()) as phone,
    ):
        on.open_pairing()
        with phone.pairing() as link:
            assert link.report().serial == band.serial
            assert link.model() == band.element.profile.name
        yield on, phone


def sync(app: App, device: str, link: Linked) -> object:
    return Companion(app.http, link.transmit).sync(device, link.report().left)


def test_a_card_comes_through_the_air(tmp_path: Path) -> None:
    with lab() as world:
        app, band = world.sign_up(), world.band()
        device = app.register(band)
        app.active_card()
        with within_reach(tmp_path, band) as (_, phone), phone.linked() as link:
            assert sync(app, device, link) is not None
            assert link.report().left == NUMBERS == band.element.credentials_left()
            assert sync(app, device, link) is None


@pytest.mark.parametrize("what", ["command", "response"])
def test_a_link_cut_at_any_command_loses_no_number_and_brings_none_twice(
    tmp_path: Path, what: str
) -> None:
    """Each command of the package in turn is the first to be lost, or its response is."""
    with lab() as world:
        app, band = world.sign_up(), world.band()
        device = app.register(band)
        app.active_card()
        with within_reach(tmp_path, band) as (on, phone):
            cuts = 0
            while True:
                cuts += 1
                world.clock.advance(timedelta(hours=2))  # a device gets so many packages a day
                with phone.linked() as link:
                    cutting = cut_at(on, cuts, executed=what == "response")
                    on._worn.exchange = cutting  # type: ignore[method-assign,assignment]
                    try:
                        sync(app, device, link)
                        break
                    except UnreachableError:
                        assert band.element.credentials_left() in (0, NUMBERS)
            del on._worn.exchange
            assert cuts > 8  # so the session itself was cut, too
            assert band.element.credentials_left() == NUMBERS
            with phone.linked() as link:
                assert sync(app, device, link) is None
            assert band.element.credentials_left() == NUMBERS


def cut_at(on: BandOnAir, commands: int, *, executed: bool) -> Callable[[bytes], bytes]:
    """The element's door, which takes the band away at a command: before or after it."""
    worn, seen = on._worn, 0

    def exchange(command: bytes) -> bytes:
        nonlocal seen
        seen += 1
        if seen != commands:
            return ElementOnAir.exchange(worn, command)
        answer = ElementOnAir.exchange(worn, command) if executed else b"\x6f\x00"
        phone = on.peripheral._phone
        assert phone is not None
        on.run(on.peripheral._send_away(phone.connection))
        return answer

    return exchange
