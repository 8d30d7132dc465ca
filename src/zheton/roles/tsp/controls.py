"""Reading and setting the controls of a card, or of one token of it (docs/domain-controls.md).

Controls narrow. What of them the card's row counts goes into the columns of its limits, and never
above what the operator's file gives the cardholder's region: who speaks for a wallet can make a
card pay less than the operator allows, and not more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from zheton.core.errors import ConflictError, EncodeError, NotFoundError
from zheton.core.token.control_sheet import ControlSheet, Setting, decode_sheet, encode_sheet
from zheton.core.token.controls_document import Counts, read_controls
from zheton.core.token.domain import Limits
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.tsp.history import OPERATOR, of_controls
from zheton.roles.tsp.ports import Vault, VaultTx
from zheton.roles.tsp.state import By, Card, Change, Enrolment, Rules

_CHANGED_MEANWHILE = "The controls were changed meanwhile; read them and try again."


@dataclass(frozen=True, slots=True)
class Wish:
    """A document to set for a token, or with `whole_card` for its card over all devices.

    `edition` is that of the sheet which the sender has read: 0 where nobody has set any. `by` is
    who sets it, and why.
    """

    token: str
    whole_card: bool
    document: Mapping[str, Any]
    edition: int
    by: By


@dataclass(frozen=True, slots=True)
class Controlled:
    """The controls of a card, the edition of their sheet, and the limits that hold with them."""

    sheet: ControlSheet
    edition: int
    limits: Limits


def controls_of(vault: Vault, token: str) -> Controlled:
    """What is set for a token and its card; NotFoundError if there is no such token."""
    with vault.transaction() as tx:
        _, card = _found(tx, token)
    return Controlled(decode_sheet(card.controls), card.controls_edition, card.limits)


def set_controls(vault: Vault, rules: Rules, wish: Wish, now: datetime) -> Controlled:
    """Set a document in the place of the one before; it holds from the next debit on.

    EncodeError names the field that is wrong. ConflictError if the sheet has another edition by
    now, or the token is not active or suspended.
    """
    controls = read_controls(wish.document, counted=wish.whole_card)[1]
    with vault.transaction() as tx:
        enrolment, card = _found(tx, wish.token)
        if card.controls_edition != wish.edition:
            raise ConflictError(_CHANGED_MEANWHILE)
        if enrolment.status not in (CardStatus.ACTIVE, CardStatus.SUSPENDED):
            raise ConflictError(f"The card is {enrolment.status}; its controls can't be set.")
        setting = Setting(dict(wish.document), wish.by.actor, wish.by.cause, now)
        scope = None if wish.whole_card else wish.token
        sheet = decode_sheet(card.controls).with_setting(scope, setting)
        operators = rules.limits_in(card.region)
        limits = _narrowed(operators, controls) if wish.whole_card else card.limits
        lines = _lines(tx, wish, enrolment, card, now)
        if not tx.set_controls(card, encode_sheet(sheet), limits, now):
            raise ConflictError(_CHANGED_MEANWHILE)
        tx.record(lines)
    return Controlled(sheet, wish.edition + 1, limits)


def _found(tx: VaultTx, token: str) -> tuple[Enrolment, Card]:
    found = tx.enrolment(token)
    if found is None:
        raise NotFoundError("There is no such card; enrol it first.")
    return found


def _lines(tx: VaultTx, wish: Wish, token: Enrolment, card: Card, now: datetime) -> list[Change]:
    """The lines of the history: of a card's controls one for the operator and one a wallet."""
    if not wish.whole_card:
        return [of_controls(card, token.id, token.requestor, token.id, wish.by, now)]
    others = replace(wish.by, id="")  # wallets hear that it changed, and not by whose id
    return [
        of_controls(card, card.id, OPERATOR, "", wish.by, now),
        *(
            of_controls(card, card.id, each.requestor, each.id, others, now)
            for each in tx.enrolments_of(card)
        ),
    ]


def _narrowed(operators: Limits, counts: Counts) -> Limits:
    """The limits of a card by its document: EncodeError where one is above the operator's."""
    wanted = (
        ("debitMinor", counts.debit_max_minor, operators.debit_max_minor),
        ("dayMinor", counts.day_max_minor, operators.day_max_minor),
        ("dayCount", counts.debits_per_day, operators.debits_per_day),
    )
    for name, value, most in wanted:
        if value is not None and value > most:
            raise EncodeError(f"is at most {most}, the limit of the operator", field=name)
    debit, day, count = (most if value is None else value for _, value, most in wanted)
    return Limits(
        operators.currency, debit, day, count, counts.velocity_debits, counts.velocity_minutes
    )
