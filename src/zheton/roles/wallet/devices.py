"""Devices: a user's bands and the like, each known to the token service by its chip."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from zheton.core.emv.device_proof import Evidence
from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.lifecycle import CardStatus, Cause, Verb
from zheton.roles.wallet import cards
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.ports import WalletStore, WalletTx
from zheton.roles.wallet.state import Device, User

DEVICES_MAX = 10


def register(
    on: WalletDesk, user: User, serial: str, profile: str, shown: Evidence, now: datetime
) -> Device:
    """A device by its chip's serial number (20 hex digits) and kind; the same again is the same.

    `shown` is its certificate and its answer to a challenge of the token service, which refuses a
    device that no known maker certified: RefusedError, and nothing is kept. NotFoundError for an
    unknown kind, ConflictError if the chip is somebody else's or of another kind, or the user has
    too many devices.
    """
    serial = serial.lower()
    device_class = on.profiles.get(profile)
    if device_class is None:
        known = ", ".join(sorted(on.profiles))
        raise NotFoundError(f"There is no such kind of device; there are {known}.")
    with on.store.transaction() as tx:
        device = _known(tx, user, serial, profile)
        if device is None and len(tx.devices(user.id)) >= DEVICES_MAX:
            raise ConflictError(f"A user has at most {DEVICES_MAX} devices.")
    if device is None:
        device = Device(_id_of(serial), user.id, serial, profile, device_class, now)
    # First there, so that a serial number is nobody's here who did not show its chip.
    on.tokens.register_device(device.id, serial, device_class, shown)
    with on.store.transaction() as tx:
        present = _known(tx, user, serial, profile)
        if present is None:
            tx.add_device(device)
    return present or device


def _known(tx: WalletTx, user: User, serial: str, profile: str) -> Device | None:
    """The user's device of a serial number; ConflictError where it is otherwise registered."""
    device = tx.device_by_serial(serial)
    if device is not None and (device.user, device.profile) != (user.id, profile):
        raise ConflictError("This chip is registered already, for somebody else or otherwise.")
    return device


def _id_of(serial: str) -> str:
    """A device's id: the same for the same chip, so that whoever got no answer asks again."""
    return hashlib.sha256(f"zheton device {serial}".encode()).hexdigest()[:32]


def change_standing(
    on: WalletDesk, user: User, device_id: str, verb: Verb, cause: Cause
) -> CardStatus:
    """A lost band: no number of any card on it pays, until it is found.

    It holds from the next debit on, whether the device is in reach or not. Returns its status.
    ConflictError where the user has suspended it already, or not.
    """
    with on.store.transaction() as tx:
        device = own_device(tx, user, device_id)
    return on.tokens.change_device(device.id, verb, cause)


def unpair(on: WalletDesk, user: User, device_id: str) -> None:
    """A device is its user's no more: every token on it is ended, whether it is in reach or not.

    Whoever gets no answer asks again. Somebody else may register the device then, who has it.
    """
    with on.store.transaction() as tx:
        device = own_device(tx, user, device_id)
    end_cards(on, user, device, Cause.DEVICE_REPLACED)
    with on.store.transaction() as tx:
        tx.remove_device(device.id)


def end_cards(on: WalletDesk, user: User, device: Device, cause: Cause) -> None:
    """End the tokens whose numbers a device got; those that have ended are left as they are."""
    with on.store.transaction() as tx:
        held = tx.cards_on(device.id)
    for card in held:
        if card.user == user.id and card.token.status is not CardStatus.DELETED:
            cards.change_standing(on, user, card.id, Verb.DELETE, cause)


def own_device(tx: WalletTx, user: User, device_id: str) -> Device:
    """A user's device; NotFoundError if it is not there or not the user's."""
    device = tx.device(device_id)
    if device is None or device.user != user.id:
        raise NotFoundError("There is no such device; register it first.")
    return device


def devices_of(store: WalletStore, user: User) -> Sequence[Device]:
    """A user's devices, oldest first."""
    with store.transaction() as tx:
        return tx.devices(user.id)
