"""Where a controller is: `bumble`'s own transport strings, and one more for machines without one.

`usb:0`, `serial:/dev/ttyACM0`, `tcp-client:HOST:PORT`, `android-netsim` and so on are `bumble`'s.
`air:HOST:PORT` makes controllers of its own: one for this process and one for every HCI client of
that address (`tcp-client:HOST:PORT`), all on one virtual air. It is for tests and for one machine:
whoever reaches the port is on the air, and what is on this air is not encrypted.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import BaseBumbleError
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink, StreamPacketSink, StreamPacketSource

from zheton.core.errors import ConfigurationError, UnreachableError

AIR = "air:"
_GUESTS_MAX = 16
_PACKET_BYTES = 251  # Core, Vol 6, Part B, 4.5.10


@dataclass(frozen=True, slots=True)
class Radio:
    """A controller, as a host reaches it: HCI packets in, HCI packets out."""

    source: Any
    sink: Any


@asynccontextmanager
async def open_radio(name: str) -> AsyncIterator[Radio]:
    """The controller behind a transport string, for as long as the context lasts.

    UnreachableError if nothing answers there, ConfigurationError if the string is none.
    """
    if name.startswith(AIR):
        host, _, port = name.removeprefix(AIR).rpartition(":")
        if not (host and port.isdecimal()):
            raise ConfigurationError(f"{name!r} is no address; write {AIR}127.0.0.1:7300.")
        async with _air(host, int(port)) as radio:
            yield radio
        return
    try:
        transport = await open_transport(name)
    except (OSError, BaseBumbleError, ValueError, ImportError) as error:
        raise UnreachableError(
            f"No Bluetooth controller answers at {name} ({error}); see docs/ble.md for the names."
        ) from error
    try:
        yield Radio(transport.source, transport.sink)
    finally:
        await transport.close()


def virtual_air() -> LocalLink:
    """Nothing but the controllers of this process."""
    return LocalLink()  # type: ignore[no-untyped-call]  # bumble does not annotate it


def on_air(link: LocalLink, name: str) -> Radio:
    """A controller of this process on a virtual air."""
    controller = _roomy(Controller(name, link=link))
    return Radio(controller, AsyncPipeSink(controller))


def _roomy(controller: Controller) -> Controller:
    """A virtual controller with the packets of one that has the data length extension."""
    controller.le_acl_data_packet_length = _PACKET_BYTES
    return controller


class _Guest(StreamPacketSource):
    """An HCI client of the virtual air, with a controller for as long as it is connected."""

    def __init__(self, link: LocalLink, name: str) -> None:
        super().__init__()
        self._link, self._name = link, name
        self._controller: Controller | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A controller comes into being; the air holds only so many."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 a server makes no other
        self.transport = transport
        if len(self._link.controllers) > _GUESTS_MAX:
            transport.abort()
            return
        sink = StreamPacketSink(transport)
        self._controller = _roomy(Controller(self._name, self, sink, link=self._link))

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone, as a phone that is switched off."""
        if self._controller is not None:
            leave(self._controller)


def leave(controller: Controller) -> None:
    """Take a controller off the air; its peers find the connection lost."""
    reason = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
    for advertising in controller.advertising_sets.values():
        advertising.stop()
    controller.le_legacy_advertiser.stop()
    for connection in list(controller.le_connections.values()):
        peer = controller.link.find_le_controller(connection.peer_address)
        if peer is not None:
            peer.on_ll_control_pdu(connection.self_address, ll.TerminateInd(reason))
    controller.le_connections.clear()
    controller.link.controllers.discard(controller)


@asynccontextmanager
async def _air(host: str, port: int) -> AsyncIterator[Radio]:
    link, numbers = virtual_air(), itertools.count(1)
    guests: list[_Guest] = []

    def admit() -> _Guest:
        guests.append(_Guest(link, f"guest {next(numbers)}"))
        return guests[-1]

    try:
        server = await asyncio.get_running_loop().create_server(admit, host, port)
    except OSError as error:
        raise UnreachableError(f"Nothing can listen at {host}:{port} ({error.strerror}).") from None
    try:
        yield on_air(link, "host")
    finally:
        server.close()
        for guest in guests:
            if guest.transport is not None:
                guest.transport.abort()
