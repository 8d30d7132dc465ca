"""Who may talk to a band: bonded phones, and nobody who only came near."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from bumble import att, hci, smp
from bumble.core import BaseBumbleError
from bumble.device import Peer
from bumble.keys import PairingKeys

from tests.ble_pair import WAIT_S, Air, Human, Worn, linked, run
from zheton.adapters.ble import pairing
from zheton.adapters.ble.bonds import BONDS_MAX, Bonds
from zheton.adapters.ble.pairing import Abilities
from zheton.adapters.ble.peripheral import Peripheral, Waits
from zheton.adapters.secret_file import write_private
from zheton.core.ble import service
from zheton.core.ble.report import Event
from zheton.core.errors import ConfigurationError, NotFoundError, RefusedError

RING = Abilities(screen=False, button=False)


def test_both_screens_show_one_number_and_both_keep_the_bond(tmp_path: Path) -> None:
    async def test() -> None:
        wearer, owner, worn, air = Human(), Human(), Worn(), Air(tmp_path)
        async with air.band(worn, human=wearer) as band, air.phone(human=owner) as phone:
            band.open_pairing()
            await linked(phone, pair=True)
            assert wearer.numbers == owner.numbers and len(owner.numbers) == 1
            assert band.connected and not band.pairing  # open for one phone
        for name in ("band", "phone"):
            assert (tmp_path / f"{name}.json").stat().st_mode & 0o077 == 0
        # Everything starts anew from the files, and nobody is asked anything.
        async with air.band(worn, human=wearer), air.phone(human=owner) as phone:
            link = await linked(phone)
            assert await link.exchange(b"abc") == b"cba\x90\x00"
        assert len(wearer.numbers) == len(owner.numbers) == 1

    run(test)


@pytest.mark.parametrize("who", ["wearer", "owner"])
def test_numbers_that_differ_are_no_bond(tmp_path: Path, who: str) -> None:
    async def test() -> None:
        wearer, owner, air = Human(who != "wearer"), Human(who != "owner"), Air(tmp_path)
        async with air.band(human=wearer) as band, air.phone(human=owner) as phone:
            band.open_pairing()
            link = await phone.connect(await phone.find(WAIT_S, bonded=False))
            with pytest.raises(RefusedError):
                await link.pair()
            assert not band.connected
        assert not Bonds(tmp_path / "band.json", write_private).names
        assert not Bonds(tmp_path / "phone.json", write_private).names

    run(test)


def test_a_second_phone_pairs_only_when_the_wearer_lets_it(tmp_path: Path) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        async with (
            air.band(worn) as band,
            air.phone("first") as first,
            air.phone("second") as second,
        ):
            band.open_pairing()
            link = await linked(first, pair=True)
            await link.close()
            stranger = await second.connect(await second.find(WAIT_S, bonded=False))
            with pytest.raises(RefusedError, match="pairing mode"):
                await stranger.pair()
            with pytest.raises(RefusedError):
                await stranger.open()
            await stranger.close()
            again = await linked(first)  # the owner is not locked out by the attempt
            assert await again.exchange(b"mine") == b"enim\x90\x00"
            await again.close()
            band.open_pairing()
            await linked(second, pair=True)
        assert worn.executed == [b"mine"]

    run(test)


def test_pairing_mode_ends_by_itself(tmp_path: Path) -> None:
    async def test() -> None:
        air, ended = Air(tmp_path), asyncio.Event()
        async with air.band(waits=Waits(pairing_s=0.01)) as band, air.phone() as phone:
            band.open_pairing()
            assert band.pairing
            band.changed = ended.set
            await ended.wait()
            link = await phone.connect(await phone.find(WAIT_S, bonded=False))
            with pytest.raises(RefusedError):
                await link.pair()

    run(test)


def test_without_encryption_nothing_is_read_written_or_heard(tmp_path: Path) -> None:
    async def test() -> None:
        worn, air = Worn(), Air(tmp_path)
        async with air.band(worn) as band, air.phone() as phone:
            band.open_pairing()
            link = await phone.connect(await phone.find(WAIT_S, bonded=False))
            peer = Peer(link._connection)
            await peer.discover_services()
            for each in peer.services:
                await each.discover_characteristics()
            found = {str(c.uuid).lower(): c for s in peer.services for c in s.characteristics}
            open_to_all = found[service.VERSION]
            assert await open_to_all.read_value() == service.version_value()
            closed = {str(c.uuid) for c in found.values() if c is not open_to_all}
            assert {u.lower() for u in closed} > {service.STATE, service.COMMAND}
            for uuid in (service.STATE, *(u for u in found if "battery" in u or "model" in u)):
                with pytest.raises(att.ATT_Error) as refused:
                    await found[uuid].read_value()
                assert refused.value.error_code == att.ErrorCode.INSUFFICIENT_ENCRYPTION
            whole = bytes.fromhex("C0010000010041")
            with pytest.raises(att.ATT_Error):
                await found[service.COMMAND].write_value(whole, with_response=True)
            await found[service.COMMAND].write_value(whole)
            heard: list[bytes] = []
            await found[service.EVENTS].subscribe(heard.append)
            await band.tell(Event.STATE_CHANGED)
            assert await open_to_all.read_value()  # so what was sent before has come
            assert not heard
        assert worn.executed == []

    run(test)


def test_what_is_advertised_is_the_same_on_all_bands_but_for_an_address_that_changes(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        air = Air(tmp_path)
        heard: list[Any] = []
        async with air.band(), air.phone() as phone:
            phone._device.on("advertisement", heard.append)
            first = await phone.find(WAIT_S, bonded=False)
            link = await phone.connect(first)
            await link.close()
            second = await phone.find(WAIT_S, bonded=False)
            while second.address == first.address:
                second = await phone.find(WAIT_S, bonded=False)
        identity = Bonds(tmp_path / "band.json", write_private).address
        assert first.address.is_resolvable and second.address.is_resolvable
        assert identity not in (first.address, second.address)
        uuid = bytes.fromhex(service.SERVICE.replace("-", ""))[::-1]
        told = b"\x02\x01\x06" + b"\x11\x07" + uuid + b"\x05\x09Band"
        # The virtual controller gives the advertising data as the answer to a scan, too.
        assert heard and {bytes(each.data) for each in heard} <= {told, 2 * told}

    run(test)


def test_a_ring_pairs_without_numbers_where_both_sides_mean_it(tmp_path: Path) -> None:
    async def test() -> None:
        air = Air(tmp_path)
        async with air.band(abilities=RING) as ring:
            async with air.phone("strict") as strict:
                ring.open_pairing()
                link = await strict.connect(await strict.find(WAIT_S, bonded=False))
                with pytest.raises(RefusedError):
                    await link.pair()
                await link.close()
            async with air.phone("lenient", checked=False) as lenient:
                ring.open_pairing()
                link = await linked(lenient, pair=True)
                assert await link.exchange(b"ab") == b"ba\x90\x00"

    run(test)


def test_a_band_with_a_screen_refuses_a_phone_that_compares_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        air, worn = Air(tmp_path), Worn()
        async with air.band(worn) as band, air.phone(checked=False) as phone:
            blind = pairing.pairing_config(RING, Human(), checked=False)
            phone._device.pairing_config_factory = lambda _: blind
            band.open_pairing()
            link = await phone.connect(await phone.find(WAIT_S, bonded=False))
            with pytest.raises(RefusedError):
                await link.pair()
            assert not band.connected and not band._bonds.names

    run(test)


async def attack(air: Air, band: Peripheral, session: type[smp.Session]) -> None:
    """A phone that pairs by its own rules, until it gives up or has what it wants."""
    async with air.phone("attacker") as phone:
        phone._device.smp_session_proxy = session
        link = await phone.connect(await phone.find(WAIT_S, bonded=False))
        with pytest.raises((RefusedError, BaseBumbleError, NotFoundError)):
            await link.pair()
            await link.open()
        assert not band.connected and not band._bonds.names


def encrypt_or_fail(session: smp.Session) -> None:
    def refused(_error: int) -> None:
        session.on_pairing_failure(smp.ErrorCode.UNSPECIFIED_REASON)

    session.connection.on("connection_encryption_failure", refused)
    session.start_encryption(session.ltk)


class Hasty(smp.Session):
    """It encrypts with the key that is to be, before anybody has compared anything."""

    def prompt_user_for_numeric_comparison(self, code: int, next_steps: Any) -> None:
        encrypt_or_fail(self)


class Uninvited(smp.Session):
    """It never asks whether it may pair."""

    def send_pairing_request_command(self) -> None:
        self.manager.on_session_start(self)
        self.preq = self.pres = bytes(7)
        self.pairing_method = smp.PairingMethod.JUST_WORKS
        self.send_public_key_command()

    def prompt_user_for_confirmation(self, next_steps: Any) -> None:
        encrypt_or_fail(self)

    def on_smp_pairing_failed_command(self, command: Any) -> None:
        if self.ea_is_known:  # the key is there all the same: try it
            return
        super().on_smp_pairing_failed_command(command)

    @property
    def ea_is_known(self) -> bool:
        return hasattr(self, "ea")


class Twofold(smp.Session):
    """It changes its nonce once it has seen the band's: one number is compared, another is used."""

    def prompt_user_for_numeric_comparison(self, code: int, next_steps: Any) -> None:
        self.r = bytes(16)
        self.send_pairing_random_command()


