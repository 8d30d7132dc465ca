"""The token service's door for wallets: enrol, fill devices, make online numbers, suspend.

The names follow MDES where it has them. Only wallets that hold the secret pass; what comes and
goes is never logged. Endpoints are plain functions, which the framework runs in threads.
"""

import logging
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import Field

from zheton.apps.http.controls import add_controls
from zheton.apps.http.door import door
from zheton.apps.http.fields import (
    Answer,
    Body,
    Clock,
    Code,
    Counter,
    DeviceClass,
    EncryptionKeyAnswer,
    Envelope,
    Id,
    Limit,
    OnlineNumberAnswer,
    Region,
    Serial,
    StandingReason,
)
from zheton.apps.http.guard import BearerGate
from zheton.apps.http.problem import declined, of_error
from zheton.core.decline import Decline
from zheton.core.errors import ZhetonError
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.tsp.activate import activate
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.devices import register
from zheton.roles.tsp.provision import BATCHES_MAX, provision, provisioned
from zheton.roles.tsp.standing import change_standing, look_up
from zheton.roles.tsp.state import Card, Enrolment, RegisteredDevice
from zheton.roles.tsp.tokenise import tokenise
from zheton.roles.tsp.transact import transact

_LOG = logging.getLogger("zheton.tsp")


class TokenReference(Body):
    """A token, by the only name that a wallet has for it."""

    tokenUniqueReference: Id


class TokenizeBody(Body):
    """A card in an envelope, and the country of its cardholder."""

    encryptedPayload: Envelope
    region: Region


class ActivateBody(TokenReference):
    """The code that the issuer delivered."""

    code: Code


class DeviceBody(Body):
    """A device by the wallet's id for it."""

    deviceId: Id
    serial: Serial
    deviceClass: DeviceClass


class ProvisionBody(TokenReference):
    """What to fill which device with."""

    deviceId: Id
    counter: Counter
    batches: Annotated[int, Field(ge=1, le=BATCHES_MAX)] = 1


class TransactBody(TokenReference, Limit):
    """What an online number is wanted for."""

    deviceId: Id


class StandingBody(Body):
    """Tokens to suspend, resume or delete, and why."""

    tokenUniqueReferences: Annotated[list[Id], Field(min_length=1, max_length=10)]
    reason: StandingReason


class TokenAnswer(Answer):
    """A token as its wallet may know it; `expiry` is the card's, YYMM."""

    tokenUniqueReference: str
    status: CardStatus
    network: str
    panSuffix: str
    expiry: str
    paymentAccountReference: str
    delivery: str


class PackageAnswer(Answer):
    """Commands for the chip in hexadecimal digits, and how many numbers they bring."""

    commands: list[str]
    numbers: int


class StandingAnswer(Answer):
    """One token's new status, or the problem that kept it from changing."""

    tokenUniqueReference: str
    status: CardStatus | None = None
    problem: dict[str, Any] | None = None


class StandingAnswers(Answer):
    """One answer a token, in order."""

    tokens: list[StandingAnswer]


class Done(Answer):
    """It is done."""

    done: Literal[True] = True


def token_service_app(
    desk: TokenDesk, envelope_key: dict[str, Any], thumbprint: str, clock: Clock, secret: str
) -> FastAPI:
    """The application; `secret` is the wallet's bearer token, `envelope_key` a public JWK."""
    # The gate has checked the secret before; the dependency is there for the description alone.
    app = door("Zheton token service", dependencies=[Security(HTTPBearer(auto_error=False))])
    app.add_middleware(BearerGate, secret=secret)

    @app.get("/v1/encryption-key")
    def encryption_key() -> EncryptionKeyAnswer:
        """The key that entry forms seal cards to."""
        return EncryptionKeyAnswer(jwk=envelope_key, thumbprint=thumbprint)

    _enrolment(app, desk, clock)
    _numbers(app, desk, clock)
    _standing(app, desk, clock)
    add_controls(app, desk, clock)
    return app


