"""Arming: the wearer opens a short window in which exactly one credential may be spent.

The credential is chosen when the window opens. If nobody reads its number before the window
closes, the next window may use it; once its number may have left the chip, no other window will.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from zheton.roles.element import words
from zheton.roles.element.chip import Chip, Window
from zheton.roles.element.state import Batch, Card
from zheton.roles.element.wearing import Cardholder, cardholder
from zheton.roles.element.words import Refusal


@dataclass(frozen=True, slots=True)
class Armed:
    """The element is armed for one debit of one card; only a small one if nobody is `verified`."""

    card_ref: bytes
    label: str
    until: datetime
    credentials_left: int
    verified: bool


@dataclass(frozen=True, slots=True)
class NotArmed:
    """The element refused, in the card's `languages` (5F2D)."""

    refusal: Refusal
    languages: str = "en"

    @property
    def text(self) -> str:
        """Why, as a sentence."""
        return words.sentence(self.refusal)

    @property
    def screen(self) -> str:
        """Why, in the 24 signs of a small screen."""
        return words.on_screen(self.refusal, self.languages)


ArmResult = Armed | NotArmed


def arm(chip: Chip, now: datetime, card_ref: bytes | None = None) -> ArmResult:
    """Open a window for a card, or for the default one; a window before it is closed.

    Raises UnreachableError if the memory fails; then nothing is armed.
    """
    chip.close()
    cards = chip.state.payable() or chip.state.by_priority()
    card = (cards[0] if cards else None) if card_ref is None else chip.state.card(card_ref)
    if card is None:
        chip.refused = Refusal.NO_CARD if chip.worn else Refusal.OFF_WRIST
        return NotArmed(chip.refused)
    batch = _usable(card, now)
    chip.refused = _refusal(chip, card, now) or (Refusal.EXPIRED if batch is None else None)
    if batch is None or chip.refused is not None:
        return NotArmed(chip.refused or Refusal.EXPIRED, card.profile.language)
    until = now + timedelta(seconds=chip.profile.window_seconds)
    chip.open(Window(card.card_ref, batch.header.batch_ref, batch.places[0], now, until))
    verified = chip.verified(now)
    return Armed(card.card_ref, card.profile.label, until, card.credentials_left, verified)


def _refusal(chip: Chip, card: Card, now: datetime) -> Refusal | None:
    """The first reason not to arm, but for the dates of its credentials."""
    passcode = chip.state.wearer.passcode
    if not chip.worn:
        return Refusal.OFF_WRIST
    if card not in chip.state.payable():
        return Refusal.CARD_LOCKED
    if card.suspended:
        return Refusal.SUSPENDED
    if passcode is not None and passcode.locked:
        return Refusal.PASSCODE_LOCKED
    if cardholder(chip, card.profile, now) is Cardholder.UNPROVEN:
        return Refusal.NO_PASSCODE if passcode is None else Refusal.PASSCODE_NEEDED
    return Refusal.NO_CREDENTIALS if card.credentials_left == 0 else None


def _usable(card: Card, now: datetime) -> Batch | None:
    """The first batch that is valid today and has credentials."""
    today = f"{now:%y%m%d}"
    return next(
        (
            batch
            for batch in card.batches
            if batch.places and batch.header.effective <= today <= batch.header.expiry
        ),
        None,
    )
