"""Whether an enrolment may get numbers now; and its suspension, resumption and end."""

from dataclasses import replace
from datetime import datetime

from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.lifecycle import BatchStatus, CardStatus, batch_may, card_may
from zheton.roles.tsp.ports import Vault, VaultTx
from zheton.roles.tsp.state import Card, Enrolment, RegisteredDevice

_BATCHES_FOLLOW = {
    CardStatus.SUSPENDED: BatchStatus.SUSPENDED,
    CardStatus.ACTIVE: BatchStatus.ACTIVE,
    CardStatus.DELETED: BatchStatus.DELETED,
}


def standing(tx: VaultTx, enrolment_id: str) -> tuple[Enrolment, Card]:
    """The enrolment and its card, both active; NotFoundError or ConflictError otherwise."""
    found = tx.enrolment(enrolment_id)
    if found is None:
        raise NotFoundError("There is no such card; enrol it first.")
    enrolment, card = found
    if enrolment.status is not CardStatus.ACTIVE:
        raise ConflictError(f"The card is {enrolment.status}; no numbers are given out for it.")
    if card.status is not CardStatus.ACTIVE:
        raise ConflictError(f"The card is {card.status} at its issuer; no numbers are given out.")
    return enrolment, card


def own_device(tx: VaultTx, enrolment: Enrolment, device_id: str) -> RegisteredDevice | Decline:
    """The device that the enrolment's owner named, or why not; NotFoundError if there is none.

    Whoever speaks for the wallet may register any chip and name it here.
    """
    device = tx.device(device_id)
    if device is None:
        raise NotFoundError("There is no such device; register it first.")
    if device.serial != enrolment.device:
        text = "The card was added for another device; add it again for this one."
        return Decline(Reason.DOMAIN_DEVICE, text, "domain-device")
    return device


def look_up(vault: Vault, enrolment_id: str) -> tuple[Enrolment, Card]:
    """The enrolment and its card, whatever their status; NotFoundError otherwise."""
    with vault.transaction() as tx:
        found = tx.enrolment(enrolment_id)
    if found is None:
        raise NotFoundError("There is no such card; enrol it first.")
    return found


def change_standing(
    vault: Vault, enrolment_id: str, status: CardStatus, now: datetime
) -> Enrolment:
    """Suspend, resume or delete an enrolment; its numbers follow in the same transaction.

    It holds from the next debit on, whether the device is in reach or not. NotFoundError and
    ConflictError as the table of transitions has it.
    """
    with vault.transaction() as tx:
        found = tx.enrolment(enrolment_id)
        if found is None:
            raise NotFoundError("There is no such card; enrol it first.")
        before = found[0]
        if before.status is CardStatus.IDENTIFYING and status is CardStatus.ACTIVE:
            raise ConflictError("The card waits for its code; only the code makes it active.")
        card_may(before.status, status)
        after = replace(before, status=status)
        if not tx.change_enrolment(before, after, now):
            raise ConflictError("The card was changed at the same moment; try again.")
        batches = tx.batches_of(before)
        for batch in batches:
            batch_may(batch.status, _BATCHES_FOLLOW[status])
        tx.set_batch_status(batches, _BATCHES_FOLLOW[status])
        return after
