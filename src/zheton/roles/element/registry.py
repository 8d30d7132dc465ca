"""What the card's registry holds beside the cards themselves: domains, their keys, life cycles.

The names are those of the GlobalPlatform Card Specification 2.3.1 (GPC): the issuer security domain
manages the content of the card and holds nothing that pays; the supplementary one, the payment
domain, is the provider's, and every payment application belongs to it. A domain counts what was
refused in it and locks at a bound, so that nobody guesses for ever.
"""

import hmac
from dataclasses import dataclass, replace
from enum import IntEnum

from zheton.core.scp03.keys import StaticKeys

ISSUER_DOMAIN_AID = bytes.fromhex("A000000151000000")  # GPC, H.1.3: RID of GlobalPlatform
LOAD_FILE_AID = bytes.fromhex("F05A4845544F4E10")
MODULE_AID = bytes.fromhex("F05A4845544F4E1001")
LOAD_FILE_VERSION = b"\x01\x00"
AID_BYTES = range(5, 17)  # ISO/IEC 7816-4, 8.2.1.2

FAILURES_MAX = 10  # consecutive ones; the next is refused whatever it brings
KEY_SETS_MAX = 4
KEY_VERSIONS = range(0x01, 0x80)  # GPC, 11.8.2.3
IDENTIFICATION_BYTES_MAX = 16

# The keys of GlobalPlatform's own examples, which every tool tries first: for laboratories only.
_WELL_KNOWN = bytes(range(0x40, 0x50))
WELL_KNOWN_KEYS = StaticKeys(_WELL_KNOWN, _WELL_KNOWN, _WELL_KNOWN)


def well_known(keys: StaticKeys) -> bool:
    """Whether one of the three is a key that everybody knows: each of them opens something."""
    known = WELL_KNOWN_KEYS.enc
    parts = [each[: len(known)] for each in (keys.enc, keys.mac, keys.dek)]
    return any(hmac.compare_digest(known, part) for part in parts)


class CardState(IntEnum):
    """The life cycle of the card, coded as GET STATUS tells it (GPC, table 11-6)."""

    OP_READY = 0x01
    INITIALIZED = 0x07
    SECURED = 0x0F
    CARD_LOCKED = 0x7F
    TERMINATED = 0xFF


class ApplicationState(IntEnum):
    """The life cycle of an application or domain (GPC, tables 11-4 and 11-5); b8 locks any."""

    INSTALLED = 0x03
    SELECTABLE = 0x07
    PERSONALIZED = 0x0F


LOCKED = 0x80


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys of one version, and how many sessions were opened with them (Amendment D, 6.2.2.1)."""

    version: int
    keys: StaticKeys
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Domain:
    """A security domain: its name, its key sets in the order they came, what was refused in it."""

    aid: bytes
    key_sets: tuple[KeySet, ...] = ()
    failures: int = 0
    locked: bool = False

    @property
    def lifecycle(self) -> int:
        """Its state as GET STATUS tells it: personalised once it has keys."""
        reached = ApplicationState.PERSONALIZED if self.key_sets else ApplicationState.SELECTABLE
        return reached | LOCKED if self.locked else reached

    def key_set(self, version: int = 0) -> KeySet | None:
        """The key set of a version; 0 is the one that has been here longest (GPC, 11.1.9)."""
        return next((each for each in self.key_sets if version in (0, each.version)), None)

    def opened(self, version: int) -> "Domain":
        """The domain after a session was opened: its counter moves on, what was wrong is over."""
        moved = tuple(
            replace(each, sequence=each.sequence + 1) if each.version == version else each
            for each in self.key_sets
        )
        return replace(self, key_sets=moved, failures=0)

    def failed(self) -> "Domain":
        """The domain after one more refusal: at the bound it locks."""
        failures = min(self.failures + 1, FAILURES_MAX)
        return replace(self, failures=failures, locked=self.locked or failures >= FAILURES_MAX)

    def unlocked(self) -> "Domain":
        """The domain after its lock was lifted: it counts anew."""
        return replace(self, failures=0, locked=False)


@dataclass(frozen=True, slots=True)
class Instance:
    """A payment application that was installed and is not personalised yet."""

    aid: bytes
    state: ApplicationState
    locked: bool = False

    @property
    def lifecycle(self) -> int:
        """Its state as GET STATUS tells it."""
        return self.state | LOCKED if self.locked else self.state


@dataclass(frozen=True, slots=True)
class Registry:
    """The card's life cycle, its names, the applications that wait for their card.

    `laboratory`: it takes well-known keys and can be managed through a reader. `identification`
    holds the issuer's and the card's numbers by tag (42, 45). `made` is the day of manufacture as
    the CPLC has it (YDDD in BCD).
    """

    card_state: CardState = CardState.SECURED
    laboratory: bool = False
    instances: tuple[Instance, ...] = ()
    issuer_identification: bytes = b""
    card_image: bytes = b""
    made: bytes = bytes(2)

    @property
    def pays(self) -> bool:
        """Whether the card's life cycle lets applications be selected (GPC, 5.1.1)."""
        return self.card_state not in (CardState.CARD_LOCKED, CardState.TERMINATED)

    def instance(self, aid: bytes) -> Instance | None:
        """The waiting application of this name, or None."""
        return next((each for each in self.instances if each.aid == aid), None)

    def with_instance(self, changed: Instance) -> "Registry":
        """The registry with the application of the same name replaced, or added."""
        if self.instance(changed.aid) is None:
            return replace(self, instances=(*self.instances, changed))
        kept = tuple(changed if each.aid == changed.aid else each for each in self.instances)
        return replace(self, instances=kept)

    def without_instance(self, aid: bytes) -> "Registry":
        """The registry without the application of this name."""
        return replace(self, instances=tuple(i for i in self.instances if i.aid != aid))
