"""The token service's door for wallets and issuers: enrol, fill devices, suspend, search, follow.

Who calls is known by a bearer key (`roles/tsp/requestors.py`); a wallet sees and changes only what
is its own. What comes and goes is never logged. Endpoints are plain functions, which the framework
runs in threads. `asking` is how each of them is asked, `reaching` what each may reach.
"""

from typing import Any

from fastapi import FastAPI, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from zheton.apps.http.controls import add_controls
from zheton.apps.http.disputes import add_disputes
from zheton.apps.http.door import door
from zheton.apps.http.fields import Clock, EncryptionKeyAnswer, ProblemAnswer
from zheton.apps.http.guard import BearerGate
from zheton.apps.http.problem import MEDIA_TYPE
from zheton.apps.http.tsp_changes import add_changes
from zheton.apps.http.tsp_enrolment import add_enrolment, add_filling, add_registration
from zheton.apps.http.tsp_looking import add_histories, add_others, add_tokens
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.requestors import find

_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Not done, and why", **_PROBLEM},
    "5XX": {"description": "Not done now; the same request may be sent again later", **_PROBLEM},
}


def token_service_app(
    desk: TokenDesk, envelope_key: dict[str, Any], thumbprint: str, clock: Clock
) -> FastAPI:
    """The application; `envelope_key` is a public JWK. Whom it lets in, the vault knows."""
    app = door(
        "Zheton token service",
        # The gate has asked before; the dependency is there for the description alone.
        dependencies=[Security(HTTPBearer(auto_error=False))],
        responses=_PROBLEMS,
        generate_unique_id_function=_operation,
    )
    app.add_middleware(BearerGate, caller_of=lambda key: find(desk.vault, key))
    app.state.desk, app.state.clock = desk, clock

    @app.get("/v1/encryption-key")
    def encryption_key() -> EncryptionKeyAnswer:
        """The key that entry forms seal cards to."""
        return EncryptionKeyAnswer(jwk=envelope_key, thumbprint=thumbprint)

    add_enrolment(app, desk)
    add_registration(app, desk)
    add_filling(app, desk)
    add_changes(app, desk)
    add_disputes(app, desk)
    add_tokens(app, desk)
    add_others(app, desk)
    add_histories(app, desk)
    add_controls(app, desk)
    _describe(app)
    return app


def _operation(route: APIRoute) -> str:
    """The operation's id in the description: the endpoint's name."""
    return route.name


def _describe(app: FastAPI) -> None:
    """Put the form of problems into the description, which names it and no endpoint returns."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        document["components"]["schemas"]["ProblemAnswer"] = ProblemAnswer.model_json_schema()
        return document

    app.openapi = described  # type: ignore[method-assign]
