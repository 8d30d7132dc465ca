"""The answering end: an ISO 8583 host that serves many requests at once on every connection."""

import asyncio
import errno
import logging
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from zheton.adapters.tcp import management
from zheton.adapters.tcp.channel import Channel, Tap
from zheton.core.errors import ConfigurationError, DecodeError, EncodeError
from zheton.core.iso8583.match import is_request
from zheton.core.iso8583.message import Message, decode, encode
from zheton.core.iso8583.spec import Spec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection."""

    host: str
    port: int

    @property
    def line(self) -> str:
        """What of its address the far end can't choose: of IPv6 the first 64 bits (RFC 7421).

        >>> Peer("2001:db8::7:1", 9).line, Peer("192.0.2.7", 9).line
        ('2001:db8::/64', '192.0.2.7')
        """
        try:
            address = ip_address(self.host)
        except ValueError:
            return self.host
        if address.version == 4:
            return str(address)
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), 64), strict=False))


Handler = Callable[[Message, Peer], Awaitable[Message | None]]


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds: connections of a server, and requests being answered on one connection."""

    connections_max: int = 256
    in_flight_max: int = 1024


class IsoServer:
    """Gives each request to `handler` and sends what it returns, in any order; None is silence.

    0800 is answered here. Bytes that do not decode end their connection and no other. Past
    `in_flight_max` requests a connection is not read until some are answered.
    """

    def __init__(
        self,
        host: str,
        port: int,
        spec: Spec,
        handler: Handler,
        *,
        limits: ServerLimits | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.host, self.port = host, port
        self.spec, self.handler = spec, handler
        self.limits, self.tap = limits or ServerLimits(), tap
        self._sessions: set[_Session] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; port 0 becomes the one that the system gave. ConfigurationError if it can't."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, self.host, self.port)
        except OSError as error:
            raise ConfigurationError(_cannot_listen(self.host, self.port, error)) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, end every connection and give up what is being answered."""
        if self._server is not None:
            self._server.close()
        ending = [session.end() for session in self._sessions]
        await asyncio.gather(*ending)

    def _accept(self) -> Channel:
        session = _Session(self)
        if len(self._sessions) >= self.limits.connections_max:
            _log.warning("Refused a connection: %d are open already", len(self._sessions))
            session.channel.abort()
        else:
            self._sessions.add(session)
            session.channel.lost.add_done_callback(lambda _: self.forget(session))
        return session.channel

    def forget(self, session: "_Session") -> None:
        """Let go of a session once its connection is lost and nothing on it is being answered."""
        if session.channel.lost.done() and session.is_idle:
            self._sessions.discard(session)


class _Session:
    """One connection of a server, with the requests on it that are being answered."""

    def __init__(self, server: IsoServer) -> None:
        self._server = server
        self.channel = Channel(self._receive, server.tap)
        self._tasks: set[asyncio.Task[None]] = set()
        self._backlog: deque[bytes] = deque()  # at most the frames of one read

    def _receive(self, payload: bytes) -> None:
        if len(self._tasks) >= self._server.limits.in_flight_max:
            self.channel.hold("in flight")
            self._backlog.append(payload)
        else:
            self._serve(payload)

    def _serve(self, payload: bytes) -> None:
        message = decode(self._server.spec, payload)
        if message.mti == management.REQUEST_MTI:
            self.channel.send(encode(self._server.spec, management.answer(message)))
        elif is_request(message.mti):
            task = asyncio.get_running_loop().create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._answered)
        else:
            _log.warning("Ignored an answer (%s) that nobody asked for", message.mti)

    async def _answer(self, message: Message) -> None:
        try:
            answer = await self._server.handler(message, Peer(*self.channel.peer))
            if answer is not None:
                self.channel.send(encode(self._server.spec, answer))
        except EncodeError as error:
            _log.error("Sent no answer to a %s: %s", message.mti, error)
        except Exception as error:
            # The text of a stranger's exception may hold card data, so only its kind is told.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("No answer to a %s: %s\n%s", message.mti, type(error).__name__, where)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self.channel.lost.done():
            self._backlog.clear()  # nobody is there to read the answers
        try:
            while self._backlog and len(self._tasks) < self._server.limits.in_flight_max:
                self._serve(self._backlog.popleft())
        except DecodeError as error:
            self._backlog.clear()
            self.channel.refuse(error)
        if not self._backlog:
            self.channel.release("in flight")
        self._server.forget(self)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return not self._tasks

    async def end(self) -> None:
        self._backlog.clear()
        self.channel.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.channel.lost


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use; end the program that holds it, or choose another."
    if error.errno == errno.EACCES:
        return f"Port {port} of {host} needs more rights than this user has; choose one over 1023."
    return f"Nothing can listen at {host} port {port} ({error.strerror}); choose another address."
