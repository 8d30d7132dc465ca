"""ISO 8583 over TCP on loopback: real sockets, real frames, ephemeral ports."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime

import pytest

from zheton.adapters.tcp.link import IsoLink, LinkLimits
from zheton.adapters.tcp.server import Handler, IsoServer, Peer, ServerLimits
from zheton.core.errors import ConfigurationError, ConflictError, UnreachableError
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, decode, encode

pytestmark = pytest.mark.system
HOST = "127.0.0.1"
LONG_S = 20.0  # no test waits so long unless something is wrong
QUICK = LinkLimits(backoff_first_s=0.01, backoff_max_s=0.02)


def now() -> datetime:
    return datetime(2019, 8, 20, 9, 30, tzinfo=UTC)


def purchase(count: int) -> Message:
    return Message(
        "0100",
        {
            2: "5413330089010012",
            4: f"{count:012d}",
            7: "0820093000",
            11: f"{count:06d}",
            37: f"{count:012d}",
        },
    )


def approval(request: Message) -> Message:
    return request.with_fields({39: "00"}, mti="0110")


async def approve(message: Message, peer: Peer) -> Message | None:
    return approval(message)


@contextlib.asynccontextmanager
async def serving(handler: Handler = approve, **options: object) -> AsyncIterator[IsoServer]:
    server = IsoServer(HOST, 0, DIALECT, handler, **options)  # type: ignore[arg-type]
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def linked(port: int, **options: object) -> AsyncIterator[IsoLink]:
    options.setdefault("limits", QUICK)
    link = IsoLink(HOST, port, DIALECT, now, **options)  # type: ignore[arg-type]
    await link.start()
    try:
        yield link
    finally:
        await link.close()


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(LONG_S):
            await test()

    asyncio.run(bounded())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop work until something is so; `run` bounds the wait."""
    while not condition():  # noqa: ASYNC110 - the state of another party has no event
        await asyncio.sleep(0.001)


