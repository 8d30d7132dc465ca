"""The wallet's door for the phone's app, and for the token service's notices.

The names follow FitPay where it has them. A user's endpoints want the user's bearer token, which
`POST /v1/users` tells once; `POST /v1/notifications` wants the token service's. Endpoints are
plain functions, which the framework runs in threads; only the stream of events is not.
"""

import hmac
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Path, Query, Response, Security
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from zheton.apps.http.door import door
from zheton.apps.http.events import Hub
from zheton.apps.http.fields import (
    ChallengeAnswer,
    ChallengeBody,
    Clock,
    EncryptionKeyAnswer,
    Id,
    OnlineNumberAnswer,
)
from zheton.apps.http.guard import checked_secret
from zheton.apps.http.wallet_bodies import (
    AcknowledgeBody,
    CardAnswer,
    CardBody,
    CodeBody,
    CommitAnswer,
    CommitStateAnswer,
    DebitAnswer,
    DeviceAnswer,
    DeviceBody,
    DeviceStateAnswer,
    NeedBody,
    Notices,
    NoticesAnswer,
    OnlineBody,
    UserAnswer,
    UserBody,
    card_answer,
    commit_answer,
    debit_answer,
    device_answer,
)
from zheton.core.errors import NotFoundError
from zheton.core.token.lifecycle import Cause, Verb
from zheton.roles.wallet import cards, devices, feed, history, users
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.state import User
from zheton.roles.wallet.transact import transact

_BEARER = HTTPBearer(auto_error=False)
_Given = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
CardId = Annotated[Id, Path(alias="c")]
DeviceId = Annotated[Id, Path(alias="d")]


class Caller:
    """Who calls: a dependency that finds the user of a bearer token, or answers 401."""

    def __init__(self, desk: WalletDesk) -> None:
        self._desk = desk

    def __call__(self, given: _Given) -> User:
        """The user who calls."""
        try:
            return users.authenticate(self._desk.store, given.credentials if given else "")
        except NotFoundError:
            raise unauthorised() from None


def unauthorised() -> HTTPException:
    """401, as RFC 6750 wants it."""
    return HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


def wallet_app(desk: WalletDesk, clock: Clock, notifier_secret: str) -> FastAPI:
    """The application; `notifier_secret` is the token service's bearer token for notices.

    Its `state.hub` ends the open event streams at `close()`, which a server does before it stops.
    """
    app = door("Zheton wallet")
    app.state.hub = hub = Hub()
    me = Caller(desk)
    _users(app, desk, clock, me)
    _bands(app, desk, me)
    _cards(app, desk, clock, me)
    _online(app, desk, me)
    _feed(app, desk, clock, me)
    _events(app, me, hub)
    _notifications(app, desk, hub, checked_secret(notifier_secret))
    return app


def _users(app: FastAPI, desk: WalletDesk, clock: Clock, me: Caller) -> None:
    @app.get("/v1/encryption-key")
    def encryption_key() -> EncryptionKeyAnswer:
        """The token service's key; entry forms pin it, so that the wallet can't put in its own."""
        key = desk.tokens.encryption_key()
        return EncryptionKeyAnswer(jwk=dict(key.jwk), thumbprint=key.thumbprint)

    @app.post("/v1/users", status_code=201)
    def sign_up(body: UserBody) -> UserAnswer:
        """A new user; the answer tells the bearer token, this once."""
        user, token = users.sign_up(desk, body.name, clock.now())
        return UserAnswer(id=user.id, name=user.name, token=token)

    @app.post("/v1/users/{u}/devices/challenge")
    def challenge(
        u: Id, body: ChallengeBody, user: Annotated[User, Depends(me)]
    ) -> ChallengeAnswer:
        """What a chip has to sign before it is registered."""
        _is_self(user, u)
        return ChallengeAnswer(challenge=desk.tokens.challenge_device(body.serial.lower()).hex())

    @app.post("/v1/users/{u}/devices", status_code=201)
    def register(u: Id, body: DeviceBody, user: Annotated[User, Depends(me)]) -> DeviceAnswer:
        """Register a device by its chip's serial number and what it shows of itself."""
        _is_self(user, u)
        found = devices.register(
            desk, user, body.serial, body.profile, body.evidence(), clock.now()
        )
        return device_answer(found)

    @app.get("/v1/users/{u}/devices")
    def list_devices(u: Id, user: Annotated[User, Depends(me)]) -> list[DeviceAnswer]:
        """The user's devices, oldest first."""
        _is_self(user, u)
        return [device_answer(device) for device in devices.devices_of(desk.store, user)]


def _bands(app: FastAPI, desk: WalletDesk, me: Caller) -> None:
    @app.post("/v1/devices/{d}/suspend")
    def suspend_device(d: DeviceId, user: Annotated[User, Depends(me)]) -> DeviceStateAnswer:
        """The device is lost: no number on it pays, of whatever card, until it is found."""
        cause = Cause.DEVICE_LOST
        return DeviceStateAnswer(
            id=d, status=devices.change_standing(desk, user, d, Verb.SUSPEND, cause)
        )

    @app.post("/v1/devices/{d}/resume")
    def resume_device(d: DeviceId, user: Annotated[User, Depends(me)]) -> DeviceStateAnswer:
        """The device is found: its numbers pay again, unless somebody else has suspended them."""
        cause = Cause.DEVICE_FOUND
        return DeviceStateAnswer(
            id=d, status=devices.change_standing(desk, user, d, Verb.UNSUSPEND, cause)
        )

    @app.post("/v1/devices/{d}/unpair", status_code=204)
    def unpair_device(d: DeviceId, user: Annotated[User, Depends(me)]) -> None:
        """The device is given away or lost for good: every card on it ends, in reach or not."""
        devices.unpair(desk, user, d)


