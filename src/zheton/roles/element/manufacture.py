"""What the factory puts into a chip: serial number, the keys of its two domains, its own.

The wallet gets the issuer domain's keys, the token service provider the payment domain's, and
nobody else any (docs/threat-model.md); the chip's own key, by which it signs cryptograms, leaves it
as a public key only.
"""

from dataclasses import dataclass
from datetime import date

from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.errors import ConfigurationError, ConflictError
from zheton.core.scp03.keys import StaticKeys
from zheton.roles.element import image
from zheton.roles.element.ports import Memory
from zheton.roles.element.registry import (
    ISSUER_DOMAIN_AID,
    KEY_VERSIONS,
    CardState,
    Domain,
    KeySet,
    Registry,
    well_known,
)
from zheton.roles.element.state import SERIAL_BYTES, ElementState


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The chip's own key, by which it signs; the maker's certificate of it says whose chip it is.

    The certificate is that of `core.emv.device_certificate`; a chip without it can't be registered.
    """

    key: PrivateKey
    certificate: bytes = b""


def manufacture(
    memory: Memory,
    *,
    serial: bytes,
    payment_keys: StaticKeys,
    issuer_keys: StaticKeys | None = None,
    key_version: int = 1,
    own_key: OwnKey | None = None,
    laboratory: bool = False,
    made_on: date | None = None,
) -> None:
    """Write the first image of a chip. `serial` (10 bytes) is its key diversification data too.

    Without `issuer_keys` nobody ever manages it. A `laboratory` chip takes well-known keys, can be
    managed through any reader and begins in OP_READY, where other people's tools expect it.
    Raises ConflictError if the memory is in use, ConfigurationError if a value does not fit.
    """
    if len(serial) != SERIAL_BYTES or key_version not in KEY_VERSIONS:
        raise ConfigurationError(
            f"A chip's serial number has {SERIAL_BYTES} bytes and its key version is 1 to 127."
        )
    if not laboratory and any(keys and well_known(keys) for keys in (payment_keys, issuer_keys)):
        raise ConfigurationError(
            "These are GlobalPlatform's test keys, which everybody knows: a chip for production "
            "needs keys of its own."
        )
    if memory.load() is not None:
        raise ConflictError("This chip was manufactured already; its keys can't be replaced here.")
    issuer = (KeySet(key_version, issuer_keys),) if issuer_keys else ()
    state = ElementState(
        serial,
        Domain(PAYMENT_DOMAIN_AID, (KeySet(key_version, payment_keys),)),
        signing_key=own_key.key if own_key else None,
        certificate=own_key.certificate if own_key else b"",
        issuer_domain=Domain(ISSUER_DOMAIN_AID, issuer),
        registry=Registry(
            CardState.OP_READY if laboratory else CardState.SECURED,
            laboratory=laboratory,
            card_image=serial,
            made=_made(made_on),
        ),
    )
    memory.store(image.encode(state))


def _made(day: date | None) -> bytes:
    """A day as the CPLC has it: last digit of the year, day of the year, BCD; zeros if unknown."""
    return bytes.fromhex(f"{day.year % 10}{day:%j}") if day else bytes(2)