async def raw(port: int, data: bytes) -> bytes:
    """Everything that a server answers to raw bytes until it ends the connection."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(data)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    answered = b""
    with contextlib.suppress(ConnectionError):
        answered = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answered


def test_hundreds_in_flight_are_answered_in_reverse_order() -> None:
    total = 500
    held: list[tuple[Message, asyncio.Future[None]]] = []

    async def hold(message: Message, peer: Peer) -> Message | None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        held.append((message, turn))
        await turn
        return approval(message)

    async def test() -> None:
        finished: list[int] = []

        async def ask(link: IsoLink, count: int) -> None:
            answer = await link.request(purchase(count), LONG_S)
            assert answer == approval(purchase(count))
            finished.append(count)

        async with serving(hold) as server, linked(server.port) as link:
            asking = [asyncio.create_task(ask(link, count)) for count in range(total)]
            await until(lambda: len(held) == total)  # all of them wait, on one connection
            for _, turn in reversed(held):
                turn.set_result(None)
            await asyncio.gather(*asking)
        assert finished == [int(message.text(11)) for message, _ in reversed(held)]

    run(test)


def test_a_connection_is_not_read_past_its_bound_and_nothing_is_lost() -> None:
    running = highest = 0

    async def count(message: Message, peer: Peer) -> Message | None:
        nonlocal running, highest
        running += 1
        highest = max(highest, running)
        await asyncio.sleep(0)
        running -= 1
        return approval(message)

    async def test() -> None:
        limits = ServerLimits(in_flight_max=7)
        async with serving(count, limits=limits) as server, linked(server.port) as link:
            answers = await asyncio.gather(*(link.request(purchase(n), LONG_S) for n in range(300)))
        assert [answer[4] for answer in answers] == [purchase(n)[4] for n in range(300)]
        assert highest == 7

    run(test)


def test_no_answer_is_unreachable_and_a_late_one_is_unmatched() -> None:
    late: list[Message] = []

    async def test() -> None:
        release = asyncio.Event()

        async def slow(message: Message, peer: Peer) -> Message | None:
            await release.wait()
            return approval(message)

        async with serving(slow) as server, linked(server.port, on_unmatched=late.append) as link:
            with pytest.raises(UnreachableError, match=r"did not answer within 0\.05 s"):
                await link.request(purchase(1), 0.05)
            release.set()
            await until(lambda: bool(late))
            assert late == [approval(purchase(1))]
            # The key is free again.
            assert await link.request(purchase(1), LONG_S) == approval(purchase(1))

    run(test)


def test_a_server_that_restarts_breaks_what_is_in_flight_and_is_found_again() -> None:
    async def never(message: Message, peer: Peer) -> Message | None:
        await asyncio.Event().wait()
        return None

    async def test() -> None:
        async with serving(never) as first, linked(first.port) as link:
            await until(lambda: link.is_up)
            assert not link.is_away
            asking = asyncio.create_task(link.request(purchase(1), LONG_S))
            await asyncio.sleep(0)
            port = first.port
            await first.close()
            with pytest.raises(UnreachableError, match="broke before the answer"):
                await asking
            assert not link.is_up
            await until(lambda: link.is_away)
            waiting = asyncio.create_task(link.request(purchase(2), LONG_S))
            second = IsoServer(HOST, port, DIALECT, approve)
            await second.start()
            assert await waiting == approval(purchase(2))
            assert not link.is_away
            await second.close()

    run(test)


def test_closing_a_link_fails_what_is_in_flight() -> None:
    async def never(message: Message, peer: Peer) -> Message | None:
        await asyncio.Event().wait()
        return None

    async def test() -> None:
        async with serving(never) as server, linked(server.port) as link:
            await until(lambda: link.is_up)
            asking = asyncio.create_task(link.request(purchase(1), LONG_S))
            await asyncio.sleep(0)
            await link.close()
            with pytest.raises(UnreachableError):
                await asking
            with pytest.raises(UnreachableError, match="is closed"):
                await link.request(purchase(2), LONG_S)

    run(test)


def test_nobody_listening_is_unreachable() -> None:
    async def test() -> None:
        async with serving() as server:
            port = server.port
        async with linked(port) as link:
            with pytest.raises(UnreachableError, match=f"127.0.0.1 port {port}"):
                await link.request(purchase(1), 0.1)

    run(test)


def test_a_host_that_never_comes_up_is_away_after_a_while() -> None:
    async def test() -> None:
        async with serving() as server:
            port = server.port
        async with linked(port) as patient:
            with pytest.raises(UnreachableError):
                await patient.request(purchase(1), 0.1)
            assert not patient.is_away
        limits = LinkLimits(starting_s=0.1, backoff_max_s=0.01)
        async with linked(port, limits=limits) as link:
            await until(lambda: link.is_away)

    run(test)


def test_a_late_answer_to_a_request_does_not_answer_its_advice() -> None:
    """A 0120 has the elements of the 0100 that it tells of."""
    advice, go_on = purchase(1).with_fields({}, mti="0120"), asyncio.Event()

    async def late(message: Message, peer: Peer) -> Message | None:
        if message.mti == "0100":
            await go_on.wait()
            return approval(message)
        go_on.set()
        await asyncio.sleep(0)  # the late answer goes first
        return message.with_fields({39: "00"}, mti="0130")

    async def test() -> None:
        unmatched: list[Message] = []
        async with (
            serving(late) as server,
            linked(server.port, on_unmatched=unmatched.append) as link,
        ):
            with pytest.raises(UnreachableError):
                await link.request(purchase(1), 0.05)
            assert (await link.request(advice, LONG_S)).mti == "0130"
            await until(lambda: [each.mti for each in unmatched] == ["0110"])

    run(test)


def test_a_link_bounds_its_requests_and_refuses_a_key_twice() -> None:
    async def test() -> None:
        release = asyncio.Event()

        async def slow(message: Message, peer: Peer) -> Message | None:
            await release.wait()
            return approval(message)

        limits = LinkLimits(requests_max=2)
        async with serving(slow) as server, linked(server.port, limits=limits) as link:
            first = asyncio.create_task(link.request(purchase(1), LONG_S))
            await until(lambda: link.is_up)
            await asyncio.sleep(0)
            with pytest.raises(ConflictError):
                await link.request(purchase(1), LONG_S)
            second = asyncio.create_task(link.request(purchase(2), LONG_S))
            await asyncio.sleep(0)
            with pytest.raises(UnreachableError, match="2 requests wait"):
                await link.request(purchase(3), LONG_S)
            release.set()
            assert [await first, await second] == [approval(purchase(1)), approval(purchase(2))]

    run(test)


def test_echoes_keep_a_live_line_and_end_a_dead_one() -> None:
    """A host that accepts and then says nothing is left after an echo without an answer."""
    connections: list[int] = []
    echoes: list[Message] = []

    async def mute_after_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                echo = decode(DIALECT, await reader.readexactly(size))
                echoes.append(echo)
                if len(echoes) == 1:
                    answer = encode(DIALECT, echo.with_fields({39: "00"}, mti="0810"))
                    writer.write(len(answer).to_bytes(2, "big") + answer)
        writer.close()

    async def test() -> None:
        host = await asyncio.start_server(mute_after_one, HOST, 0)
        port = host.sockets[0].getsockname()[1]
        limits = LinkLimits(echo_every_s=0.02, echo_timeout_s=0.05, backoff_first_s=0.01)
        async with linked(port, limits=limits):
            await until(lambda: len(connections) >= 2)
        host.close()
        first, second, *_ = echoes
        assert (first.mti, first[70], first[7]) == ("0800", "301", "0820093000")
        assert first[11] != second[11]

    run(test)


def test_both_ends_answer_network_management() -> None:
    sign_on = Message("0800", {7: "0820093000", 11: "000001", 37: "0" * 12, 70: "001"})
    unknown = sign_on.with_fields({11: "000002", 70: "999"})

    async def test() -> None:
        async with serving() as server, linked(server.port) as link:
            assert (await link.request(sign_on, LONG_S)).fields == {**sign_on.fields, 39: "00"}
            assert (await link.request(unknown, LONG_S))[39] == "12"

    run(test)

    async def host_asks() -> None:
        answers: list[Message] = []

        async def host(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            data = encode(DIALECT, sign_on)
            await reader.readexactly(2)
            writer.write(len(data).to_bytes(2, "big") + data)
            while not answers:
                with contextlib.suppress(asyncio.IncompleteReadError):
                    await reader.readuntil(b"0810")
                    rest = await reader.read(1000)
                    answers.append(decode(DIALECT, b"0810" + rest))
            writer.close()

        server = await asyncio.start_server(host, HOST, 0)
        async with linked(server.sockets[0].getsockname()[1]):
            await until(lambda: bool(answers))
        server.close()
        assert answers[0].fields == {**sign_on.fields, 39: "00"}

    run(host_asks)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x00",
        b"\xff\xff" + bytes(100),
        b"\x00\x05hello",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"x" * 20_000,
        b"\x00\x1a0100" + bytes.fromhex("4000000000000000") + b"165413330089010012",
    ],
    ids=["empty", "too long", "no message", "another protocol", "cut short"],
)
def test_garbage_ends_its_own_connection_only(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    if garbage.startswith(b"\x00\x1a"):
        garbage += b"\x00\x01x"

    async def test() -> None:
        async with serving() as server, linked(server.port) as link:
            assert await link.request(purchase(1), LONG_S) == approval(purchase(1))
            good = encode(DIALECT, purchase(2))
            await raw(server.port, len(good).to_bytes(2, "big") + good + garbage)
            assert await link.request(purchase(3), LONG_S) == approval(purchase(3))

    with caplog.at_level(logging.DEBUG):
        run(test)
    assert "Closed the connection with 127.0.0.1" in caplog.text
    assert "5413330089010012" not in caplog.text and "hello" not in caplog.text


def test_a_handler_that_fails_is_silent_on_the_wire_and_discreet_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(message: Message, peer: Peer) -> Message | None:
        if message[11] == "000001":
            raise RuntimeError(f"could not store {message[2]!r}")
        if message[11] == "000002":
            return message.with_fields({39: "too long"}, mti="0110")
        return approval(message)

    async def test() -> None:
        async with serving(broken) as server, linked(server.port) as link:
            for count in (1, 2):
                with pytest.raises(UnreachableError):
                    await link.request(purchase(count), 0.05)
            assert await link.request(purchase(3), LONG_S) == approval(purchase(3))

    run(test)
    assert "RuntimeError" in caplog.text and "DE39" in caplog.text
    assert "5413330089010012" not in caplog.text


def test_taps_see_every_payload_of_both_ends() -> None:
    seen: list[tuple[str, str, bytes]] = []

    async def test() -> None:
        async with (
            serving(tap=lambda way, data: seen.append(("server", way, data))) as server,
            linked(server.port, tap=lambda way, data: seen.append(("link", way, data))) as link,
        ):
            await link.request(purchase(1), LONG_S)

    run(test)
    debit = [(who, way, data) for who, way, data in seen if data[:2] == b"01"]
    asked, answered = encode(DIALECT, purchase(1)), encode(DIALECT, approval(purchase(1)))
    assert debit == [
        ("link", "out", asked),
        ("server", "in", asked),
        ("server", "out", answered),
        ("link", "in", answered),
    ]


def test_connections_are_bounded() -> None:
    async def test() -> None:
        limits = ServerLimits(connections_max=1)
        async with serving(limits=limits) as server, linked(server.port) as link:
            await until(lambda: link.is_up)
            assert await raw(server.port, b"") == b""
            assert await link.request(purchase(1), LONG_S) == approval(purchase(1))

    run(test)


def test_a_busy_port_is_one_clear_sentence() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = IsoServer(HOST, port, DIALECT, approve)
        with pytest.raises(ConfigurationError, match=f"^Port {port} of 127.0.0.1 is in use"):
            asyncio.run(server.start())


def test_an_answer_nobody_asked_for_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[Message] = []

    async def note(message: Message, peer: Peer) -> Message | None:
        asked.append(message)
        return None

    async def test() -> None:
        async with serving(note) as server:
            _, writer = await asyncio.open_connection(HOST, server.port)
            for message in (approval(purchase(1)), purchase(2)):
                data = encode(DIALECT, message)
                writer.write(len(data).to_bytes(2, "big") + data)
            await until(lambda: bool(asked))
            writer.close()
            await writer.wait_closed()

    run(test)
    assert [message.mti for message in asked] == ["0100"]
    assert "nobody asked for" in caplog.text
