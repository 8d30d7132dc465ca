"""Saying no over HTTP: every error and every decline as problem+json (RFC 9457).

A document has `type`, `title`, `status` and `detail`; a decline adds `reason` and, where a rule
decided, `rule`. Nothing that the caller sent is ever part of one, for it may be a card number.
"""

import logging
import traceback
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from zheton.core.decline import Decline
from zheton.core.errors import (
    ConfigurationError,
    ConflictError,
    DecodeError,
    EncodeError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    VerificationError,
    ZhetonError,
)

MEDIA_TYPE = "application/problem+json"
ERRORS_TOLD_MAX = 5
_LOG = logging.getLogger("zheton.http")

# The first class that an error is of decides; the name becomes the last part of `type`.
_KINDS: tuple[tuple[type[ZhetonError], str, HTTPStatus], ...] = (
    (DecodeError, "malformed", HTTPStatus.UNPROCESSABLE_ENTITY),
    (EncodeError, "malformed", HTTPStatus.UNPROCESSABLE_ENTITY),
    (VerificationError, "not-verified", HTTPStatus.BAD_REQUEST),
    (ConfigurationError, "not-possible", HTTPStatus.BAD_REQUEST),
    (NotFoundError, "not-found", HTTPStatus.NOT_FOUND),
    (ConflictError, "conflict", HTTPStatus.CONFLICT),
    (RefusedError, "refused", HTTPStatus.FORBIDDEN),
    (UnreachableError, "unreachable", HTTPStatus.SERVICE_UNAVAILABLE),
)


def problem(kind: str, status: HTTPStatus, detail: str, **more: str) -> dict[str, Any]:
    """A problem document; `kind` is a name such as `conflict` (RFC 9457, 3.1)."""
    return {
        "type": f"urn:zheton:problem:{kind}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **more,
    }


def of_error(error: ZhetonError) -> dict[str, Any]:
    """The document of one of the product's own errors."""
    for family, kind, status in _KINDS:
        if isinstance(error, family):
            more = {"reason": error.reason} if isinstance(error, RefusedError) else {}
            return problem(kind, status, str(error), **more)
    return problem("error", HTTPStatus.INTERNAL_SERVER_ERROR, str(error))


def of_decline(decline: Decline) -> dict[str, Any]:
    """The document of a decline: a refusal that was decided, and by which rule."""
    rule = {} if decline.rule is None else {"rule": decline.rule}
    reason = decline.reason.value
    return problem("declined", HTTPStatus.FORBIDDEN, decline.text, reason=reason, **rule)


def of_unknown(error: Exception, request_id: str) -> dict[str, Any]:
    """The document of a fault of ours: an id to look for in the log, and nothing else.

    The log gets the kind of the fault and where it happened, not its text, which may quote input.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("request %s: %s\n%s", request_id, type(error).__name__, frames)
    return problem(
        "fault",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong on our side; the operator finds it by the request id.",
        requestId=request_id,
    )


def respond(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem document as a response."""
    return JSONResponse(
        dict(document),
        status_code=document["status"],
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def declined(decline: Decline) -> JSONResponse:
    """A decline as a response."""
    return respond(of_decline(decline))


def answer_with_problems(app: FastAPI) -> None:
    """Let an application say every no in this form."""

    def own(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, ZhetonError):
            raise error
        return respond(of_error(error))

    def invalid(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        detail = _told(error.errors())
        return respond(problem("malformed", HTTPStatus.UNPROCESSABLE_ENTITY, detail))

    def http(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        status = HTTPStatus(error.status_code)
        # The framework's own words for a path or method that is not there may quote the request.
        return respond(problem("http", status, f"{status.phrase}."), error.headers)

    app.add_exception_handler(ZhetonError, own)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _told(errors: Iterable[Mapping[str, Any]]) -> str:
    """Which fields are wrong and why, in the validator's words; never their values."""
    told = []
    for error in list(errors)[:ERRORS_TOLD_MAX]:
        place = [str(part) for part in error["loc"][1:]]
        if error["type"] == "extra_forbidden":  # its last part is a name that the caller chose
            place[-1:] = ["?"]
        told.append(f"{'.'.join(place) or 'body'}: {error['msg']}")
    return "; ".join(told) + "."
