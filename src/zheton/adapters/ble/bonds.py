"""Who a device is on the air and whom it trusts: its identity and its bonds, in one file.

The file holds the identity address, the key by which private addresses resolve, and for each bonded
peer the long-term key. Whoever reads it can listen to the link, so it is written for its owner
alone; how is the caller's to say.
"""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bumble.hci import Address
from bumble.keys import KeyStore, PairingKeys

from zheton.core.errors import ConfigurationError

BONDS_MAX = 8  # a band that is full forgets the phone that bonded first
_IRK_BYTES = 16

Write = Callable[[Path, str], None]


class Bonds(KeyStore):
    """The identity and the bonds of one device; every change is in the file when it returns."""

    def __init__(self, path: Path, write: Write, *, most: int = BONDS_MAX) -> None:
        """Read the file; where there is none a fresh identity is made and written.

        ConfigurationError if it is damaged.
        """
        self._path, self._write, self._most = path, write, most
        self._peers: dict[str, dict[str, Any]] = {}
        if not path.exists():
            self.forget_all()
            return
        try:
            kept = json.loads(path.read_text())
            self.address, self.irk = Address(kept["address"]), bytes.fromhex(kept["irk"])
            self._peers = {str(name): dict(keys) for name, keys in kept["peers"].items()}
            for each in self._peers.values():
                PairingKeys.from_dict(each)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"{path} is damaged; remove it and pair the devices again."
            ) from error

    @property
    def names(self) -> tuple[str, ...]:
        """The identity addresses of the peers, in the order in which they bonded."""
        return tuple(self._peers)

    def forget_all(self) -> None:
        """Forget every peer and take another identity: nobody recognises the device any more."""
        self.address = Address.generate_static_address()
        self.irk = secrets.token_bytes(_IRK_BYTES)
        self._peers = {}
        self._keep()

    def trusted(self, name: str, *, checked: bool) -> bool:
        """Whether a peer bonded, and, if `checked`, somebody compared numbers when it did."""
        found = self._peers.get(name)
        if found is None:
            return False
        key = PairingKeys.from_dict(found).ltk  # of LE Secure Connections; others are none here
        return key is not None and (key.authenticated or not checked)

    async def get(self, name: str) -> PairingKeys | None:
        """The keys of a peer, by its identity address."""
        found = self._peers.get(name)
        return None if found is None else PairingKeys.from_dict(found)

    async def get_all(self) -> list[tuple[str, PairingKeys]]:
        """All peers."""
        return [(name, PairingKeys.from_dict(keys)) for name, keys in self._peers.items()]

    async def update(self, name: str, keys: PairingKeys) -> None:
        """Keep the keys of a peer, in the place of older ones."""
        self._peers.pop(name, None)
        while len(self._peers) >= self._most:
            del self._peers[next(iter(self._peers))]
        self._peers[name] = keys.to_dict()
        self._keep()

    async def delete(self, name: str) -> None:
        """Forget a peer; one that is unknown is forgotten already."""
        if self._peers.pop(name, None) is not None:
            self._keep()

    def _keep(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"address": str(self.address), "irk": self.irk.hex(), "peers": self._peers}
        self._write(self._path, json.dumps(kept))
