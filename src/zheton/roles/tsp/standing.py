"""Whether an enrolment may get numbers now, and for which device.

Claim and device are read with their rows locked against change, so that no lease is made for one
that is being suspended: the suspension would not find it.
"""

from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.tsp.ports import Vault, VaultTx
from zheton.roles.tsp.state import Card, Enrolment, RegisteredDevice


def standing(tx: VaultTx, enrolment_id: str) -> tuple[Enrolment, Card]:
    """The enrolment and its card, both active; NotFoundError or ConflictError otherwise."""
    enrolment = tx.held_enrolment(enrolment_id, sharing=True)
    card = tx.card(enrolment.card) if enrolment else None
    if enrolment is None or card is None:
        raise NotFoundError("There is no such card; enrol it first.")
    if enrolment.status is not CardStatus.ACTIVE:
        raise ConflictError(f"The card is {enrolment.status}; no numbers are given out for it.")
    if card.status is not CardStatus.ACTIVE:
        raise ConflictError(f"The card is {card.status} at its issuer; no numbers are given out.")
    return enrolment, card


def own_device(tx: VaultTx, enrolment: Enrolment, device_id: str) -> RegisteredDevice | Decline:
    """The device that the enrolment's owner named, or why not; NotFoundError if there is none.

    Whoever speaks for the wallet may register any chip and name it here.
    """
    device = tx.held_device(device_id, sharing=True)
    if device is None:
        raise NotFoundError("There is no such device; register it first.")
    if device.status is not CardStatus.ACTIVE:
        raise ConflictError(f"The device is {device.status}; no numbers are given out for it.")
    if device.serial != enrolment.device or device.requestor != enrolment.requestor:
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
