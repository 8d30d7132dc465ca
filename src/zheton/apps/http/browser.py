"""What a server that a browser visits must add, or any page on the web could talk through it.

A foreign page can make the browser send requests here, and can point a name of its own at this
machine (DNS rebinding). So a request names this server in Host, and one that changes something
comes from a page of this server (Origin: RFC 6454, 7). Every answer tells the browser to be strict.
"""

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zheton.apps.http import problem

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)
_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_SAFE = ("GET", "HEAD", "OPTIONS")  # RFC 9110, 9.2.1


class BrowserGuard:
    """Serves the pages of one host to one browser, and no other site's."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = LOOPBACK) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request of our own pages, and harden its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        detail = self._refusal(scope)
        if detail:
            document = problem.problem("foreign", HTTPStatus.FORBIDDEN, detail)
            await problem.respond(document, {"cache-control": "no-store"})(scope, receive, hardened)
            return
        await self._app(scope, receive, hardened)

    def _refusal(self, scope: Scope) -> str:
        """Why a request is refused; "" if it is not."""
        place = _only(scope, b"host")
        if _host(place) not in self._hosts:
            return (
                "This address is not the server's own; open the one that it printed at its start."
            )
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if scope["method"] in _SAFE or not origins:  # no browser, no Origin: nobody to protect
            return ""
        if urlsplit(_only(scope, b"origin")).netloc.lower() == place.lower():
            return ""
        return "Only the server's own page may do this, and another one asked."


def _only(scope: Scope, wanted: bytes) -> str:
    """The value of a header that must be there once; "" otherwise."""
    values = [value for name, value in scope["headers"] if name == wanted]
    return values[0].decode("latin-1") if len(values) == 1 else ""


def _host(place: str) -> str:
    """The host of `host[:port]` in small letters; "" where it is none."""
    try:
        return (urlsplit(f"//{place}").hostname or "").lower()
    except ValueError:
        return ""