def _cards(app: FastAPI, desk: WalletDesk, clock: Clock, me: Caller) -> None:
    @app.post("/v1/users/{u}/creditCards", status_code=201)
    def enrol(u: Id, body: CardBody, user: Annotated[User, Depends(me)]) -> CardAnswer:
        """Enrol a card in an envelope that only the token service opens."""
        _is_self(user, u)
        title = body.title or ""
        made = cards.enrol(desk, user, body.encryptedData, body.region, title, clock.now())
        return card_answer(made)

    @app.get("/v1/users/{u}/creditCards")
    def list_cards(u: Id, user: Annotated[User, Depends(me)]) -> list[CardAnswer]:
        """The user's cards, oldest first."""
        _is_self(user, u)
        return [card_answer(card) for card in cards.cards_of(desk.store, user)]

    @app.get("/v1/creditCards/{c}")
    def show(c: CardId, user: Annotated[User, Depends(me)]) -> CardAnswer:
        """One card."""
        return card_answer(cards.card_of(desk.store, user, c))

    @app.post("/v1/creditCards/{c}/verify")
    def verify(c: CardId, body: CodeBody, user: Annotated[User, Depends(me)]) -> CardAnswer:
        """Activate a card by the code that its issuer sent."""
        return card_answer(cards.verify(desk, user, c, body.code))

    @app.post("/v1/creditCards/{c}/suspend")
    def suspend(c: CardId, user: Annotated[User, Depends(me)]) -> CardAnswer:
        """No number of this card pays until it is resumed."""
        return card_answer(cards.change_standing(desk, user, c, Verb.SUSPEND))

    @app.post("/v1/creditCards/{c}/resume")
    def resume(c: CardId, user: Annotated[User, Depends(me)]) -> CardAnswer:
        """A suspended card pays again."""
        return card_answer(cards.change_standing(desk, user, c, Verb.UNSUSPEND))

    @app.post("/v1/creditCards/{c}/delete")
    def delete(c: CardId, user: Annotated[User, Depends(me)]) -> CardAnswer:
        """This card never pays again."""
        return card_answer(cards.change_standing(desk, user, c, Verb.DELETE))


def _online(app: FastAPI, desk: WalletDesk, me: Caller) -> None:
    @app.post("/v1/creditCards/{c}/transact")
    def online(
        c: CardId, body: OnlineBody, user: Annotated[User, Depends(me)]
    ) -> OnlineNumberAnswer:
        """A number for one debit in a web shop: only the user's phone opens it."""
        made = transact(
            desk,
            user,
            c,
            body.deviceId,
            body.money(),
            merchant=body.merchant,
            minutes=body.minutes,
        )
        return OnlineNumberAnswer(encryptedPayload=made.sealed, expiresAt=made.expires_at)

    @app.get("/v1/creditCards/{c}/transactions")
    def transactions(
        c: CardId,
        user: Annotated[User, Depends(me)],
        limit: Annotated[int, Query(ge=1, le=history.NOTICES_MAX)] = 50,
    ) -> list[DebitAnswer]:
        """The card's debits, newest first."""
        found = history.transactions(desk.store, user, c, limit)
        return [debit_answer(c, notice) for notice in found]


def _feed(app: FastAPI, desk: WalletDesk, clock: Clock, me: Caller) -> None:
    @app.post("/v1/devices/{d}/commits", response_model=CommitAnswer, responses={204: {}})
    def next_commit(
        d: DeviceId, body: NeedBody, user: Annotated[User, Depends(me)]
    ) -> CommitAnswer | Response:
        """The package that the device should run now; 204 if it needs none."""
        need = feed.Need(body.counter, body.unspent, body.creditCard, body.resets)
        commit = feed.next_commit(desk, user, d, need, clock.now())
        return Response(status_code=204) if commit is None else commit_answer(commit)

    @app.post("/v1/devices/{d}/commits/{n}/acknowledge")
    def acknowledge(
        d: DeviceId,
        n: Annotated[int, Path(ge=1, lt=1 << 31)],
        body: AcknowledgeBody,
        user: Annotated[User, Depends(me)],
    ) -> CommitStateAnswer:
        """What the chip answered, one status word a command."""
        statuses = [int(status, 16) for status in body.statuses]
        commit = feed.acknowledge(desk, user, d, n, statuses)
        return CommitStateAnswer(commit=commit.number, state=commit.state)


def _events(app: FastAPI, me: Caller, hub: Hub) -> None:
    @app.get("/v1/users/{u}/events", response_class=StreamingResponse)
    async def events(u: Id, user: Annotated[User, Depends(me)]) -> StreamingResponse:
        """The user's debits as they happen, as server-sent events of the name `debit`."""
        _is_self(user, u)
        return StreamingResponse(hub.listen(user.id), media_type="text/event-stream")


def _notifications(app: FastAPI, desk: WalletDesk, hub: Hub, secret: str) -> None:
    def token_service(given: _Given) -> None:
        token = given.credentials if given else ""
        if not hmac.compare_digest(token.encode(), secret.encode()):
            raise unauthorised()

    @app.post("/v1/notifications", dependencies=[Depends(token_service)])
    def notifications(body: Notices) -> NoticesAnswer:
        """Debits as they stand; one that was told before is nothing."""
        news = history.record(desk.store, [notice.record() for notice in body.root])
        for one in news:
            said = debit_answer(one.card.id, one.notice).model_dump(mode="json")
            hub.publish(one.card.user, "debit", said)
        return NoticesAnswer(recorded=len(news))


def _is_self(user: User, named: str) -> None:
    if user.id != named:
        raise NotFoundError("There is no such user, or it is not you.")
