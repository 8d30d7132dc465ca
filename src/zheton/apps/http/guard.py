"""What stands before an application: a bound on bodies, faults that tell nothing, bearer secrets.

Both are plain ASGI, so that they act before the framework reads or parses anything.
"""

import asyncio
import re
import uuid
from collections.abc import Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zheton.apps.http import problem
from zheton.core.errors import ConfigurationError

BODY_BYTES_MAX = 65_536
BODY_SECONDS_MAX = 10.0
SECRET_CHARACTERS_MIN = 32
HEALTH_PATH = "/healthz"
_TOKEN = re.compile("[A-Za-z0-9._~+/=-]+").fullmatch  # RFC 6750, 2.1: b64token


class Guard:
    """Reads a body up to a size and a time, and answers faults with a request id.

    Every answer says `no-store`: it may hold a number, a code or a package.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request whose body has come whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"cache-control", b"no-store")]
            await send(message)

        try:
            body = await _body(receive)
            if isinstance(body, HTTPStatus):
                detail = f"A body has at most {BODY_BYTES_MAX} bytes and comes without delay."
                refusal = problem.respond(problem.problem("too-large", body, detail))
                await refusal(scope, receive, watched)
                return
            await self._app(scope, _again(body, receive), watched)
        except Exception as error:  # whatever it is, the caller learns nothing from it
            fault = problem.of_unknown(error, uuid.uuid4().hex)
            if not started:
                await problem.respond(fault)(scope, receive, watched)


class BearerGate:
    """Lets nobody pass whose bearer key (RFC 6750) is nobody's; who has none learns nothing.

    Who it is, the application finds in the request's `state.caller`. That the process serves is no
    secret.
    """

    def __init__(self, app: ASGIApp, caller_of: Callable[[str], object | None]) -> None:
        """`caller_of` finds who has a key; it may block."""
        self._app, self._caller_of = app, caller_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that brings a key that is somebody's."""
        if scope["type"] == "http" and scope["path"] != HEALTH_PATH:
            key = _bearer(scope)
            caller = await run_in_threadpool(self._caller_of, key) if key else None
            if caller is None:
                await unauthorised()(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


def checked_secret(secret: str) -> str:
    """The secret; ConfigurationError if it could be guessed or can't be sent in a header."""
    if len(secret) < SECRET_CHARACTERS_MIN or _TOKEN(secret) is None:
        raise ConfigurationError(
            f"A bearer secret has at least {SECRET_CHARACTERS_MIN} characters: letters, digits, "
            "and -._~+/= only."
        )
    return secret


def unauthorised() -> ASGIApp:
    """The answer to who is not known (RFC 6750, 3)."""
    detail = "Send the bearer token that was given out for this."
    document = problem.problem("unauthorised", HTTPStatus.UNAUTHORIZED, detail)
    return problem.respond(document, {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})


def _bearer(scope: Scope) -> str:
    """The one key that a request brings in the form of RFC 6750; "" where it brings none."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = given[0].decode("latin-1").partition(" ") if len(given) == 1 else ("",) * 3
    return token if scheme.lower() == "bearer" and _TOKEN(token) else ""


async def _body(receive: Receive) -> bytes | HTTPStatus:
    """The whole body, or the status that refuses it."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            while True:
                message = await receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > BODY_BYTES_MAX:
                    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, in one piece; after it whatever the server says."""
    read = False

    async def replay() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
