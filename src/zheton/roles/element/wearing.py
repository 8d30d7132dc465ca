"""The wearer: whether the device is worn, who proved to be its owner, and until when that holds.

A right passcode proves the wearer until the device is taken off, the power goes or its time is
over. What the chip tells an issuer of a verification is decided here and nowhere else.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from zheton.core.emv.card_profile import CardProfile
from zheton.core.errors import VerificationError
from zheton.roles.element import passcode
from zheton.roles.element.chip import Chip
from zheton.roles.element.passcode import KEY_BYTES, Passcode
from zheton.roles.element.ports import Entropy


class Cardholder(StrEnum):
    """What a debit can say of its cardholder.

    `EXCUSED` may pay what its country lets anybody pay, `UNPROVEN` nothing.
    """

    VERIFIED = "verified"
    EXCUSED = "excused"
    UNPROVEN = "unproven"


class Verdict(StrEnum):
    """What became of a passcode that was entered or set."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    NOT_SET = "not-set"
    OFF_WRIST = "off-wrist"


@dataclass(frozen=True, slots=True)
class Entered:
    """The verdict on a passcode, and the tries that are left."""

    verdict: Verdict
    tries_left: int

    @property
    def right(self) -> bool:
        """Whether it was the passcode, or is now."""
        return self.verdict is Verdict.RIGHT


def enter_passcode(chip: Chip, digits: str, now: datetime) -> Entered:
    """Prove the wearer. A try is counted, durably, before the digits are looked at.

    A wrong one ends an earlier proof, the last one closes the window too. Off the wrist nothing is
    looked at and nothing counted. EncodeError for digits that are no passcode; UnreachableError if
    the memory fails, and then nobody is proved.
    """
    entered = _compare(chip, digits)
    if entered.right:
        chip.prove_wearer(now)
    return entered


def set_passcode(chip: Chip, digits: str, current: str | None, entropy: Entropy) -> Entered:
    """Set the first passcode, or another one in place of the current, which has to be right.

    The new one has to be entered before it proves anything. Raises as `enter_passcode`.
    """
    passcode.checked(digits)
    if chip.state.wearer.passcode is not None:
        entered = _compare(chip, current) if current is not None else _left(chip, Verdict.WRONG)
        if not entered.right:
            return entered
    chip.doubt_wearer()
    _keep(chip, passcode.fresh(digits, entropy.take(KEY_BYTES)))
    return _left(chip, Verdict.RIGHT)


def cardholder(chip: Chip, profile: CardProfile, now: datetime) -> Cardholder:
    """What a debit of this card can say of its cardholder at this moment."""
    if chip.verified(now):
        return Cardholder.VERIFIED
    excused = chip.profile.pays_unverified and chip.worn
    if excused and chip.state.wearer.unverified < profile.no_cvm.debits:
        return Cardholder.EXCUSED
    return Cardholder.UNPROVEN


def _compare(chip: Chip, digits: str) -> Entered:
    passcode.checked(digits)
    kept = chip.state.wearer.passcode
    if not chip.worn:
        return _left(chip, Verdict.OFF_WRIST)
    if kept is None:
        return _left(chip, Verdict.NOT_SET)
    if kept.locked:
        return _left(chip, Verdict.LOCKED)
    chip.doubt_wearer()
    # Whoever cuts the power at the sight of a wrong one has spent the try all the same.
    _keep(chip, kept.counted())
    try:
        kept.verify(digits)
    except VerificationError:
        if not kept.counted().locked:
            return _left(chip, Verdict.WRONG)
        chip.close()
        return _left(chip, Verdict.LOCKED)
    wearer = replace(chip.state.wearer, passcode=kept.unlocked(), unverified=0)
    chip.commit(replace(chip.state, wearer=wearer))
    return _left(chip, Verdict.RIGHT)


def _keep(chip: Chip, changed: Passcode) -> None:
    wearer = replace(chip.state.wearer, passcode=changed)
    chip.commit(replace(chip.state, wearer=wearer))


def _left(chip: Chip, verdict: Verdict) -> Entered:
    kept = chip.state.wearer.passcode
    return Entered(verdict, kept.tries_left if kept else 0)
