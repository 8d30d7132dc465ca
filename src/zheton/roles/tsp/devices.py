"""Devices that the token service may fill: known by their chip's serial number, stopped as a whole.

A device's batches lie in the buckets of its cards. Its own row changes first, and from then on it
gets no new numbers; then its batches follow, one bucket a transaction. Whoever is stopped in the
middle leaves a device that is not settled, and `settle` goes on with it.
"""

from dataclasses import replace
from datetime import datetime

from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.lifecycle import Hold, Verb, card_after
from zheton.roles.tsp.history import device_bucket, of_device
from zheton.roles.tsp.ports import Vault, VaultTx
from zheton.roles.tsp.state import By, RegisteredDevice
from zheton.roles.tsp.suspend import follow, written

UNSETTLED_MAX = 100  # what one run of background work takes up


def register(vault: Vault, device: RegisteredDevice) -> RegisteredDevice:
    """Make a device known, and tell how it stands; the same device again is nothing.

    ConflictError if its id or its serial number belongs to another device: a chip has one owner,
    also once it is deleted, and one key.
    """
    with vault.transaction() as tx:
        known = tx.device(device.id) or tx.device_by_serial(device.serial)
        if known is None:
            tx.add_device(device)
        elif _named(known) != _named(device):
            raise ConflictError("This id or serial number belongs to another device.")
    return known or device


def change_device(
    tx: VaultTx, device_id: str, verb: Verb, by: By, now: datetime
) -> RegisteredDevice:
    """Suspend, resume or delete a device: from now on it gets no new numbers, or does again.

    `settle` has to follow, outside of this transaction. NotFoundError and ConflictError as for a
    token.
    """
    before = tx.held_device(device_id)
    if before is None:
        raise NotFoundError("There is no such device; register it first.")
    status, held = card_after(before.status, before.held, verb, Hold.of(by.actor))
    after = replace(
        before,
        status=status,
        held=held,
        settled=False,
        version=before.version + 1,
    )
    written(tx.change_device(before, after, now))
    tx.record([of_device(before, after, by, now)])
    return after


def settle(vault: Vault, device_id: str, now: datetime) -> None:
    """Bring all live batches of a device to its status; nothing new if they are there."""
    with vault.transaction() as tx:
        begun, buckets = tx.device(device_id), tx.buckets_of_device(device_id)
        last = tx.last_change(device_bucket(device_id), device_id)
    if begun is None or last is None:
        return
    for bucket in buckets:
        with vault.transaction() as tx:
            device = tx.held_device(device_id, sharing=True)
            if device is None:
                return
            batches, owner = tx.held_batches_on(device_id, bucket), device.requestor
            tx.record(follow(tx, batches, device.status, Hold.DEVICE, owner, last.by, now))
    with vault.transaction() as tx:
        # Where the device was changed again meanwhile, it is for that change to say this.
        tx.change_device(begun, replace(begun, settled=True), now)


def settle_all(vault: Vault, now: datetime) -> int:
    """Go on with devices whose change was left in the middle; how many there were."""
    with vault.transaction() as tx:
        unsettled = tx.unsettled_devices(UNSETTLED_MAX)
    for device_id in unsettled:
        settle(vault, device_id, now)
    return len(unsettled)


def _named(device: RegisteredDevice) -> tuple[object, ...]:
    return device.id, device.serial, device.device, device.requestor, device.chip_key
