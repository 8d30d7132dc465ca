"""What stands before the doors: bodies have an end, secrets are compared whole."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zheton.apps.http import guard
from zheton.apps.http.guard import BODY_BYTES_MAX, BearerGate, Guard, checked_secret
from zheton.core.errors import ConfigurationError

SECRET = "s" * 32
reached: list[bytes] = []


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads its whole body and says how long it was."""
    message = await receive()
    assert not message.get("more_body")
    reached.append(message["body"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % len(message["body"])})


def call(
    app: ASGIApp, parts: list[bytes], headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Status, body and headers of one request whose body comes in parts, without a length."""
    sent: list[Message] = []
    waiting = list(parts)

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers or []}
    asyncio.run(_run(app(scope, receive, send)))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body, dict(sent[0]["headers"])


async def _run(awaitable: Any) -> None:
    await awaitable


@pytest.mark.parametrize("parts", [1, 2, 64])
@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 413)])
def test_a_body_has_a_longest_length_however_it_is_cut(parts: int, over: int, status: int) -> None:
    piece = bytes(BODY_BYTES_MAX // parts)
    answer = call(Guard(echo), [piece] * parts + [bytes(over)])
    assert answer[0] == status
    assert answer[1] == str(BODY_BYTES_MAX).encode() or json.loads(answer[1])["status"] == 413
    assert answer[2][b"cache-control"] == b"no-store"


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS_MAX", 0.01)

    async def silent(app: ASGIApp) -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        await app({"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)
        return sent

    assert asyncio.run(silent(Guard(echo)))[0]["status"] == 408


def _authorisation(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", value)]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        _authorisation(b""),
        _authorisation(SECRET.encode()),
        _authorisation(b"Basic " + SECRET.encode()),
        _authorisation(b"Bearer " + SECRET[:-1].encode()),
        _authorisation(b"Bearer " + SECRET.encode() + b"s"),
        _authorisation(b"Bearer \xff\xfe"),
        _authorisation(b"Bearer " + SECRET.encode()) * 2,
    ],
)
def test_without_the_secret_nothing_is_even_read(headers: list[tuple[bytes, bytes]]) -> None:
    reached.clear()
    status, body, answered = call(BearerGate(echo, _known), [b"x"], headers)
    assert status == json.loads(body)["status"] == 401
    assert answered[b"www-authenticate"] == b"Bearer"
    assert reached == []


def _known(key: str) -> str | None:
    """Whose key it is."""
    return "the wallet" if key == SECRET else None


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer "])
def test_the_secret_opens(scheme: bytes) -> None:
    headers = _authorisation(scheme + SECRET.encode())
    assert call(BearerGate(echo, _known), [b"x"], headers)[0] == 200


@pytest.mark.parametrize("secret", ["", "s" * 31, "ш" * 32, "s" * 32 + "\n", "s" * 32 + " "])
def test_a_secret_that_could_be_guessed_or_not_be_sent_is_refused(secret: str) -> None:
    with pytest.raises(ConfigurationError):
        checked_secret(secret)


def test_what_comes_after_the_body_is_the_servers() -> None:
    """An application that streams has to hear that its caller is gone."""
    heard: list[str] = []

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([(await receive())["type"] for _ in range(2)])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    messages: list[Message] = [
        {"type": "http.request", "body": b"", "more_body": False},
        {"type": "http.disconnect"},
    ]
    take: Callable[[], Message] = iter(messages).__next__

    async def receive() -> Message:
        return take()

    async def send(message: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(_run(Guard(listening)(scope, receive, send)))
    assert heard == ["http.request", "http.disconnect"]
