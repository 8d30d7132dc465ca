"""What the element keeps through a loss of power: frozen values, changed by making new ones.

A credential is in one of four states, and only ever moves down: unused; shown (its number may
have left the chip); spent (a cryptogram was made with it) or abandoned (shown in a window that is
over). The key of a spent or abandoned one is erased, so a stolen element has nothing but unused
keys to give.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.card_records import IssuerKey
from zheton.core.emv.perso import BatchHeader, Credential
from zheton.core.errors import NotFoundError
from zheton.roles.element.registry import ISSUER_DOMAIN_AID, ApplicationState, Domain, Registry
from zheton.roles.element.registry import LOCKED as LOCKED_STATE
from zheton.roles.element.wearer import NOBODY, Wearer

SERIAL_BYTES = 10
RESETS_MAX = 0xFFFF
FORGOTTEN_MAX = 64  # batches that are gone but must not be loaded again


@dataclass(frozen=True, slots=True)
class Batch:
    """Credentials by place; None where the key is erased. `shown` and `spent` are bit maps.

    `certificates` are those of the chip's key with a place's number, where the issuer sent one.
    """

    header: BatchHeader
    credentials: tuple[Credential | None, ...]
    shown: int = 0
    spent: int = 0
    certificates: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def places(self) -> tuple[int, ...]:
        """The places of the credentials that nobody has seen yet, in the order of use."""
        return tuple(
            place
            for place, credential in enumerate(self.credentials)
            if credential is not None and not self.shown >> place & 1
        )

    @property
    def abandoned(self) -> int:
        """How many numbers were shown and never spent: lost to torn taps."""
        return (self.shown & ~self.spent).bit_count()

    def show(self, place: int) -> "Batch":
        """The batch after the number at a place has left, or may have left, the chip."""
        return replace(self, shown=self.shown | 1 << place)

    def spend(self, place: int) -> "Batch":
        """The batch after a cryptogram: the place is spent and its key erased."""
        bit = 1 << place
        return replace(self._erased(bit), shown=self.shown | bit, spent=self.spent | bit)

    def abandon(self) -> "Batch":
        """The batch with the keys of all shown credentials erased: their window is over."""
        return self._erased(self.shown)

    def _erased(self, places: int) -> "Batch":
        kept = [None if places >> at & 1 else each for at, each in enumerate(self.credentials)]
        needed = {at: each for at, each in self.certificates.items() if not places >> at & 1}
        return replace(self, credentials=tuple(kept), certificates=needed)

    def certify(self, certificates: Mapping[int, bytes]) -> "Batch":
        """The batch with certificates for those of its places that still have a credential."""
        known = {at for at, each in enumerate(self.credentials) if each is not None}
        new = {at: each for at, each in certificates.items() if at in known}
        return replace(self, certificates={**self.certificates, **new})


@dataclass(frozen=True, slots=True)
class Card:
    """One card: its profile, its batches in the order of use, and the references of past ones.

    `slot` tells cards of one network apart: the name of every one after the first has it appended.
    `log` are entries of `log`, the newest first; a suspended card is kept and does not pay. One
    that the issuer domain `locked` can't even be selected.
    """

    profile: CardProfile
    slot: int
    batches: tuple[Batch, ...] = ()
    forgotten: tuple[bytes, ...] = ()
    issuer_key: IssuerKey | None = None
    log: tuple[bytes, ...] = ()
    suspended: bool = False
    locked: bool = False

    @property
    def card_ref(self) -> bytes:
        """The reference by which provider and wallet know the card."""
        return self.profile.card_ref

    @property
    def name(self) -> bytes:
        """The DF name under which a reader selects it (ISO 7816-4, 8.2.1.2)."""
        return self.profile.aid + (bytes((self.slot,)) if self.slot else b"")

    @property
    def lifecycle(self) -> int:
        """Its state as GET STATUS tells it (GPC, table 11-4)."""
        return ApplicationState.PERSONALIZED | (LOCKED_STATE if self.locked else 0)

    @property
    def credentials_left(self) -> int:
        """How many debits it can still make."""
        return sum(len(batch.places) for batch in self.batches)

    def batch(self, batch_ref: bytes) -> Batch | None:
        """The batch of this reference, or None."""
        return next((b for b in self.batches if b.header.batch_ref == batch_ref), None)

    def knows(self, batch_ref: bytes) -> bool:
        """Whether a batch is, or once was, loaded."""
        return self.batch(batch_ref) is not None or batch_ref in self.forgotten

    def with_batch(self, changed: Batch) -> "Card":
        """The card with the batch of the same reference replaced."""
        same = changed.header.batch_ref
        return replace(
            self,
            batches=tuple(changed if b.header.batch_ref == same else b for b in self.batches),
        )


@dataclass(frozen=True, slots=True)
class ElementState:
    """The whole element: its serial number (10 bytes), its two domains, its cards, its registry.

    `signing_key` is the device's own, for CDA and to prove who it is, and `certificate` its
    maker's word for both; an element without a key signs nothing. An issuer domain without keys
    lets nobody in.
    """

    serial: bytes
    payment_domain: Domain
    cards: tuple[Card, ...] = ()
    signing_key: PrivateKey | None = None
    wearer: Wearer = NOBODY
    issuer_domain: Domain = field(default_factory=lambda: Domain(ISSUER_DOMAIN_AID))
    registry: Registry = field(default_factory=Registry)
    certificate: bytes = b""
    resets: int = 0

    @property
    def domains(self) -> tuple[Domain, Domain]:
        """The issuer security domain and the payment domain."""
        return self.issuer_domain, self.payment_domain

    def wiped(self) -> "ElementState":
        """After a factory reset: no card, no passcode; who the chip is and its counters stay.

        `resets` counts them, so that the wallet hears of each.
        """
        return replace(self, cards=(), wearer=NOBODY, resets=min(self.resets + 1, RESETS_MAX))

    def with_domain(self, changed: Domain) -> "ElementState":
        """The state with the domain of the same name replaced."""
        if changed.aid == self.issuer_domain.aid:
            return replace(self, issuer_domain=changed)
        return replace(self, payment_domain=changed)

    def named(self, name: bytes) -> Card | None:
        """The card that is selected by this name, or None."""
        return next((card for card in self.cards if card.name == name), None)

    def card(self, card_ref: bytes) -> Card | None:
        """The card of this reference, or None."""
        return next((card for card in self.cards if card.card_ref == card_ref), None)

    def by_priority(self, first: bytes | None = None) -> tuple[Card, ...]:
        """The cards: `first` before all, then as the wearer wants them, then by priority (87)."""

        def place(card: Card) -> tuple[bool, int, int]:
            wanted = self.wearer.place(card.card_ref)
            return card.card_ref != first, wanted, card.profile.priority

        return tuple(sorted(self.cards, key=place))

    def ordered(self, order: tuple[bytes, ...]) -> "ElementState":
        """The state with these cards first; NotFoundError if one of them is not here."""
        if any(self.card(ref) is None for ref in order):
            raise NotFoundError("There is no such card on this device; sync with the app.")
        return replace(self, wearer=self.wearer.with_order(order))

    def payable(self, first: bytes | None = None) -> tuple[Card, ...]:
        """The cards that can be selected, in the same order: none of them is locked."""
        cards = self.by_priority(first) if self.registry.pays else ()
        return tuple(card for card in cards if not card.locked)

    def with_card(self, changed: Card) -> "ElementState":
        """The state with the card of the same reference replaced, or added."""
        if self.card(changed.card_ref) is None:
            return replace(self, cards=(*self.cards, changed))
        same = changed.card_ref
        return replace(
            self, cards=tuple(changed if card.card_ref == same else card for card in self.cards)
        )
