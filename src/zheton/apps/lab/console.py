"""The console's server: the page, what it shows of the lab, and each tap as a stream of events.

The page encrypts a card in the browser; what comes here is a JWE to the vault's key, so this
server never sees a card number (and the X-ray masks the lab's own).
"""

import json
from collections.abc import AsyncIterator
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from zheton.apps.http.browser import BrowserGuard
from zheton.apps.http.door import door
from zheton.apps.lab.front import Front
from zheton.apps.lab.people import GUEST
from zheton.apps.lab.taps import TapRuns
from zheton.core.errors import NotFoundError

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_EVENTS = "text/event-stream"
_THUMBPRINT = "__TSP_THUMBPRINT__"
_WEB = files("zheton") / "apps" / "web"

Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


class Body(BaseModel):
    """A body of exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class NewCard(Body):
    """A sealed card and the cardholder's region (alpha-2)."""

    jwe: Annotated[str, Field(max_length=4096)]
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    title: Annotated[str, Field(max_length=40)] = ""


class Activation(Body):
    """The code that the cardholder got."""

    code: Annotated[str, Field(pattern="^[0-9]{4,8}$")]


class Tap(Body):
    """A debit: which card, at which merchant, and how much in major units."""

    card: Id
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    merchant: Id
    amount: Annotated[str, Field(max_length=16)]
    online: bool = False


def console_app(front: Front) -> FastAPI:
    """The application for one lab; `state.hub` ends its event streams."""
    app = door("Zheton console", openapi_url=None)
    app.add_middleware(BrowserGuard)
    app.state.hub = front.hub
    _lab(app, front)
    _cards(app, front)
    _taps(app, front, TapRuns(front))
    _page(app, front)  # the last, for its assets answer to every path that is left
    return app


def _lab(app: FastAPI, front: Front) -> None:
    @app.get("/api/lab")
    async def describe() -> dict[str, Any]:
        return {**await front.describe(), "version": version("zheton")}

    @app.get("/api/phone")
    def phone() -> dict[str, Any]:
        letters = front.lab.installation.outbox.letters()
        return {
            "messages": [
                {"at": letter.sent_at, "text": letter.text} for letter in reversed(letters)
            ]
        }


def _page(app: FastAPI, front: Front) -> None:
    pages = {
        resource.name if not folder else f"{folder}/{resource.name}": resource
        for folder in ("", "locales")
        for resource in (_WEB / folder if folder else _WEB).iterdir()
        if resource.is_file() and "." + resource.name.rpartition(".")[2] in _TYPES
    }

    @app.get("/")
    def page() -> Response:
        text = (_WEB / "index.html").read_text("utf-8")
        return HTMLResponse(text.replace(_THUMBPRINT, front.lab.thumbprint))

    @app.get("/{path:path}")
    def asset(path: str) -> Response:
        if path not in pages:
            raise NotFoundError("There is no such page.")
        kind = _TYPES["." + path.rpartition(".")[2]]
        return Response(pages[path].read_bytes(), media_type=kind)


def _cards(app: FastAPI, front: Front) -> None:
    @app.get("/api/enrolment-key")
    def enrolment_key() -> dict[str, Any]:
        owner = front.people.phone(GUEST).owner
        return {
            "jwk": front.lab.envelope_key,
            "thumbprint": front.lab.thumbprint,
            "device": owner.device,
            "appKey": dict(owner.app_key),
        }

    @app.post("/api/cards")
    async def add_card(card: NewCard) -> dict[str, Any]:
        return await front.add_card(card.jwe, card.region, card.title)

    @app.post("/api/cards/{card}/activate")
    async def activate(card: Id, activation: Activation) -> dict[str, Any]:
        await front.activate(card, activation.code)
        return {"state": "active"}

    @app.get("/api/history")
    async def history(card: Annotated[Id, Query()]) -> dict[str, Any]:
        return {"debits": await front.history(card)}


def _taps(app: FastAPI, front: Front, runs: TapRuns) -> None:
    @app.post("/api/tap")
    async def tap(wanted: Tap) -> dict[str, str]:
        return {"id": await runs.start(wanted.card, wanted.merchant, wanted.amount)}

    @app.get("/api/taps/{run}/events")
    async def events(run: Id) -> Response:
        return StreamingResponse(_lines(runs.events(run)), media_type=_EVENTS)

    @app.get("/api/events")
    async def pushes() -> Response:
        return StreamingResponse(front.pushes(), media_type=_EVENTS)


async def _lines(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for event in events:
        yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
