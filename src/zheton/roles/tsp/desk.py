"""What the wallet-facing verbs of the token service need of the world, put together once."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from zheton.core.again import Again, once
from zheton.roles.tsp.ports import AppSeal, Entropy, IssuerLink, Keys, Vault
from zheton.roles.tsp.state import Rules


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Where wallets enrol cards and fetch numbers."""

    keys: Keys
    vault: Vault
    issuer: IssuerLink
    rules: Rules
    entropy: Entropy
    app_seal: AppSeal
    who: str = "tsp"  # the party and its process, as the detokenisation log calls them
    again: Again = once
    makers: Callable[[], Collection[bytes]] = tuple  # of devices: their public keys (Ed25519)
