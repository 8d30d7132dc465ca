"""Who asks the token service, in whose name and why, and how asking twice is asking once.

Every endpoint that changes something takes the same things in the same way: the caller from its
bearer key and the request's `Idempotency-Key` (both `Ask`), and what changes a status also
the body's `reason`, `actor` and `actorId` (`Because`).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field

from zheton.apps.http import problem
from zheton.apps.http.fields import Answer, Body, no_card_number
from zheton.apps.http.reaching import caller
from zheton.core.decline import Decline
from zheton.core.token.lifecycle import ASKED, Actor, Cause
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.once import UNDER_WAY_MAX, Keep, at_once, in_steps
from zheton.roles.tsp.ports import VaultTx
from zheton.roles.tsp.requestors import acting
from zheton.roles.tsp.state import By, Once, Requestor

REPLAYED = "Idempotency-Replayed"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9._~:-]{8,64}$",
        description="A name that the caller draws for the request: sent again within 24 hours, "
        "it has no second effect and the same answer.",
    ),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: whose it is, when it came, and by what key it is known if it comes again."""

    requestor: Requestor
    at: datetime
    once: Once | None

    def by(self, because: "Because") -> By:
        """In whose name and why; RefusedError for a name that is not the caller's to use."""
        return By(acting(self.requestor, because.actor), because.reason, because.actorId)


def _askable(cause: Cause) -> Cause:
    if cause not in ASKED:
        raise ValueError("that is for the token service itself to say")
    return cause


class Because(Body):
    """Why a status is changed and in whose name.

    Without `actor` it is the caller's first: the cardholder for a wallet, the issuer for an issuer.
    `actorId` is the actor's own name for itself.
    """

    reason: Annotated[
        Cause,
        AfterValidator(_askable),
        Field(json_schema_extra={"enum": [*ASKED]}, examples=["device-lost"]),
    ]
    actor: Actor | None = None
    actorId: Annotated[
        str,
        AfterValidator(no_card_number),
        Field(max_length=64, pattern=r"^[A-Za-z0-9._@:-]*$", examples=["support-desk-7"]),
    ] = ""


async def _fingerprint(request: Request) -> str:
    """What tells this request from any other under the same key."""
    told = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(told + await request.body()).hexdigest()


def asked(
    request: Request,
    fingerprint: Annotated[str, Depends(_fingerprint)],
    key: IdempotencyKey = None,
) -> Asked:
    """Who asks, when, and by which key: a dependency of whatever changes something.

    The application has `state.desk` and `state.clock`; the gate before it knows the caller.
    """
    requestor, now = caller(request), request.app.state.clock.now()
    if key is None:
        return Asked(requestor, now, None)
    # A body may hold a code of six digits: a plain hash of it could be guessed back.
    keyed = request.app.state.desk.keys.code_mac
    mac = keyed(f"request of {requestor.id}", fingerprint).hex()
    # Nor is the caller's name for it kept as it is: somebody may put a card number there.
    name = keyed(f"key of {requestor.id}", key).hex()
    return Asked(requestor, now, Once(requestor.id, name, mac, now + UNDER_WAY_MAX))


Ask = Annotated[Asked, Depends(asked)]


def said(answer: Answer | Decline) -> str:
    """An answer in the form in which it is kept."""
    if isinstance(answer, Decline):
        document = problem.of_decline(answer)
        return json.dumps({"status": document["status"], "body": document})
    return json.dumps({"status": 200, "body": answer.model_dump(mode="json")})


def answered(kept: tuple[str, bool]) -> JSONResponse:
    """An answer as it goes out, and whether it went out before."""
    text, replayed = kept
    answer = json.loads(text)
    headers = {REPLAYED: "true"} if replayed else {}
    if answer["status"] != 200:
        return problem.respond(answer["body"], headers)
    return JSONResponse(answer["body"], headers=headers)


def answer_at_once(
    desk: TokenDesk, asked: Asked, work: Callable[[VaultTx], Answer | Decline]
) -> JSONResponse:
    """The answer of work in one transaction, once."""
    return answered(kept_at_once(desk, asked, lambda tx: said(work(tx))))


def kept_at_once(desk: TokenDesk, asked: Asked, work: Callable[[VaultTx], str]) -> tuple[str, bool]:
    """`once.at_once`, done again where the database ended the transaction."""
    return desk.again(partial(at_once, desk.vault, asked.once, asked.at, work))


def answer_in_steps(
    desk: TokenDesk, asked: Asked, work: Callable[[Keep], Answer | Decline]
) -> JSONResponse:
    """The answer of work that makes transactions of its own, once (`once.in_steps`)."""
    return answered(in_steps(desk.vault, asked.once, asked.at, lambda keep: said(work(keep))))
