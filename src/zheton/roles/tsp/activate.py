"""The cardholder types the code that the issuer delivered: ID&V's second half."""

import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.lifecycle import Actor, CardStatus, Cause
from zheton.roles.tsp.history import of_token
from zheton.roles.tsp.identify import identified
from zheton.roles.tsp.ports import Keys, Vault, VaultTx
from zheton.roles.tsp.state import By, Enrolment, Rules

Keep = Callable[[VaultTx, Enrolment], None]


def activate(
    enrolment_id: str,
    code: str,
    *,
    keys: Keys,
    vault: Vault,
    rules: Rules,
    now: datetime,
    keep: Keep = lambda _tx, _active: None,
) -> Enrolment | Decline:
    """The enrolment, active; or why the code was not accepted. The card takes up what it says.

    `keep` is called in the transaction that makes it active.

    A try is used up, durably, before the code is looked at, so that stopping the process gives
    nobody another one. NotFoundError for an unknown enrolment, ConflictError for one that waits
    for no code.
    """
    with vault.transaction() as tx:
        found = tx.enrolment(enrolment_id)
        if found is None:
            raise NotFoundError("There is no such card; enrol it first.")
        enrolment, card = found
        if enrolment.status is not CardStatus.IDENTIFYING or enrolment.code_until is None:
            raise ConflictError(f"The card is {enrolment.status} and waits for no code.")
        if enrolment.tries_left == 0:
            return _refused("No tries are left; enrol the card again.")
        if now >= enrolment.code_until:
            return _refused("The code is too old; enrol the card again.")
        tried = replace(enrolment, tries_left=enrolment.tries_left - 1)
        if not tx.change_enrolment(enrolment, tried, now):
            raise ConflictError("Another code was tried at the same moment; try again.")
    if not hmac.compare_digest(keys.code_mac(enrolment_id, code), tried.code_mac):
        return _refused(f"That is not the code; {tried.tries_left} tries are left.")
    active = replace(tried, status=CardStatus.ACTIVE, code_mac=b"", code_until=None, tries_left=0)
    with vault.transaction() as tx:
        if not tx.change_enrolment(tried, active, now):
            raise ConflictError("Another code was tried at the same moment; try again.")
        identified(tx, rules, active, card, now)
        tx.record([of_token(tried, active, By(Actor.CARDHOLDER, Cause.IDENTIFIED), now)])
        keep(tx, active)
    return active


def _refused(text: str) -> Decline:
    return Decline(Reason.IDENTITY_NOT_CONFIRMED, text)
