"""Openings of cards as hypothesis draws them, and a log kept in memory."""

from dataclasses import replace
from functools import partial

from hypothesis import strategies as st

from zheton.core.crypto import ed25519
from zheton.core.token.audit.chain import CardTip, Link, Tip, chain
from zheton.core.token.audit.entry import NO_NUMBER, Purpose, Resolution
from zheton.core.token.audit.epochs import Epoch, Signer, endorsed
from zheton.core.token.audit.inspect import Stored

BUCKET = 0x2A
SEED, NEXT_SEED = bytes(range(32)), bytes(range(1, 33))


def signer(seed: bytes = SEED) -> Signer:
    """The key of one epoch."""
    return Signer(ed25519.public_key(seed), partial(ed25519.sign, seed))


def epochs() -> tuple[Epoch, Epoch]:
    """Two epochs, the second signed by the first."""
    after = ed25519.public_key(NEXT_SEED)
    return (
        Epoch(1, ed25519.public_key(SEED)),
        Epoch(2, after, ed25519.sign(SEED, endorsed(2, after))),
    )


def card_id(serial: int) -> str:
    """A card of the bucket; 7 of them share 3 shelves."""
    return f"{BUCKET:02x}{serial % 3:02x}{'00' * 13}{serial:02x}"


resolutions = st.builds(
    Resolution,
    at_ms=st.integers(0, 2**60),
    who=st.text("abc /0", max_size=40),
    purpose=st.sampled_from(Purpose),
    reference=st.binary(min_size=16, max_size=16).map(bytes.hex),
    card=st.integers(0, 6).map(card_id),
    bin=st.sampled_from(["", "520473", "99999999"]),
    index=st.integers(NO_NUMBER, 10**9),
)
groups = st.lists(st.lists(resolutions, max_size=6), max_size=5)


class Kept:
    """One bucket's log as rows, ends and cards, written in groups."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.tip = Tip.empty(BUCKET)
        self.cards: dict[str, CardTip] = {}

    def write(self, group: list[Resolution]) -> "Kept":
        links, tips, cards = chain(group, {BUCKET: self.tip}, self.cards)
        self.links += links
        self.tip = tips.get(BUCKET, self.tip)
        self.cards |= cards
        return self

    @property
    def rows(self) -> list[Stored]:
        return [
            Stored(e.seq, e.card_seq, e.card_before, e.what, link.hash)
            for link in self.links
            for e in (link.entry,)
        ]


def sample(count: int, card: int = 0, at_ms: int = 1_567_000_000_000) -> list[Resolution]:
    """Openings for as many debits of one card."""
    return [
        Resolution(
            at_ms + n,
            "network test/1",
            Purpose.AUTHORISATION,
            f"{n:032x}",
            card_id(card),
            "520473",
            64 * BUCKET + n,
        )
        for n in range(count)
    ]


def edited(row: Stored, **changes: object) -> Stored:
    """A row whose content was changed and whose hash was left."""
    return replace(row, what=replace(row.what, **changes))  # type: ignore[arg-type]