def _enrolment(app: FastAPI, desk: TokenDesk, clock: Clock) -> None:
    @app.post("/v1/tokenize", response_model=TokenAnswer)
    def tokenize(body: TokenizeBody) -> TokenAnswer | JSONResponse:
        """Enrol the card in an envelope; `delivery` says how its issuer sends the code."""
        made = tokenise(desk, body.encryptedPayload, body.region, clock.now())
        if isinstance(made, Decline):
            return declined(made)
        return _token(made.enrolment, made.card)

    @app.post("/v1/activate", response_model=TokenAnswer)
    def activate_token(body: ActivateBody) -> TokenAnswer | JSONResponse:
        """Activate a token with the code that its cardholder got."""
        token, code = body.tokenUniqueReference, body.code
        done = activate(
            token, code, keys=desk.keys, vault=desk.vault, rules=desk.rules, now=clock.now()
        )
        if isinstance(done, Decline):
            return declined(done)
        return _token(*look_up(desk.vault, token))

    @app.post("/v1/getToken")
    def get_token(body: TokenReference) -> TokenAnswer:
        """A token as it stands."""
        return _token(*look_up(desk.vault, body.tokenUniqueReference))


def _numbers(app: FastAPI, desk: TokenDesk, clock: Clock) -> None:
    @app.post("/v1/devices")
    def devices(body: DeviceBody) -> Done:
        """Make a device known."""
        serial = body.serial.lower()
        register(desk.vault, RegisteredDevice(body.deviceId, serial, body.deviceClass))
        return Done()

    @app.post("/v1/provision", response_model=PackageAnswer)
    def provision_device(body: ProvisionBody) -> PackageAnswer | JSONResponse:
        """A package for the chip whose payment domain counts `counter`."""
        package = provision(
            desk,
            body.tokenUniqueReference,
            body.deviceId,
            counter=body.counter,
            batches=body.batches,
            now=clock.now(),
        )
        if isinstance(package, Decline):
            return declined(package)
        commands = [command.hex().upper() for command in package.commands]
        return PackageAnswer(commands=commands, numbers=package.numbers)

    @app.post("/v1/provisioned")
    def provisioned_device(body: TokenReference) -> Done:
        """The chip has taken what was last provisioned."""
        provisioned(desk, body.tokenUniqueReference, clock.now())
        return Done()

    @app.post("/v1/transact", response_model=OnlineNumberAnswer)
    def transact_online(body: TransactBody) -> OnlineNumberAnswer | JSONResponse:
        """A number for one debit in a web shop, sealed to its cardholder's phone."""
        made = transact(
            desk,
            body.tokenUniqueReference,
            body.deviceId,
            body.money(),
            merchant=body.merchant,
            minutes=body.minutes,
            now=clock.now(),
        )
        if isinstance(made, Decline):
            return declined(made)
        return OnlineNumberAnswer(encryptedPayload=made.jwe, expiresAt=made.expires_at)


def _standing(app: FastAPI, desk: TokenDesk, clock: Clock) -> None:
    def change(body: StandingBody, status: CardStatus) -> StandingAnswers:
        answers = []
        for token in body.tokenUniqueReferences:
            try:
                after = change_standing(desk.vault, token, status, clock.now())
            except ZhetonError as error:  # the others are changed all the same
                answers.append(StandingAnswer(tokenUniqueReference=token, problem=of_error(error)))
            else:
                _LOG.info("token %s is %s: %s", token, after.status, body.reason)
                answers.append(StandingAnswer(tokenUniqueReference=token, status=after.status))
        return StandingAnswers(tokens=answers)

    @app.post("/v1/suspend")
    def suspend(body: StandingBody) -> StandingAnswers:
        """No number of these tokens pays until they are resumed."""
        return change(body, CardStatus.SUSPENDED)

    @app.post("/v1/unsuspend")
    def unsuspend(body: StandingBody) -> StandingAnswers:
        """Suspended tokens pay again."""
        return change(body, CardStatus.ACTIVE)

    @app.post("/v1/delete")
    def delete(body: StandingBody) -> StandingAnswers:
        """These tokens never pay again."""
        return change(body, CardStatus.DELETED)


def _token(enrolment: Enrolment, card: Card) -> TokenAnswer:
    return TokenAnswer(
        tokenUniqueReference=enrolment.id,
        status=enrolment.status,
        network=card.network,
        panSuffix=card.last4,
        expiry=enrolment.expiry,
        paymentAccountReference=card.par,
        delivery=enrolment.delivery,
    )
