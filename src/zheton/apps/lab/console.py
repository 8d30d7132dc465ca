"""The console's server: the page, what it shows of the lab, and each tap as a stream of events.

The page encrypts a card in the browser; what comes here is a JWE to the vault's key, so this
server never sees a card number (and the X-ray masks the lab's own).
"""

import json
from collections.abc import AsyncIterator
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from zheton.apps.http.guard import Guard
from zheton.apps.http.problem import answer_with_problems
from zheton.apps.lab.front import Front
from zheton.apps.lab.taps import TapRuns
from zheton.core.errors import NotFoundError

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
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
    """The application for one lab."""
    app = FastAPI(title="Zheton console", docs_url=None, redoc_url=None, openapi_url=None)
    answer_with_problems(app)
    app.add_middleware(Guard)
    _page(app, front)
    _cards(app, front)
    _taps(app, front, TapRuns(front))
    return app


def _page(app: FastAPI, front: Front) -> None:
    pages = {
        resource.name if not folder else f"{folder}/{resource.name}": resource
        for folder in ("", "locales")
        for resource in (_WEB / folder if folder else _WEB).iterdir()
        if resource.is_file() and not resource.name.endswith((".html", ".py"))
    }

    @app.get("/")
    def page() -> Response:
        text = (_WEB / "index.html").read_text("utf-8")
        headers = {"content-security-policy": CONTENT_SECURITY_POLICY}
        return HTMLResponse(text.replace(_THUMBPRINT, front.lab.thumbprint), headers=headers)

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

    @app.get("/{path:path}", include_in_schema=False)
    def asset(path: str) -> Response:
        if path not in pages:
            raise NotFoundError("There is no such page.")
        kind = _TYPES.get("." + path.rpartition(".")[2], "application/octet-stream")
        return Response(pages[path].read_bytes(), media_type=kind)


def _cards(app: FastAPI, front: Front) -> None:
    @app.get("/api/enrolment-key")
    def enrolment_key() -> dict[str, Any]:
        return {"jwk": front.lab.envelope_key, "thumbprint": front.lab.thumbprint}

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
        return _stream(runs.events(run))

    @app.get("/api/events")
    async def pushes(request: Request) -> Response:
        return _stream(_until_gone(front.pushes(), request))


def _stream(events: AsyncIterator[dict[str, Any]]) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        async for event in events:
            yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()

    return StreamingResponse(lines(), media_type="text/event-stream")


async def _until_gone(
    events: AsyncIterator[dict[str, Any]], request: Request
) -> AsyncIterator[dict[str, Any]]:
    async for event in events:
        if await request.is_disconnected():
            return
        yield event
