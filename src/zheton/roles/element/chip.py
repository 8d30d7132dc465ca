"""The chip's state in one place: what is durable, and the arming window and wearer, which are not.

Every change goes through `commit`, which returns when the memory has it; only then may an answer
leave. A window dies with the power, so after a start every number that was shown is abandoned.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from zheton.core.errors import ConfigurationError
from zheton.roles.element import image
from zheton.roles.element.ports import Memory
from zheton.roles.element.profile import DeviceProfile
from zheton.roles.element.state import ElementState
from zheton.roles.element.words import Refusal


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which one credential may be spent: [opened, until)."""

    card_ref: bytes
    batch_ref: bytes
    place: int
    opened: datetime
    until: datetime

    def open_at(self, now: datetime) -> bool:
        """Whether it is open; a clock that was set back closes it."""
        return self.opened <= now < self.until


class Chip:
    """Durable state, arming window and wearer, shared by the interfaces.

    `refused` is why the last arming or tap came to nothing, for the screen; None if it did not.
    """

    def __init__(self, memory: Memory, profile: DeviceProfile) -> None:
        """Start from the memory; ConfigurationError if the element was never manufactured."""
        stored = memory.load()
        if stored is None:
            raise ConfigurationError(
                "This element's memory is empty: manufacture the device before it is used."
            )
        self.profile = profile
        self._memory = memory
        self._state = image.decode(stored)
        self._window: Window | None = None
        self._put_on = False
        self._proved: datetime | None = None
        self.refused: Refusal | None = None
        self._commit_if_changed(_abandoned(self._state))

    @property
    def state(self) -> ElementState:
        """What the memory holds."""
        return self._state

    def commit(self, state: ElementState) -> None:
        """Make a state durable; UnreachableError, and nothing changed here, if that failed."""
        self._memory.store(image.encode(state))
        self._state = state

    def open(self, window: Window) -> None:
        """Open a window; the one before is closed."""
        self.close()
        self._window = window

    def close(self) -> None:
        """Close the window, if there is one; a number shown in it is abandoned."""
        self._window = None
        self._commit_if_changed(_abandoned(self._state))

    def close_unless_payable(self) -> None:
        """Close the window if its card was locked or deleted."""
        window = self._window
        payable = {card.card_ref for card in self._state.payable()}
        if window is not None and window.card_ref not in payable:
            self.close()

    def window(self, now: datetime) -> Window | None:
        """The window that is open, or None; one whose time is over is closed."""
        if self._window is not None and not self._window.open_at(now):
            self.close()
        return self._window

    @property
    def worn(self) -> bool:
        """Whether it is worn; a device that can't sense it always is."""
        return self._put_on or not self.profile.wrist_sensor

    def put_on(self) -> None:
        """The sensor feels a wrist; nobody is proved by that."""
        self._put_on = True

    def take_off(self) -> None:
        """The sensor feels no wrist: window and proof are over."""
        self._put_on = False
        self.doubt_wearer()
        self.close()

    def prove_wearer(self, now: datetime) -> None:
        """The passcode was right."""
        self._proved = now

    def doubt_wearer(self) -> None:
        """Nobody is proved any more."""
        self._proved = None

    def verified(self, now: datetime) -> bool:
        """Whether the passcode was right since it was put on, and not too long ago."""
        if self._proved is None or not self.worn:
            return False
        holds = timedelta(minutes=self.profile.passcode_minutes)
        return self._proved <= now < self._proved + holds

    def _commit_if_changed(self, state: ElementState) -> None:
        if state != self._state:
            self.commit(state)


def _abandoned(state: ElementState) -> ElementState:
    """The state with all shown credentials erased."""
    return replace(
        state,
        cards=tuple(
            replace(card, batches=tuple(batch.abandon() for batch in card.batches))
            for card in state.cards
        ),
    )
