"""The phone's side of the link: it finds bands, pairs with one, and carries commands to it.

`Central` is a phone's radio. `BandLink` is one connection: `exchange` takes a command of the
element's and gives its response. A link that is cut is UnreachableError, wherever it happens.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from bumble import att, gatt, hci
from bumble.core import UUID, AdvertisingData, BaseBumbleError
from bumble.device import Advertisement, Connection, Device, DeviceConfiguration, Peer
from bumble.gatt_client import CharacteristicProxy
from bumble.host import Host

from zheton.adapters.ble.bonds import Bonds
from zheton.adapters.ble.pairing import Abilities, Person, guard, pairing_config
from zheton.adapters.ble.radio import Radio
from zheton.core.ble import service
from zheton.core.ble.fragment import ID_MODULUS, Message, Reassembler, fragments
from zheton.core.ble.report import Event, Report
from zheton.core.errors import DecodeError, NotFoundError, RefusedError, UnreachableError

_T = TypeVar("_T")
_TRIES = 3  # of one command whose response did not come whole
_EVENTS_MAX = 16
_CHARACTERISTICS = (service.COMMAND, service.RESPONSE, service.EVENTS, service.STATE)
_LOST = "The band went out of reach; bring it near and try again."


@dataclass(frozen=True, slots=True)
class Sighting:
    """A band on the air: its address of the moment, how strong, and its name if it bonded."""

    address: hci.Address
    rssi: int
    bond: str | None


class Central:
    """A phone's Bluetooth. All its methods belong to the event loop that `start` ran in."""

    def __init__(
        self, radio: Radio, bonds: Bonds, person: Person,
        *, checked: bool = True, mtu: int = service.ATT_MTU_MAX,
    ) -> None:  # fmt: skip
        """`checked` wants numbers compared; without, a band that has no screen can pair."""
        self._bonds, self._checked, self._mtu = bonds, checked, mtu
        config = DeviceConfiguration(name="Phone", address=bonds.address, irk=bonds.irk)
        host = Host(controller_source=radio.source, controller_sink=radio.sink)
        self._device = Device(config=config, host=host)
        self._device.keystore = bonds
        abilities = Abilities(screen=True, button=True, keyboard=True)
        guard(self._device, pairing_config(abilities, person, checked=checked))

    async def start(self) -> None:
        """Switch the radio on."""
        await self._device.power_on()

    async def stop(self) -> None:
        """Cut what is connected and switch the radio off."""
        for connection in list(self._device.connections.values()):
            await _disconnect(connection)
        await self._device.power_off()

    async def scan(self, seconds: float) -> list[Sighting]:
        """The bands that are heard within a time, the strongest first."""
        found: dict[str, Sighting] = {}
        async with self._sightings() as seen, asyncio.timeout(seconds) as limit:
            try:
                while True:
                    sighting = await seen.get()
                    found[sighting.bond or str(sighting.address)] = sighting
            except asyncio.CancelledError:
                if not limit.expired():
                    raise
        return sorted(found.values(), key=lambda each: -each.rssi)

    async def find(self, seconds: float, *, bonded: bool) -> Sighting:
        """The first band that is heard, of those that bonded or of all; NotFoundError if none."""
        try:
            async with asyncio.timeout(seconds), self._sightings() as seen:
                while True:
                    sighting = await seen.get()
                    if sighting.bond is not None or not bonded:
                        return sighting
        except TimeoutError:
            whose = "Your band" if bonded else "A band"
            raise NotFoundError(
                f"{whose} was not heard within {seconds:g} seconds; bring it near and try again."
            ) from None

    async def connect(self, sighting: Sighting) -> "BandLink":
        """A link to a band, not encrypted yet: `secure` it, or `pair`."""
        try:
            connection = await self._device.connect_le(
                sighting.address, timeout=service.RESPONSE_TIMEOUT_S
            )
        except (BaseBumbleError, TimeoutError) as error:
            raise UnreachableError(_LOST) from error
        return BandLink(connection, self._bonds, checked=self._checked, mtu=self._mtu)

    @asynccontextmanager
    async def _sightings(self) -> AsyncIterator[asyncio.Queue[Sighting]]:
        seen: asyncio.Queue[Sighting] = asyncio.Queue()
        uuid = UUID(service.SERVICE)

        def heard(advertisement: Advertisement) -> None:
            kind = AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
            services = advertisement.data.get(kind)
            if advertisement.is_connectable and isinstance(services, list) and uuid in services:
                address = advertisement.address
                seen.put_nowait(Sighting(address, advertisement.rssi, self._bond_of(address)))

        self._device.on("advertisement", heard)
        await self._device.start_scanning(filter_duplicates=True)
        try:
            yield seen
        finally:
            self._device.remove_listener("advertisement", heard)
            await self._device.stop_scanning()

    def _bond_of(self, address: hci.Address) -> str | None:
        resolver = self._device.address_resolver
        known = resolver.resolve(address) if resolver and address.is_resolvable else None
        return None if known is None else str(known)


