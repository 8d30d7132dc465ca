"""Enrolling cards and filling devices over the token service's door."""

import json
from functools import partial

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from zheton.apps.http.asking import (
    Ask,
    Asked,
    answer_at_once,
    answer_in_steps,
    answered,
    kept_at_once,
    said,
)
from zheton.apps.http.fields import ChallengeAnswer, ChallengeBody, OnlineNumberAnswer
from zheton.apps.http.problem import declined
from zheton.apps.http.reaching import OwnToken
from zheton.apps.http.tsp_bodies import (
    ActivateBody,
    CertifyBody,
    DeviceAnswer,
    DeviceBody,
    Done,
    PackageAnswer,
    ReplenishBody,
    TokenAnswer,
    TokenizeBody,
    TransactBody,
    device_answer,
    token_answer,
)
from zheton.core.decline import Decline
from zheton.roles.tsp.activate import activate
from zheton.roles.tsp.attest import attested, challenge
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.devices import register
from zheton.roles.tsp.once import Keep
from zheton.roles.tsp.ports import VaultTx
from zheton.roles.tsp.provision import (
    Package,
    Supply,
    certify,
    package,
    provisioned,
    replenish,
    replenished,
)
from zheton.roles.tsp.state import Enrolment, RegisteredDevice
from zheton.roles.tsp.tokenise import Claimant, Tokenised, tokenise
from zheton.roles.tsp.transact import Purchase, SealedCredential, online_number
from zheton.roles.tsp.view import TokenView


def add_enrolment(app: FastAPI, desk: TokenDesk) -> None:
    """Tokenise and activate."""

    @app.post("/v1/tokens", response_model=TokenAnswer)
    def tokenize(body: TokenizeBody, asked: Ask) -> JSONResponse:
        """Enrol the card in an envelope; `delivery` says how its issuer sends the code."""

        def work(keep: Keep) -> TokenAnswer | Decline:
            def store(tx: VaultTx, made: Tokenised) -> None:
                keep(tx, said(_fresh(made, asked)))

            claimant = Claimant(asked.requestor.id, store)
            envelope, region = body.encryptedPayload, body.region
            made = tokenise(desk, envelope, region, asked.at, claimant)
            return made if isinstance(made, Decline) else _fresh(made, asked)

        return answer_in_steps(desk, asked, work)

    @app.post("/v1/tokens/{token}/activate", response_model=TokenAnswer)
    def activate_token(token: OwnToken, body: ActivateBody, asked: Ask) -> JSONResponse:
        """Activate a token with the code that its cardholder got; three wrong codes end it."""

        def work(keep: Keep) -> TokenAnswer | Decline:
            def store(tx: VaultTx, active: Enrolment) -> None:
                keep(tx, said(_looked(tx, active, asked)))

            done = activate(
                token,
                body.code,
                keys=desk.keys,
                vault=desk.vault,
                rules=desk.rules,
                now=asked.at,
                keep=store,
            )
            if isinstance(done, Decline):
                return done
            with desk.vault.transaction() as tx:
                return _looked(tx, done, asked)

        return answer_in_steps(desk, asked, work)


def add_filling(app: FastAPI, desk: TokenDesk) -> None:
    """Numbers for devices."""

    @app.post("/v1/tokens/{token}/replenish", response_model=PackageAnswer)
    def replenish_device(token: OwnToken, body: ReplenishBody, asked: Ask) -> JSONResponse:
        """A package of numbers for the chip whose payment domain counts `counter`.

        Under an idempotency key it is the same batches that come again, sealed anew.
        """

        def lease(tx: VaultTx) -> str:
            made = replenish(tx, desk, token, body.deviceId, body.batches, asked.at)
            if isinstance(made, Decline):
                return said(made)
            # No credential is kept: what is, names batches, and the package is made of them again.
            return json.dumps({"status": 200, "body": [batch.name for batch in made.batches]})

        text, replayed = kept_at_once(desk, asked, lease)
        kept = json.loads(text)
        if kept["status"] != 200:
            return answered((text, replayed))
        with desk.vault.transaction() as tx:
            supply = replenished(tx, token, body.deviceId, kept["body"])
        return answered((said(_package(desk, supply, body)), replayed))

    @app.post("/v1/tokens/{token}/certify", response_model=PackageAnswer)
    def certify_numbers(token: OwnToken, body: CertifyBody, asked: Ask) -> JSONResponse:
        """A package of certificates for numbers that the device has without one.

        Nothing is leased and nothing kept: asking again makes the same certificates again.
        """
        made = certify(desk, token, body.deviceId, counter=body.counter)
        if isinstance(made, Decline):
            return declined(made)
        return JSONResponse(_sealed(made).model_dump(mode="json"))

    @app.post("/v1/tokens/{token}/provisioned")
    def confirm_provisioned(token: OwnToken, asked: Ask) -> Done:
        """The chip has taken what it was last replenished with; saying so twice is nothing."""
        desk.again(partial(provisioned, desk, token, asked.at))
        return Done()

    @app.post("/v1/tokens/{token}/transact", response_model=OnlineNumberAnswer)
    def transact(token: OwnToken, body: TransactBody, asked: Ask) -> JSONResponse:
        """A number for one debit in a web shop, sealed to its cardholder's phone."""
        purchase = Purchase(body.money(), body.merchant, body.minutes)

        def work(tx: VaultTx) -> OnlineNumberAnswer | Decline:
            made = online_number(tx, desk, token, body.deviceId, purchase, asked.at)
            return made if isinstance(made, Decline) else _online(made)

        return answer_at_once(desk, asked, work)


def add_registration(app: FastAPI, desk: TokenDesk) -> None:
    """Devices, which show who made them."""

    @app.post("/v1/devices", response_model=DeviceAnswer)
    def register_device(body: DeviceBody, asked: Ask) -> DeviceAnswer | JSONResponse:
        """Make a device known that a known maker certified; the same again is nothing."""
        serial, owner = body.serial.lower(), asked.requestor.id
        named = RegisteredDevice(body.deviceId, serial, body.deviceClass, owner)
        device = attested(desk.keys, desk.makers(), named, body.evidence(), asked.at)
        if isinstance(device, Decline):
            return declined(device)
        return device_answer(desk.again(partial(register, desk.vault, device)))

    @app.post("/v1/devices/challenge")
    def challenge_device(body: ChallengeBody, asked: Ask) -> ChallengeAnswer:
        """What the chip of a serial number has to sign before it is registered."""
        made = challenge(desk.keys, asked.requestor.id, body.serial.lower(), asked.at)
        return ChallengeAnswer(challenge=made.hex().upper())


def _fresh(made: Tokenised, asked: Asked) -> TokenAnswer:
    return token_answer(TokenView(made.enrolment, made.card, None, asked.at))


def _looked(tx: VaultTx, token: Enrolment, asked: Asked) -> TokenAnswer:
    card = tx.card(token.card)
    assert card is not None, "a token has a card"  # noqa: S101
    return token_answer(TokenView(token, card, tx.device_by_serial(token.device), asked.at))


def _package(desk: TokenDesk, supply: Supply, body: ReplenishBody) -> PackageAnswer:
    return _sealed(package(desk, supply, body.counter))


def _sealed(made: Package) -> PackageAnswer:
    commands = [command.hex().upper() for command in made.commands]
    return PackageAnswer(commands=commands, numbers=made.numbers, numbersLeft=made.left)


def _online(made: SealedCredential) -> OnlineNumberAnswer:
    return OnlineNumberAnswer(encryptedPayload=made.jwe, expiresAt=made.expires_at)
