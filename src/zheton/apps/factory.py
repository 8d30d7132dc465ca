"""The factory: it makes chips, tells their keys to those who hold them, and vouches for them.

Its own key signs device certificates and is in nobody else's hands; the token service knows the
public one (`Installation.makers`). A chip's private key is made here and kept by the chip alone.
"""

from dataclasses import dataclass, field
from datetime import date

from zheton.adapters.entropy import SystemEntropy
from zheton.adapters.issuer_domain_keys import IssuerDomainKeys
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.core.crypto import ed25519, rsa
from zheton.core.emv.device_certificate import CertifiedDevice, certify_device
from zheton.roles.element.manufacture import OwnKey, manufacture
from zheton.roles.element.ports import Memory
from zheton.roles.element.profile import DeviceProfile
from zheton.roles.element.registry import WELL_KNOWN_KEYS
from zheton.roles.element.state import SERIAL_BYTES

CHIP_KEY_BITS = 1152  # so that no certificate of it leaves a remainder (EMV Book 2, table 14)


@dataclass(frozen=True, slots=True)
class Factory:
    """Who makes devices, by the key `seed`.

    `keys` derives the keys that a chip shares with the token service, `issuer` the wallet's.
    """

    seed: bytes = field(repr=False)
    keys: VaultKeys
    issuer: IssuerDomainKeys
    entropy: SystemEntropy

    @property
    def public_key(self) -> bytes:
        """By which the token service knows the devices that it made (Ed25519)."""
        return ed25519.public_key(self.seed)

    def make(
        self,
        memory: Memory,
        profile: DeviceProfile,
        *,
        made_on: date | None = None,
        laboratory: bool = False,
    ) -> str:
        """Manufacture a chip for a kind of device into an empty memory; its serial number (hex).

        A laboratory's takes GlobalPlatform's test keys in its issuer domain and is managed through
        any reader; the wallet's keys don't open it. ConflictError if the memory is in use.
        """
        serial, key = self.entropy.take(SERIAL_BYTES), rsa.generate(CHIP_KEY_BITS)
        kind = CertifiedDevice(serial, key.public, profile.device_class.value, profile.name)
        manufacture(
            memory,
            serial=serial,
            payment_keys=self.keys.device_keys(serial.hex()),
            issuer_keys=WELL_KNOWN_KEYS if laboratory else self.issuer.of(serial),
            laboratory=laboratory,
            made_on=made_on,
            own_key=OwnKey(key, certify_device(self.seed, kind)),
        )
        return serial.hex()
