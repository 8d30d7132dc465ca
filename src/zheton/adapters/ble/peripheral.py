"""The band's side of the link: a GATT server that gives its owner's phone the element's host door.

One phone is connected at a time. One that has not encrypted the link with a bonded key can see that
this is a band, and nothing else; it is sent away after a while, so that it can't stay in the
owner's way. Pairing is open while the wearer says so, for one phone.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from bumble import att, gatt, hci
from bumble.core import UUID, AdvertisingData, BaseBumbleError
from bumble.device import AdvertisingType, Connection, Device, DeviceConfiguration
from bumble.host import Host

from zheton.adapters.ble.bonds import Bonds
from zheton.adapters.ble.pairing import Abilities, guard, pairing_config
from zheton.adapters.ble.radio import Radio
from zheton.core.ble import service
from zheton.core.ble.exchange import Execute, Responder
from zheton.core.ble.fragment import Message, fragments
from zheton.core.ble.report import Event, Report

_P = gatt.Characteristic.Properties
_READ = att.Attribute.READABLE | att.Attribute.READ_REQUIRES_ENCRYPTION
_WRITE = att.Attribute.WRITEABLE | att.Attribute.WRITE_REQUIRES_ENCRYPTION
_INTERVAL_MS = 100.0
_ROTATION_S = 900.0  # Core, Vol 3, Part C, appendix A: a private address lives 15 minutes


class Worn(Protocol):
    """The device behind the radio. `exchange` may block; the rest answers at once."""

    def exchange(self, command: bytes) -> bytes:
        """The element's response to a command on its host interface."""
        ...

    def cut(self) -> None:
        """The link is gone: selection and session end."""
        ...

    def report(self) -> Report:
        """What the owner's phone may know."""
        ...

    def battery(self) -> int:
        """Percent."""
        ...


class Wearer(Protocol):
    """What the device asks the person who wears it while it pairs."""

    async def same(self, number: int) -> bool:
        """Whether the phone shows this number, too."""
        ...

    async def shown(self, number: int) -> None:
        """Show the number that is to be typed into the phone."""
        ...


@dataclass(frozen=True, slots=True)
class Waits:
    """How long, in seconds, a stranger may stay and pairing mode stays open."""

    stranger_s: float = service.STRANGER_TIMEOUT_S
    pairing_s: float = service.PAIRING_WINDOW_S


@dataclass(frozen=True, slots=True)
class Kind:
    """What is the same on all devices of a kind: the profile's name, what it shows and takes."""

    model: str
    abilities: Abilities


@dataclass(slots=True)
class _Phone:
    """The phone that is connected."""

    connection: Connection
    responder: Responder = field(default_factory=Responder)
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)