class Legacy(smp.Session):
    """It offers no Secure Connections."""

    def __init__(self, *rest: Any, **more: Any) -> None:
        super().__init__(*rest, **more)
        self.sc = False

    def prompt_user_for_number(self, next_steps: Any) -> None:
        band = next(iter(ATTACKED[0]._device.smp_manager.sessions.values()))
        next_steps(band.passkey)


class Short(smp.Session):
    """It offers a key of seven bytes (KNOB)."""

    def __init__(self, *rest: Any, **more: Any) -> None:
        super().__init__(*rest, **more)
        self.maximum_encryption_key_size = 7


class Mirror(smp.Session):
    """It gives the band's own public key back."""

    def send_public_key_command(self) -> None:
        band = next(iter(ATTACKED[0]._device.smp_manager.sessions.values()))
        self.ecc_key = band.ecc_key
        super().send_public_key_command()


ATTACKED: list[Peripheral] = []


@pytest.mark.parametrize("session", [Hasty, Uninvited, Twofold, Legacy, Short, Mirror])
def test_no_way_around_the_comparison(tmp_path: Path, session: type[smp.Session]) -> None:
    class Waiting(Human):
        async def same(self, number: int) -> bool:
            await asyncio.Event().wait()  # the wearer is still looking
            return True

    async def test() -> None:
        air = Air(tmp_path)
        async with air.band(human=Waiting()) as band:
            ATTACKED[:] = [band]
            band.open_pairing()
            await attack(air, band, session)

    run(test)


