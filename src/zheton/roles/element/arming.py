"""Arming: the wearer opens a short window in which exactly one credential may be spent.

The credential is chosen when the window opens. If nobody reads its number before the window
closes, the next window may use it; once its number may have left the chip, no other window will.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from zheton.roles.element.chip import Chip, Window
from zheton.roles.element.state import Batch, Card


class Refusal(StrEnum):
    """Why the element does not arm."""

    NO_CARD = "no-card"
    LOCKED = "locked"
    OFF_WRIST = "off-wrist"
    NO_CREDENTIALS = "no-credentials"
    EXPIRED = "expired"


_TEXT = {
    Refusal.NO_CARD: "There is no such card here: add one in the app.",
    Refusal.LOCKED: "Locked: unlock the device to pay.",
    Refusal.OFF_WRIST: "Put it on to pay.",
    Refusal.NO_CREDENTIALS: "No payments left: sync with the app.",
    Refusal.EXPIRED: "This card's payments are not valid today: sync with the app.",
}


@dataclass(frozen=True, slots=True)
class Armed:
    """The element is armed for one debit of one card."""

    card_ref: bytes
    label: str
    until: datetime
    credentials_left: int


@dataclass(frozen=True, slots=True)
class NotArmed:
    """The element refused; `text` is for the device's screen."""

    refusal: Refusal
    text: str


ArmResult = Armed | NotArmed


def arm(
    chip: Chip, now: datetime, *, unlocked: bool, on_wrist: bool, card_ref: bytes | None = None
) -> ArmResult:
    """Open a window for a card, or for the default one; a window before it is closed.

    Raises UnreachableError if the memory fails; then nothing is armed.
    """
    chip.close()
    if not unlocked:
        return _refused(Refusal.LOCKED)
    if chip.profile.wrist_sensor and not on_wrist:
        return _refused(Refusal.OFF_WRIST)
    cards = chip.state.by_priority()
    card = (cards[0] if cards else None) if card_ref is None else chip.state.card(card_ref)
    if card is None:
        return _refused(Refusal.NO_CARD)
    if card.credentials_left == 0:
        return _refused(Refusal.NO_CREDENTIALS)
    batch = _usable(card, now)
    if batch is None:
        return _refused(Refusal.EXPIRED)
    until = now + timedelta(seconds=chip.profile.window_seconds)
    chip.open(Window(card.card_ref, batch.header.batch_ref, batch.places[0], now, until))
    return Armed(card.card_ref, card.profile.label, until, card.credentials_left)


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


def _refused(refusal: Refusal) -> NotArmed:
    return NotArmed(refusal, _TEXT[refusal])
