"""The asking end: one connection that is kept, with many requests in flight on it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from zheton.adapters.tcp import management
from zheton.adapters.tcp.channel import Channel, Tap
from zheton.core.errors import ConflictError, UnreachableError
from zheton.core.iso8583.match import Key, is_request, key
from zheton.core.iso8583.message import Message, decode, encode
from zheton.core.iso8583.spec import Spec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Bounds and intervals of a link, in seconds and requests."""

    requests_max: int = 10_000
    connect_timeout_s: float = 5.0
    starting_s: float = 2.0  # how long a host may take to come up before it counts as away
    echo_every_s: float = 30.0
    echo_timeout_s: float = 5.0
    backoff_first_s: float = 0.05
    backoff_max_s: float = 5.0


class IsoLink:
    """A client of one host. It connects by itself, tests the line by echoes, and connects again.

    `now` gives DE7 of the echoes. Messages that answer nothing (any more) and requests of the
    host other than 0800 go to `on_unmatched`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        spec: Spec,
        now: Callable[[], datetime],
        *,
        limits: LinkLimits | None = None,
        on_unmatched: Callable[[Message], None] | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.host, self.port, self.spec = host, port, spec
        self._now, self._limits = now, limits or LinkLimits()
        self._on_unmatched, self._tap = on_unmatched, tap
        self._pending: dict[Key, asyncio.Future[Message | None]] = {}
        self._requests = 0
        self._echoes = 0
        self._channel: Channel | None = None
        self._ready, self._away = asyncio.Event(), False
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; requests wait for the connection."""
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """End the connection; requests in flight raise UnreachableError."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        self._fail_pending()

    @property
    def is_up(self) -> bool:
        """Whether the host answered the echo of the present connection."""
        return self._ready.is_set()

    @property
    def is_away(self) -> bool:
        """Whether the host was lost, or never reached in all of `starting_s`, and is not back.

        Two that start together need not start in order: whoever asks then waits for the host.
        """
        return self._away and not self._ready.is_set()

    async def request(self, message: Message, timeout_s: float) -> Message:
        """The answer to a message.

        UnreachableError if none came in time or the connection broke: whether the host acted on
        the message is then unknown. ConflictError if a request with the same key is in flight.
        """
        if self._keeper is None:
            raise UnreachableError(f"The link to {self._where} is closed.")
        if self._requests >= self._limits.requests_max:
            raise UnreachableError(
                f"{self._requests} requests wait for {self._where} already; try again later."
            )
        payload, message_key = encode(self.spec, message), key(message)
        self._requests += 1
        try:
            async with asyncio.timeout(timeout_s):
                while not self._ready.is_set():
                    await self._ready.wait()
                return await self._exchange(payload, message_key)
        except TimeoutError:
            raise UnreachableError(
                f"{self._where} did not answer within {timeout_s:g} s."
            ) from None
        finally:
            self._requests -= 1

    async def _exchange(self, payload: bytes, message_key: Key) -> Message:
        if message_key in self._pending:
            raise ConflictError("A request with this DE7, DE11 and DE37 is in flight already.")
        if self._channel is None:
            raise UnreachableError(f"There is no connection with {self._where}.")
        future: asyncio.Future[Message | None]
        future = self._pending[message_key] = asyncio.get_running_loop().create_future()
        try:
            self._channel.send(payload)
            answer = await future
        finally:
            # An answer took the entry out, and the same key may be in use again by now.
            if self._pending.get(message_key) is future:
                del self._pending[message_key]
        if answer is None:
            raise UnreachableError(f"The connection with {self._where} broke before the answer.")
        return answer

    def _receive(self, payload: bytes) -> None:
        message = decode(self.spec, payload)
        if message.mti == management.REQUEST_MTI and self._channel is not None:
            self._channel.send(encode(self.spec, management.answer(message)))
            return
        future = None if is_request(message.mti) else self._pending.pop(key(message), None)
        if future is not None and not future.done():
            future.set_result(message)
        elif self._on_unmatched is not None:
            self._on_unmatched(message)
        else:
            _log.warning("Ignored a %s from %s that matches nothing", message.mti, self._where)

    async def _keep(self) -> None:
        loop, backoff_s = asyncio.get_running_loop(), self._limits.backoff_first_s
        patient_until = loop.time() + self._limits.starting_s
        while True:
            try:
                await self._connected()
                backoff_s = self._limits.backoff_first_s
            except (OSError, TimeoutError, UnreachableError) as error:
                self._away = self._away or loop.time() > patient_until
                _log.info("No connection with %s: %s", self._where, type(error).__name__)
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, self._limits.backoff_max_s)

    async def _connected(self) -> None:
        """One connection from its beginning to its end; raises if it never answered an echo."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._limits.connect_timeout_s):
            _, channel = await loop.create_connection(
                lambda: Channel(self._receive, self._tap), self.host, self.port
            )
        self._channel = channel
        try:
            channel.lost.add_done_callback(lambda _: self._fail_pending())
            await self._echo()
            self._ready.set()
            await self._watch(channel)
        finally:
            self._ready.clear()
            self._channel = None
            channel.abort()
            self._fail_pending()
            await channel.lost

    async def _watch(self, channel: Channel) -> None:
        """Send an echo at every interval until the connection is lost or one is not answered."""
        while not channel.lost.done():
            await asyncio.wait([channel.lost], timeout=self._limits.echo_every_s)
            if not channel.lost.done():
                with contextlib.suppress(UnreachableError):
                    await self._echo()
                    continue
                _log.warning("%s did not answer an echo; connecting again", self._where)
                return

    async def _echo(self) -> None:
        self._echoes += 1
        message = management.echo(self._echoes, self._now())
        try:
            async with asyncio.timeout(self._limits.echo_timeout_s):
                await self._exchange(encode(self.spec, message), key(message))
        except TimeoutError:
            raise UnreachableError(f"{self._where} does not answer echoes.") from None

    def _fail_pending(self) -> None:
        self._ready.clear()
        self._away = True
        for future in self._pending.values():
            if not future.done():
                future.set_result(None)
        self._pending.clear()

    @property
    def _where(self) -> str:
        return f"{self.host} port {self.port}"