def test_a_phone_waits_for_its_owner_whatever_the_band_sends(tmp_path: Path) -> None:
    """A false band that proves the key at once does not make the phone skip the comparison."""

    class Early(smp.Session):
        def prompt_user_for_numeric_comparison(self, code: int, next_steps: Any) -> None:
            self.send_pairing_dhkey_check_command()

    class Waiting(Human):
        async def same(self, number: int) -> bool:
            await asyncio.Event().wait()
            return True

    async def test() -> None:
        air = Air(tmp_path)
        async with air.band() as band, air.phone(human=Waiting()) as phone:
            band._device.smp_session_proxy = Early
            band.open_pairing()
            link = await phone.connect(await phone.find(WAIT_S, bonded=False))
            with pytest.raises(RefusedError):
                await link.pair()
            assert not phone._bonds.names

    run(test)


def test_a_stranger_is_sent_away(tmp_path: Path) -> None:
    async def test() -> None:
        air, gone = Air(tmp_path), asyncio.Event()
        async with air.band(waits=Waits(stranger_s=0.01)), air.phone() as phone:
            link = await phone.connect(await phone.find(WAIT_S, bonded=False))
            link._connection.on("disconnection", lambda _: gone.set())
            await gone.wait()

    run(test)


def test_a_band_that_forgot_everything_is_another_band(tmp_path: Path) -> None:
    async def test() -> None:
        air = Air(tmp_path)
        async with air.band() as band, air.phone() as phone:
            band.open_pairing()
            await linked(phone, pair=True)
            before = band._bonds.address
            await band.forget()
            assert band._bonds.address != before and not band._bonds.names
            sighting = await phone.find(WAIT_S, bonded=False)
            assert sighting.bond is None  # the phone does not recognise it
            link = await phone.connect(sighting)
            with pytest.raises(RefusedError, match="pair"):
                await link.secure()

    run(test)


def test_a_phone_that_was_forgotten_is_told_to_pair_again(tmp_path: Path) -> None:
    async def test() -> None:
        air = Air(tmp_path)
        async with air.band() as band, air.phone() as phone:
            band.open_pairing()
            link = await linked(phone, pair=True)
            await link.close()
            await band._bonds.delete(band._bonds.names[0])
            link = await phone.connect(await phone.find(WAIT_S, bonded=True))
            with pytest.raises(RefusedError, match="pair them again"):
                await link.secure()

    run(test)


def test_bonds_are_bounded_and_a_damaged_file_is_told(tmp_path: Path) -> None:
    async def test() -> None:
        kept = Bonds(tmp_path / "b.json", write_private)
        for index in range(BONDS_MAX + 2):
            key = PairingKeys.Key(bytes([index]) * 16, authenticated=index % 2 == 0)
            await kept.update(f"peer {index}", PairingKeys(ltk=key))
        read = Bonds(tmp_path / "b.json", write_private)
        assert read.names == tuple(f"peer {index}" for index in range(2, BONDS_MAX + 2))
        assert (read.address, read.irk) == (kept.address, kept.irk)
        assert read.trusted("peer 2", checked=True) and not read.trusted("peer 3", checked=True)
        assert read.trusted("peer 3", checked=False) and not read.trusted("peer 0", checked=False)
        assert isinstance(read.address, hci.Address)

    run(test)
    for damage in ("", "{}", '{"address": 1, "irk": "", "peers": {}}', '{"address"'):
        (tmp_path / "b.json").write_text(damage)
        with pytest.raises(ConfigurationError, match="pair the devices again"):
            Bonds(tmp_path / "b.json", write_private)
