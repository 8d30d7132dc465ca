"""Pushes reach every listener of a user, nobody else, and wait for nobody."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from zheton.apps.http.events import LISTENERS_MAX, QUEUE_MAX, Hub
from zheton.core.errors import ConflictError

PATIENCE_SECONDS = 5.0


async def next_of(stream: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await anext(stream)


async def opened(hub: Hub, user: str) -> AsyncIterator[bytes]:
    stream = hub.listen(user)
    assert (await next_of(stream)).startswith(b":")
    return stream


def publish_from_a_thread(hub: Hub, user: str, count: int = 1) -> None:
    def publish() -> None:
        for number in range(count):
            hub.publish(user, "debit", {"n": number})

    thread = threading.Thread(target=publish)
    thread.start()
    thread.join()


def test_an_event_reaches_the_users_listeners_and_no_others() -> None:
    async def scenario() -> None:
        hub = Hub()
        first, second = await opened(hub, "anna"), await opened(hub, "anna")
        other = await opened(hub, "boris")
        publish_from_a_thread(hub, "anna")
        hub.close()
        for stream in (first, second):
            assert await next_of(stream) == b'event: debit\ndata: {"n": 0}\n\n'
        with pytest.raises(StopAsyncIteration):
            await next_of(other)

    asyncio.run(scenario())


def test_who_does_not_keep_up_is_cut_off() -> None:
    async def scenario() -> None:
        hub = Hub()
        slow = await opened(hub, "anna")
        publish_from_a_thread(hub, "anna", QUEUE_MAX * 3)
        got = [event async for event in slow]
        assert len(got) == QUEUE_MAX
        assert (await opened(hub, "anna")) is not None

    asyncio.run(scenario())


def test_a_user_has_a_bounded_number_of_streams_and_gets_them_back() -> None:
    async def scenario() -> None:
        hub = Hub()
        streams = [await opened(hub, "anna") for _ in range(LISTENERS_MAX)]
        with pytest.raises(ConflictError):
            hub.listen("anna")
        await streams[0].aclose()  # type: ignore[attr-defined]
        assert await opened(hub, "anna")
        never_started = [hub.listen("boris") for _ in range(LISTENERS_MAX + 1)]
        assert len(never_started) == LISTENERS_MAX + 1

    asyncio.run(scenario())


def test_a_quiet_stream_says_that_it_is_there() -> None:
    async def scenario() -> None:
        stream = await opened(Hub(keep_alive_seconds=0.01), "anna")
        assert await next_of(stream) == b": still here\n\n"

    asyncio.run(scenario())


def test_nothing_is_kept_for_who_is_gone() -> None:
    async def scenario() -> None:
        hub = Hub()
        stream = await opened(hub, "anna")
        await stream.aclose()  # type: ignore[attr-defined]
        assert hub._listeners == {}
        hub.publish("anna", "debit", {})

    asyncio.run(scenario())
