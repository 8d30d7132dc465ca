"""Suspending, resuming and deleting over the token service's door.

Tokens, batches, devices and cards go by one pattern: `POST .../suspend`, `.../unsuspend`,
`.../delete`, each with a reason and an actor (`asking.Because`), each holding from the next debit
on.
"""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from zheton.apps.http.asking import Ask, Because, answer_at_once
from zheton.apps.http.fields import BatchName
from zheton.apps.http.reaching import AnyCard, OwnDevice, OwnToken
from zheton.apps.http.tsp_bodies import (
    BatchAnswer,
    CardAnswer,
    DeviceAnswer,
    TokenAnswer,
    batch_answer,
    card_answer,
    device_answer,
    token_answer,
)
from zheton.core.token.lifecycle import Verb
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.devices import change_device, settle
from zheton.roles.tsp.ports import VaultTx
from zheton.roles.tsp.scrub import kept_until
from zheton.roles.tsp.state import Card
from zheton.roles.tsp.suspend import change_batch, change_card, change_token
from zheton.roles.tsp.view import TokenView

_SAYS = {
    Verb.SUSPEND: "It pays no more until whoever suspends it resumes it.",
    Verb.UNSUSPEND: "The caller's own suspension ends; others' stay.",
    Verb.DELETE: "It never pays again, and nobody can undo that.",
}


def add_changes(app: FastAPI, desk: TokenDesk) -> None:
    """The three verbs, for each of the four."""
    for verb in Verb:
        _token(app, desk, verb)
        _batch(app, desk, verb)
        _device(app, desk, verb)
        _card(app, desk, verb)


def _token(app: FastAPI, desk: TokenDesk, verb: Verb) -> None:
    def change(
        token: OwnToken,
        body: Because,
        asked: Ask,
    ) -> JSONResponse:
        def work(tx: VaultTx) -> TokenAnswer:
            after = change_token(tx, token, verb, asked.by(body), asked.at)
            card = tx.card(after.card)
            assert card is not None, "a token has a card"  # noqa: S101
            chip = tx.device_by_serial(after.device)
            return token_answer(TokenView(after, card, chip, asked.at))

        return answer_at_once(desk, asked, work)

    _add(app, f"/v1/tokens/{{token}}/{verb.value}", f"{verb.value}_token", verb, TokenAnswer)(
        change
    )


def _batch(app: FastAPI, desk: TokenDesk, verb: Verb) -> None:
    def change(
        token: OwnToken,
        batch: BatchName,
        body: Because,
        asked: Ask,
    ) -> JSONResponse:
        def work(tx: VaultTx) -> BatchAnswer:
            return batch_answer(change_batch(tx, token, batch, verb, asked.by(body), asked.at))

        return answer_at_once(desk, asked, work)

    path = f"/v1/tokens/{{token}}/batches/{{batch}}/{verb.value}"
    _add(app, path, f"{verb.value}_batch", verb, BatchAnswer)(change)


def _device(app: FastAPI, desk: TokenDesk, verb: Verb) -> None:
    def change(
        device: OwnDevice,
        body: Because,
        asked: Ask,
    ) -> JSONResponse:
        def work(tx: VaultTx) -> DeviceAnswer:
            return device_answer(change_device(tx, device, verb, asked.by(body), asked.at))

        answer = answer_at_once(desk, asked, work)
        # Also where the answer is one of before: whoever asked then may have been stopped here.
        settle(desk.vault, device, asked.at)
        return answer

    _add(app, f"/v1/devices/{{device}}/{verb.value}", f"{verb.value}_device", verb, DeviceAnswer)(
        change
    )


def _card(app: FastAPI, desk: TokenDesk, verb: Verb) -> None:
    def change(
        par: AnyCard,
        body: Because,
        asked: Ask,
    ) -> JSONResponse:
        def work(tx: VaultTx) -> CardAnswer:
            after = change_card(tx, par, verb, asked.by(body), asked.at)
            return card_said(tx, after)

        return answer_at_once(desk, asked, work)

    _add(app, f"/v1/cards/{{par}}/{verb.value}", f"{verb.value}_card", verb, CardAnswer)(change)


def card_said(tx: VaultTx, card: Card) -> CardAnswer:
    """A card as its issuer may know it."""
    until = kept_until(card, tx.paid_last(card))
    return card_answer(card, len(tx.enrolments_of(card)), until.isoformat() if until else None)


Endpoint = Callable[..., JSONResponse]


def _add(
    app: FastAPI, path: str, name: str, verb: Verb, model: type
) -> Callable[[Endpoint], Endpoint]:
    summary = name.replace("_", " a ").capitalize()
    return app.post(path, name=name, summary=summary, description=_SAYS[verb], response_model=model)
