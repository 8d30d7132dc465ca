"""What the wallet's verbs need of the world, put together once."""

from collections.abc import Mapping
from dataclasses import dataclass

from zheton.core.token.domain import Device as DeviceClass
from zheton.roles.wallet.ports import Entropy, TokenService, WalletStore

ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class WalletDesk:
    """The wallet's counter. `profiles` are the kinds of device that it fills, with their class."""

    tokens: TokenService
    store: WalletStore
    entropy: Entropy
    profiles: Mapping[str, DeviceClass]

    def draw_id(self) -> str:
        """A new id of 32 hex digits."""
        return self.entropy.take(ID_BYTES).hex()