class Peripheral:
    """A band on the air. All its methods belong to the event loop that `start` ran in."""

    def __init__(
        self, radio: Radio, worn: Worn, wearer: Wearer, bonds: Bonds, kind: Kind,
        *, waits: Waits | None = None, mtu: int = service.ATT_MTU_MAX,
    ) -> None:  # fmt: skip
        self._worn, self._bonds, self._kind = worn, bonds, kind
        self._waits = waits or Waits()
        self._phone: _Phone | None = None
        self._pairing_until: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._advertising = asyncio.Lock()
        self._checked = kind.abilities.screen
        self.changed: Callable[[], None] = lambda: None
        config = DeviceConfiguration(name=service.NAME, address=bonds.address, irk=bonds.irk)
        host = Host(controller_source=radio.source, controller_sink=radio.sink)
        self._device = Device(config=config, host=host)
        self._device.keystore = bonds
        self._device.gatt_server.max_mtu = mtu
        person = _Asked(self, wearer)
        guard(self._device, pairing_config(kind.abilities, person, checked=self._checked))
        self._add_services()
        self._device.on("connection", self._connected)

    @property
    def connected(self) -> bool:
        """Whether a phone is connected that the band trusts."""
        return self._phone is not None and self._trusted(self._phone.connection)

    @property
    def pairing(self) -> bool:
        """Whether a phone may pair now."""
        return self._pairing_until is not None

    async def start(self) -> None:
        """Switch the radio on and advertise."""
        await self._device.power_on()
        await self._advertise()
        self._spawn(self._rotate())

    async def stop(self) -> None:
        """Send the phone away and switch the radio off."""
        self._stopped = True
        self.close_pairing()
        if self._phone is not None:
            await self._send_away(self._phone.connection)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._device.stop_advertising()
        await self._device.power_off()

    def open_pairing(self) -> None:
        """The wearer lets one phone pair, for a minute."""
        self.close_pairing()
        loop = asyncio.get_running_loop()
        self._pairing_until = loop.call_later(self._waits.pairing_s, self.close_pairing)
        self._changed()

    def close_pairing(self) -> None:
        """No phone may pair."""
        if self._pairing_until is not None:
            self._pairing_until.cancel()
            self._pairing_until = None
            self._changed()

    async def forget(self) -> None:
        """Forget every phone and who one was, as after a factory reset."""
        self._bonds.forget_all()
        self._device.static_address, self._device.irk = self._bonds.address, self._bonds.irk
        await self._device.refresh_resolving_list()
        if self._phone is not None:
            await self._send_away(self._phone.connection)  # and be found anew
        else:
            await self._advertise()

    async def tell(self, event: Event) -> None:
        """Tell the owner's phone, if it is here, what has happened."""
        if self.connected and self._phone is not None:
            await self._notify(self._phone, self._events, bytes((event,)))

    def _add_services(self) -> None:
        def read(value: Callable[[], bytes]) -> att.AttributeValue[bytes]:
            return att.AttributeValue(read=lambda connection: self._for_owner(connection, value))

        def plain(uuid: Any, properties: Any, permissions: Any, value: Any) -> Any:
            return gatt.Characteristic(uuid, properties, permissions, value)

        self._command = plain(
            service.COMMAND,
            _P.WRITE | _P.WRITE_WITHOUT_RESPONSE,
            _WRITE,
            att.AttributeValue(write=self._written),
        )
        self._response = plain(service.RESPONSE, _P.NOTIFY, att.Attribute.Permissions(0), b"")
        self._events = plain(service.EVENTS, _P.NOTIFY, att.Attribute.Permissions(0), b"")
        report = read(lambda: self._report().encode())
        version = service.version_value()
        self._device.add_service(
            gatt.Service(
                service.SERVICE,
                [
                    plain(service.VERSION, _P.READ, att.Attribute.READABLE, version),
                    self._command,
                    self._response,
                    self._events,
                    plain(service.STATE, _P.READ, _READ, report),
                ],
            )
        )
        level = read(lambda: bytes((max(0, min(self._worn.battery(), 100)),)))
        battery = plain(gatt.GATT_BATTERY_LEVEL_CHARACTERISTIC, _P.READ, _READ, level)
        self._device.add_service(gatt.Service(gatt.GATT_BATTERY_SERVICE, [battery]))
        model = read(self._kind.model.encode)
        number = plain(gatt.GATT_MODEL_NUMBER_STRING_CHARACTERISTIC, _P.READ, _READ, model)
        self._device.add_service(gatt.Service(gatt.GATT_DEVICE_INFORMATION_SERVICE, [number]))

    def _report(self) -> Report:
        told = self._worn.report()
        return Report(told.serial, told.armed, told.worn, told.locked, self.pairing, told.cards)

    def _trusted(self, connection: Connection) -> bool:
        """Whether the link is encrypted with the key of a phone that bonded as it has to.

        `bumble` calls every encrypted link authenticated, so the bond decides.
        """
        name = str(connection.peer_address)
        return connection.is_encrypted and self._bonds.trusted(name, checked=self._checked)

    def _for_owner(self, connection: Connection, value: Callable[[], bytes]) -> bytes:
        if not self._trusted(connection):
            raise att.ATT_Error(att.ErrorCode.INSUFFICIENT_AUTHENTICATION)
        return value()

    def _written(self, connection: Connection, fragment: bytes) -> None:
        """A fragment of a command. Nothing waits here, so fragments keep their order."""
        if not self._trusted(connection):
            raise att.ATT_Error(att.ErrorCode.INSUFFICIENT_AUTHENTICATION)
        phone = self._phone
        if phone is None or phone.connection is not connection:
            raise att.ATT_Error(att.ErrorCode.UNLIKELY_ERROR)
        todo = phone.responder.take(fragment)
        if isinstance(todo, Execute):
            self._spawn(self._execute(phone, todo))
        elif todo is not None:
            self._spawn(self._send(phone, todo))

    async def _execute(self, phone: _Phone, todo: Execute) -> None:
        response = await asyncio.to_thread(self._worn.exchange, todo.command)
        if self._phone is not phone:
            self._worn.cut()  # the link went while the element worked: its session ends after all
            return
        await self._send(phone, phone.responder.answered(response))
        self._changed()

    async def _send(self, phone: _Phone, message: Message) -> None:
        async with phone.sending:
            for part in fragments(message, phone.connection.att_mtu):
                await self._notify(phone, self._response, part)

    async def _notify(self, phone: _Phone, characteristic: Any, value: bytes) -> None:
        if self._phone is phone:
            await self._device.notify_subscriber(phone.connection, characteristic, value)

    def _connected(self, connection: Connection) -> None:
        self._phone = _Phone(connection)
        connection.on("disconnection", lambda _reason: self._cut(connection))
        connection.on("pairing", lambda _keys: self.close_pairing())
        for change in ("connection_encryption_change", "pairing"):
            connection.on(change, lambda *_: self._changed())
        self._watch(connection)

    def _cut(self, connection: Connection) -> None:
        if self._phone is not None and self._phone.connection is connection:
            self._phone = None
            self._worn.cut()
            self._changed()
            self._spawn(self._advertise())

    def _expel_stranger(self, connection: Connection) -> None:
        if not self._is_here(connection) or self._trusted(connection):
            return
        if self.pairing:
            self._watch(connection)
        else:
            self._spawn(self._send_away(connection))

    def _watch(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._waits.stranger_s, self._expel_stranger, connection)
        connection.on("disconnection", lambda _reason: timer.cancel())

    def _is_here(self, connection: Connection) -> bool:
        return self._phone is not None and self._phone.connection is connection

    async def _send_away(self, connection: Connection) -> None:
        try:
            await connection.disconnect(hci.HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR)
        except (BaseBumbleError, asyncio.CancelledError):
            return  # it was faster

    async def _advertise(self) -> None:
        """Advertise under a fresh private address, with what all bands have in common."""
        async with self._advertising:
            if self._phone is not None or self._stopped:
                return
            await self._device.stop_advertising()
            address = hci.Address.generate_private_address(self._bonds.irk)
            self._device.random_address = address
            await self._device.send_sync_command(hci.HCI_LE_Set_Random_Address_Command(address))
            await self._device.start_advertising(
                AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
                advertising_data=_ADVERTISED,
                scan_response_data=b"",
                advertising_interval_min=_INTERVAL_MS,
                advertising_interval_max=_INTERVAL_MS,
            )

    async def _rotate(self) -> None:
        while True:
            await asyncio.sleep(_ROTATION_S)
            await self._advertise()

    def _changed(self) -> None:
        self.changed()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Asked:
    """The wearer, with the pairing mode's own answer to who may pair."""

    def __init__(self, peripheral: Peripheral, wearer: Wearer) -> None:
        self._peripheral, self._wearer = peripheral, wearer

    async def willing(self) -> bool:
        return self._peripheral.pairing

    async def same(self, number: int) -> bool:
        return self._peripheral.pairing and await self._wearer.same(number)

    async def shown(self, number: int) -> None:
        await self._wearer.shown(number)

    async def typed(self) -> int | None:
        return None  # no band has keys for digits


def _advertisement() -> bytes:
    discoverable = AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE
    flags = bytes((discoverable | AdvertisingData.Flags.BR_EDR_NOT_SUPPORTED,))
    uuid = bytes(UUID(service.SERVICE))
    kinds = AdvertisingData.Type
    return bytes(
        AdvertisingData(
            [
                (kinds.FLAGS, flags),
                (kinds.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, uuid),
                (kinds.COMPLETE_LOCAL_NAME, service.NAME.encode()),
            ]
        )
    )


_ADVERTISED = _advertisement()
