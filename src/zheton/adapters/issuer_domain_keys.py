"""The keys by which a wallet manages its chips: one set a chip, derived from one secret.

The wallet holds them and nothing of the payment domain, so it can install, lock and wipe and can
neither pay nor read what the token service sends (docs/threat-model.md).
"""

from zheton.core.crypto.mac import cmac
from zheton.core.errors import ConfigurationError
from zheton.core.scp03.keys import StaticKeys

SECRET_BYTES = 32
_PURPOSES = (b"\x01enc", b"\x02mac", b"\x03dek")


class IssuerDomainKeys:
    """Issuer domain keys (AES-128) by serial number."""

    def __init__(self, secret: bytes) -> None:
        """`secret` (32 bytes) is the wallet's own; ConfigurationError if it has another length."""
        if len(secret) != SECRET_BYTES:
            raise ConfigurationError("The secret of the issuer domains' keys has 32 bytes.")
        self._secret = secret

    def __repr__(self) -> str:
        """Nothing of the secret."""
        return "IssuerDomainKeys(<secret>)"

    def of(self, serial: bytes) -> StaticKeys:
        """The keys of one chip's issuer domain, by its serial number (10 bytes)."""
        enc, mac, dek = (cmac(self._secret, purpose + serial) for purpose in _PURPOSES)
        return StaticKeys(enc, mac, dek)
