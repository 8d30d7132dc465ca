"""The factory: it makes chips, tells their keys to those who hold them, and vouches for them.

Its own key signs device certificates and is in nobody else's hands; the token service knows the
public one (`Installation.makers`). A chip's private key is made here and kept by the chip alone.
"""

from dataclasses import dataclass, field

from zheton.adapters.entropy import SystemEntropy
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.core.crypto import ed25519, rsa
from zheton.core.emv.device_certificate import CertifiedDevice, certify_device
from zheton.roles.element.manufacture import OwnKey, manufacture
from zheton.roles.element.ports import Memory
from zheton.roles.element.profile import DeviceProfile
from zheton.roles.element.state import SERIAL_BYTES

CHIP_KEY_BITS = 1152  # so that no certificate of it leaves a remainder (EMV Book 2, table 14)


@dataclass(frozen=True, slots=True)
class Factory:
    """Who makes devices: `seed` is its key, `keys` where the token service's are derived."""

    seed: bytes = field(repr=False)
    keys: VaultKeys
    entropy: SystemEntropy

    @property
    def public_key(self) -> bytes:
        """By which the token service knows the devices that it made (Ed25519)."""
        return ed25519.public_key(self.seed)

    def make(self, memory: Memory, profile: DeviceProfile) -> str:
        """Manufacture a chip for a kind of device into an empty memory; its serial number (hex)."""
        serial, key = self.entropy.take(SERIAL_BYTES), rsa.generate(CHIP_KEY_BITS)
        kind = CertifiedDevice(serial, key.public, profile.device_class.value, profile.name)
        manufacture(
            memory,
            serial=serial,
            payment_keys=self.keys.device_keys(serial.hex()),
            own_key=OwnKey(key, certify_device(self.seed, kind)),
        )
        return serial.hex()
