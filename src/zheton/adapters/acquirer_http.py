"""The till's line to its acquirer: one sale to `POST /v1/sales`, one answer back."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from zheton.core.errors import DecodeError, RefusedError, UnreachableError
from zheton.roles.terminal.outcome import Sale

TIMEOUT_S = 35.0  # the network waits 30 s for the issuer before it answers by itself
_APPROVED = "00"
_FIELD = "answer of the acquirer"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """What the acquirer answered: DE39, DE38, DE37, a sentence for a person, tag 91."""

    response_code: str
    auth_code: str
    rrn: str
    text: str
    issuer_authentication_data: bytes | None = field(default=None, repr=False)


def authorise(url: str, terminal_id: str, sale: Sale) -> Authorisation:
    """Ask the acquirer at `url` for one sale of a till.

    Raises UnreachableError if no answer came (whether the sale was made is then unknown here),
    RefusedError if the acquirer did not take the request, DecodeError if its answer is malformed.
    """
    request = {
        "terminal": terminal_id,
        "amount_minor": sale.amount_minor,
        "currency": sale.currency,
        "number": sale.number,
        "expiry": sale.expiry,
        "psn": sale.psn,
        "track2": sale.track2,
        "chip": sale.chip.hex(),
        "channel": "till",
    }
    try:
        response = httpx.post(f"{url.rstrip('/')}/v1/sales", json=request, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(
            f"The acquirer at {url} does not answer ({type(error).__name__})."
            " Is zheton up running, and is the address right?"
        ) from None
    body = _body(response)
    if not response.is_success:
        reason, detail = body.get("reason"), body.get("detail")
        raise RefusedError(
            reason if isinstance(reason, str) else f"http-{response.status_code}",
            f"The acquirer did not take the sale: {detail or response.reason_phrase}",
        )
    return _authorisation(body)


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if response.is_success:
        raise DecodeError("is no JSON object", field=_FIELD, offset=0)
    return {}


def _authorisation(body: dict[str, Any]) -> Authorisation:
    texts = {name: _text(body, name) for name in ("response_code", "auth_code", "rrn", "text")}
    # Two fields say the same, so that a till that reads only one can't be led to another end.
    if body.get("approved") is not (texts["response_code"] == _APPROVED):
        raise DecodeError("contradicts itself", field=_FIELD, offset=0)
    issuer = body.get("issuer_authentication_data")
    try:
        data = None if issuer is None else bytes.fromhex(issuer)
    except (TypeError, ValueError):
        raise DecodeError("has unreadable issuer data", field=_FIELD, offset=0) from None
    return Authorisation(**texts, issuer_authentication_data=data)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:  # a decline has no authorisation code
        return ""
    if not isinstance(value, str):
        raise DecodeError(f"has no text in {name!r}", field=_FIELD, offset=0)
    return value