class BandLink:
    """One connection to a band. Commands go one after the other."""

    def __init__(self, connection: Connection, bonds: Bonds, *, checked: bool, mtu: int) -> None:
        self._connection, self._bonds, self._checked = connection, bonds, checked
        self._wanted_mtu = mtu
        self._peer = Peer(connection)
        self._cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._incoming = Reassembler()
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._turn = asyncio.Lock()
        self._number = 0
        self.events: asyncio.Queue[Event] = asyncio.Queue(_EVENTS_MAX)
        connection.on("disconnection", self._disconnected)

    @property
    def bond(self) -> str:
        """The name under which the band's keys are kept."""
        return str(self._connection.peer_address)

    async def pair(self) -> None:
        """Pair and bond; RefusedError if either side will not."""
        try:
            await self._while_linked(self._connection.pair())
        except BaseBumbleError as error:
            raise RefusedError(
                "pairing",
                f"The band did not pair ({_name(error)});"
                " open its pairing mode and compare the numbers.",
            ) from error
        self._require_trust()

    async def secure(self) -> None:
        """Encrypt with the key of an earlier pairing; RefusedError if the band forgot it."""
        self._require_trust()
        try:
            await self._while_linked(self._connection.encrypt())
        except (BaseBumbleError, UnreachableError) as error:
            # A key that one side alone has ends the link at once (Core, Vol 6, Part B, 5.1.3.1).
            raise RefusedError(
                "bond", "The band does not know this phone any more; pair them again."
            ) from error

    async def open(self) -> None:
        """Agree on the MTU, find the service and listen; the link has to be encrypted.

        NotFoundError if the service is not there, RefusedError if it is of another version.
        """
        if not self._connection.is_encrypted:
            raise RefusedError("encryption", "The link is not encrypted; pair with the band first.")
        await self._gatt(self._peer.request_mtu(self._wanted_mtu))
        await self._gatt(self._peer.discover_services())
        for each in self._peer.services:
            await self._gatt(each.discover_characteristics())
        major = (await self._read(service.VERSION))[:1]
        if major != bytes((service.PROTOCOL_MAJOR,)):
            raise RefusedError("version", "The band speaks another version; update the app.")
        for uuid in _CHARACTERISTICS:
            self._characteristic(uuid)
        for uuid, listener in ((service.RESPONSE, self._heard), (service.EVENTS, self._told)):
            await self._gatt(self._characteristic(uuid).subscribe(listener))

    async def exchange(self, command: bytes) -> bytes:
        """The element's response to a command.

        A command whose response did not come whole is sent again under its number: the band
        executes it once. UnreachableError if the link is cut or the band stays silent.
        """
        async with self._turn:
            self._number = (self._number + 1) % ID_MODULUS
            message = Message(self._number, command)
            for _ in range(_TRIES):
                answer = await self._send(message)
                if not answer.error:
                    return answer.content
        raise UnreachableError("The band understood no command; connect anew.")

    async def report(self) -> Report:
        """What the band tells of itself; DecodeError if it is no report."""
        return Report.decode(await self._read(service.STATE))

    async def battery(self) -> int:
        """Percent."""
        value = await self._read(gatt.GATT_BATTERY_LEVEL_CHARACTERISTIC)
        if len(value) != 1:
            raise DecodeError("it has one byte", field="battery level", offset=0)
        return value[0]

    async def model(self) -> str:
        """The name of the band's profile."""
        value = await self._read(gatt.GATT_MODEL_NUMBER_STRING_CHARACTERISTIC)
        return value.decode(errors="replace")

    async def close(self) -> None:
        """Cut the link; one that is cut stays so."""
        if not self._cut.done():
            await _disconnect(self._connection)

    async def _send(self, message: Message) -> Message:
        """A command's fragments, and the message that answers it."""
        command = self._characteristic(service.COMMAND)
        while not self._messages.empty():
            self._messages.get_nowait()  # what the last try left
        *body, last = fragments(message, self._connection.att_mtu)
        for part in body:
            await self._gatt(command.write_value(part))
        # The last one is acknowledged: it tells that the band took them all, or why not.
        await self._gatt(command.write_value(last, with_response=True))
        try:
            async with asyncio.timeout(service.RESPONSE_TIMEOUT_S):
                while True:
                    answer = await self._while_linked(self._messages.get())
                    if answer.number == message.number:
                        return answer
        except TimeoutError:
            raise UnreachableError("The band does not answer; connect anew.") from None

    def _heard(self, fragment: bytes) -> None:
        got = self._incoming.feed(fragment)
        if isinstance(got, Message):
            self._messages.put_nowait(got)
        elif got is not None:
            # As if the band had said it: the command is asked again, and its response comes again.
            self._messages.put_nowait(Message(got.number, bytes((got.fault,)), error=True))

    def _told(self, value: bytes) -> None:
        if len(value) == 1 and value[0] in list(Event) and not self.events.full():
            self.events.put_nowait(Event(value[0]))

    async def _read(self, uuid: str | UUID) -> bytes:
        return bytes(await self._gatt(self._characteristic(uuid).read_value()))

    def _characteristic(self, uuid: str | UUID) -> CharacteristicProxy[bytes]:
        wanted = UUID(uuid) if isinstance(uuid, str) else uuid
        found = self._peer.get_characteristics_by_uuid(wanted)
        if not found:
            raise NotFoundError("That is no band of this kind: its Bluetooth service is not there.")
        return found[0]

    async def _gatt(self, work: Awaitable[_T]) -> _T:
        try:
            return await self._while_linked(work)
        except att.ATT_Error as error:
            raise RefusedError(
                "att", f"The band refused ({_name(error)}); pair with it first."
            ) from error
        except BaseBumbleError as error:
            raise UnreachableError(_LOST) from error

    async def _while_linked(self, work: Awaitable[_T]) -> _T:
        """The result of some work; UnreachableError as soon as the link is cut."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._cut), return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
        if task.done() and not task.cancelled():
            return task.result()
        raise UnreachableError(_LOST)

    def _disconnected(self, _reason: int) -> None:
        if not self._cut.done():
            self._cut.set_result(None)

    def _require_trust(self) -> None:
        if not self._bonds.trusted(self.bond, checked=self._checked):
            raise RefusedError("bond", "The band has not been paired with this phone; pair first.")


async def _disconnect(connection: Connection) -> None:
    try:
        await connection.disconnect()
    except (BaseBumbleError, asyncio.CancelledError):
        return  # the other side was faster


def _name(error: BaseBumbleError) -> str:
    """What the standard calls an error, in words."""
    name = str(getattr(error, "error_name", "")) or type(error).__name__
    return name.rpartition(".")[2].replace("_", " ").lower()
