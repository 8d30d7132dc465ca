"""The token service's door for controls: what a card, or one device's token of it, may do.

A document replaces the one before. `edition` is that of the last reading, so that of two who change
them at once the second is told (409) and loses nothing of the first. A wrong document gives a
problem that names the field.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Field

from zheton.apps.http.asking import Ask, Asked, Because
from zheton.apps.http.fields import AmountMinor, Answer, Body
from zheton.apps.http.reaching import OwnToken
from zheton.core.token.control_sheet import Setting
from zheton.core.token.controls_document import DAY_COUNT_MAX, ENTRIES_MAX
from zheton.core.token.domain import VELOCITY_MAX, VELOCITY_MINUTES_MAX
from zheton.roles.tsp.controls import Controlled, Wish, controls_of, set_controls
from zheton.roles.tsp.desk import TokenDesk

Entries = Annotated[
    list[Annotated[str, Field(max_length=27)]], Field(min_length=1, max_length=ENTRIES_MAX)
]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="a day, UTC")]


class Selected(Body):
    """Either `only` these pass, or all that are `never` named."""

    only: Entries | None = None
    never: Entries | None = None


class TokenControls(Body):
    """What the numbers of one token may do; a field that is not there leaves it free.

    `merchants` are acquirer (DE32), slash, merchant (DE42); `categories` are MCCs or ranges;
    amounts are minor units of the card's currency; `until` is the first day that nothing pays.
    """

    since: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None
    channels: Entries | None = None
    devices: Entries | None = None
    regions: Selected | None = None
    currencies: Selected | None = None
    merchants: Selected | None = None
    categories: Selected | None = None
    debitMinor: AmountMinor | None = None

    def document(self) -> dict[str, Any]:
        """The fields that were sent, under their names."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Velocity(Body):
    """No more than so many debits in any so many minutes."""

    debits: Annotated[int, Field(ge=1, le=VELOCITY_MAX)]
    minutes: Annotated[int, Field(ge=1, le=VELOCITY_MINUTES_MAX)]


class CardControls(TokenControls):
    """What a card may do over all its devices, and what is counted on it."""

    dayMinor: AmountMinor | None = None
    dayCount: Annotated[int, Field(ge=0, le=DAY_COUNT_MAX)] | None = None
    velocity: Velocity | None = None


class SetTokenControls(Because):
    """Controls for one token, and why."""

    edition: Annotated[int, Field(ge=0)]
    controls: TokenControls


class SetCardControls(Because):
    """Controls for a whole card, and why."""

    edition: Annotated[int, Field(ge=0)]
    controls: CardControls


class SettingAnswer(Answer):
    """A document of controls as it was set, by whom, why and when."""

    controls: dict[str, Any]
    actor: str
    reason: str
    at: datetime


class ControlsAnswer(Answer):
    """The controls of a card and of a token of it; null where nobody has set any.

    `limits` are those that hold: the operator's, or what the card's controls make of them.
    """

    edition: int
    card: SettingAnswer | None
    token: SettingAnswer | None
    limits: dict[str, str | int]


def add_controls(app: FastAPI, desk: TokenDesk) -> None:
    """Let the token service's application read and set controls."""

    def change(
        token: str, whole_card: bool, body: SetTokenControls | SetCardControls, asked: Asked
    ) -> Any:
        document, by = body.controls.document(), asked.by(body)
        wish = Wish(token, whole_card, document, body.edition, by)
        return _answer(set_controls(desk.vault, desk.rules, wish, asked.at), token)

    @app.get("/v1/tokens/{token}/controls", response_model=ControlsAnswer)
    def get_controls(token: OwnToken) -> Any:
        """The controls that hold for a token: its own and those of its card."""
        return _answer(controls_of(desk.vault, token), token)

    @app.put("/v1/tokens/{token}/controls", response_model=ControlsAnswer)
    def put_token_controls(token: OwnToken, body: SetTokenControls, asked: Ask) -> Any:
        """Set what the numbers of this token may do; an empty document frees them."""
        return change(token, False, body, asked)

    @app.put("/v1/tokens/{token}/card-controls", response_model=ControlsAnswer)
    def put_card_controls(token: OwnToken, body: SetCardControls, asked: Ask) -> Any:
        """Set what the card behind this token may do by all its devices."""
        return change(token, True, body, asked)


def _answer(found: Controlled, token: str) -> ControlsAnswer:
    limits = found.limits
    return ControlsAnswer(
        edition=found.edition,
        card=_setting(found.sheet.card),
        token=_setting(found.sheet.of(token)),
        limits={
            "currency": limits.currency,
            "debitMinor": limits.debit_max_minor,
            "dayMinor": limits.day_max_minor,
            "dayCount": limits.debits_per_day,
            "velocityDebits": limits.velocity_debits,
            "velocityMinutes": limits.velocity_minutes,
        },
    )


def _setting(setting: Setting | None) -> SettingAnswer | None:
    if setting is None:
        return None
    return SettingAnswer(
        controls=dict(setting.document), actor=setting.actor, reason=setting.reason, at=setting.at
    )
