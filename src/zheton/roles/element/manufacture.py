"""What the factory puts into a chip: its serial number, the keys of its payment domain, its own.

The token service provider gets the domain's keys too, and nobody else does (docs/threat-model.md);
the chip's own key, by which it signs cryptograms, leaves it as a public key only.
"""

from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.errors import ConfigurationError, ConflictError
from zheton.core.scp03.keys import StaticKeys
from zheton.roles.element import image
from zheton.roles.element.ports import Memory
from zheton.roles.element.state import SERIAL_BYTES, Domain, ElementState


def manufacture(
    memory: Memory,
    *,
    serial: bytes,
    payment_keys: StaticKeys,
    key_version: int = 1,
    signing_key: PrivateKey | None = None,
) -> None:
    """Write the first image of a chip. `serial` (10 bytes) is its key diversification data too.

    Raises ConflictError if the memory is in use, ConfigurationError if a value does not fit.
    """
    if len(serial) != SERIAL_BYTES or not 1 <= key_version <= 0x7F:
        raise ConfigurationError(
            f"A chip's serial number has {SERIAL_BYTES} bytes and its key version is 1 to 127."
        )
    if memory.load() is not None:
        raise ConflictError("This chip was manufactured already; its keys can't be replaced here.")
    domain = Domain(PAYMENT_DOMAIN_AID, key_version, payment_keys, sequence=0)
    memory.store(image.encode(ElementState(serial, domain, signing_key=signing_key)))
