"""Devices that the token service may fill: known by their chip's serial number."""

from zheton.core.errors import ConflictError
from zheton.roles.tsp.ports import Vault
from zheton.roles.tsp.state import RegisteredDevice


def register(vault: Vault, device: RegisteredDevice) -> None:
    """Make a device known; the same device again is nothing.

    ConflictError if its id or its serial number belongs to another device: a chip has one owner.
    """
    with vault.transaction() as tx:
        known = tx.device(device.id) or tx.device_by_serial(device.serial)
        if known is None:
            tx.add_device(device)
        elif known != device:
            raise ConflictError("This id or serial number belongs to another device.")
