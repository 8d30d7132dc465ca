"""What a caller of the token service may see and change: a wallet what is its own, no more.

Each is a dependency that takes the name out of the path and answers 404 where it is not the
caller's, in the same words as where it is not there. `AnyCard` is for those to whom all wallets are
alike.
"""

from typing import Annotated

from fastapi import Depends, Path, Request

from zheton.apps.http.fields import Id, Par
from zheton.core.errors import RefusedError
from zheton.roles.tsp.requestors import own_device, own_token
from zheton.roles.tsp.state import Requestor, RequestorKind


def caller(request: Request) -> Requestor:
    """Who asks, as the gate has found it."""
    found = request.state.caller
    assert isinstance(found, Requestor), "the gate lets nobody else pass"  # noqa: S101
    return found


def _token(request: Request, token: Annotated[Id, Path()]) -> str:
    return own_token(request.app.state.desk.vault, caller(request), token)


def _device(request: Request, device: Annotated[Id, Path()]) -> str:
    return own_device(request.app.state.desk.vault, caller(request), device)


def _card(request: Request, par: Annotated[Par, Path()]) -> str:
    if caller(request).kind is RequestorKind.WALLET:
        raise RefusedError("requestor", "Whole cards are for their issuer to change.")
    return par


OwnToken = Annotated[str, Depends(_token)]
OwnDevice = Annotated[str, Depends(_device)]
AnyCard = Annotated[str, Depends(_card)]
