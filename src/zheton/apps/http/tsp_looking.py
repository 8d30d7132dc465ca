"""Reading over the token service's door: one, a search, a history, and the events of a wallet."""

from datetime import UTC
from typing import Annotated

from fastapi import FastAPI, Query, Request
from pydantic import AwareDatetime

from zheton.apps.http.fields import Id, Par
from zheton.apps.http.reaching import AnyCard, OwnDevice, OwnToken, caller
from zheton.apps.http.tsp_bodies import (
    Batches,
    CardAnswer,
    DeviceAnswer,
    Events,
    History,
    TokenAnswer,
    TokenPage,
    batch_answer,
    change_answer,
    device_answer,
    event_answer,
    token_answer,
)
from zheton.apps.http.tsp_changes import card_said
from zheton.core.errors import NotFoundError, RefusedError
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.feed import EVENTS_MAX, Cursor, events
from zheton.roles.tsp.history import OPERATOR, device_bucket
from zheton.roles.tsp.look import PAGE_MAX, batches_of, look, search
from zheton.roles.tsp.requestors import own_device
from zheton.roles.tsp.state import Change, Requestor, RequestorKind
from zheton.roles.tsp.view import Search

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="the longest page")]
Since = Annotated[int, Query(ge=0, lt=1 << 40, description="the `next` of the page before")]
Last4 = Annotated[str, Query(pattern=r"^([0-9]{4})?$", description="the card's last digits")]
After = Annotated[
    str, Query(max_length=642, pattern=r"^[0-9a-f]*$", description="the cursor to go on with")
]


def add_tokens(app: FastAPI, desk: TokenDesk) -> None:
    """Tokens: one, its batches, and a search."""

    @app.get("/v1/tokens/{token}")
    def get_token(token: OwnToken) -> TokenAnswer:
        """A token as it stands."""
        return token_answer(look(desk.vault, token))

    @app.get("/v1/tokens/{token}/batches")
    def list_batches(token: OwnToken) -> Batches:
        """Its batches that may pay, or are suspended; the first to end comes first."""
        return Batches(batches=[batch_answer(one) for one in batches_of(desk.vault, token)])

    @app.get("/v1/tokens")
    def search_tokens(
        request: Request,
        status: CardStatus | None = None,
        deviceId: Id | None = None,
        paymentAccountReference: Par | None = None,
        panSuffix: Last4 = "",
        updatedSince: AwareDatetime | None = None,
        after: Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")] = "",
        limit: Limit = 50,
    ) -> TokenPage:
        """The caller's tokens, for an issuer all, in the order of their ids."""
        asks = caller(request)
        serial = ""
        if deviceId is not None:
            own_device(desk.vault, asks, deviceId)
            device = desk.vault.device(deviceId)
            serial = device.serial if device else ""
        wanted = Search(
            owner=asks.id if asks.kind is RequestorKind.WALLET else None,
            status=status,
            serial=serial,
            par=paymentAccountReference or "",
            last4=panSuffix,
            changed_since=updatedSince.astimezone(UTC) if updatedSince else None,
        )
        found, further = search(desk.vault, wanted, after, limit)
        return TokenPage(tokens=[token_answer(view) for view in found], next=further)


def add_others(app: FastAPI, desk: TokenDesk) -> None:
    """Devices and cards."""

    @app.get("/v1/devices/{device}")
    def get_device(device: OwnDevice) -> DeviceAnswer:
        """A device as it stands."""
        found = desk.vault.device(device)
        assert found is not None, "no device is ever removed"  # noqa: S101
        return device_answer(found)

    @app.get("/v1/cards/{par}")
    def get_card(par: AnyCard) -> CardAnswer:
        """A card as it stands."""
        with desk.vault.transaction() as tx:
            found = tx.card_by_par(par)
            if found is None:
                raise NotFoundError("There is no such card.")
            return card_said(tx, found)


def add_histories(app: FastAPI, desk: TokenDesk) -> None:
    """What has changed, of one and of all that a wallet has."""

    @app.get("/v1/tokens/{token}/history")
    def token_history(
        request: Request, token: OwnToken, after: Since = 0, limit: Limit = 50
    ) -> History:
        """Every change of a token, its batches and the card behind it."""
        found = desk.vault.history_of_token(token, after, limit)
        return _page(found, limit, caller(request))

    @app.get("/v1/devices/{device}/history")
    def device_history(
        request: Request,
        device: OwnDevice,
        after: Since = 0,
        limit: Limit = 50,
    ) -> History:
        """Every change of a device; those of its batches are their tokens'."""
        found = desk.vault.device(device)
        owner, bucket = found.requestor if found else caller(request).id, device_bucket(device)
        lines = desk.vault.history_of(bucket, device, owner, after, limit)
        return _page(lines, limit, caller(request))

    @app.get("/v1/cards/{par}/history")
    def card_history(
        request: Request, par: AnyCard, after: Since = 0, limit: Limit = 50
    ) -> History:
        """Every change of a card; those of its tokens are their own."""
        with desk.vault.transaction() as tx:
            card = tx.card_by_par(par)
        if card is None:
            raise NotFoundError("There is no such card.")
        found = desk.vault.history_of(card.bucket, card.id, OPERATOR, after, limit)
        return _page(found, limit, caller(request))

    @app.get("/v1/events")
    def list_events(
        request: Request,
        after: After = "",
        limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = EVENTS_MAX,
    ) -> Events:
        """What has changed for the calling wallet since a cursor, each change at least once."""
        asks = caller(request)
        if asks.kind is not RequestorKind.WALLET:
            raise RefusedError("requestor", "Events are for wallets; read the histories instead.")
        found, cursor = events(desk.vault, asks.id, Cursor.decode(after), limit)
        return Events(events=[event_answer(one, asks) for one in found], cursor=cursor.encode())


def _page(changes: list[Change], limit: int, to: Requestor) -> History:
    further = str(changes[-1].ordinal) if len(changes) == limit else None
    return History(changes=[change_answer(one, to) for one in changes], next=further)
