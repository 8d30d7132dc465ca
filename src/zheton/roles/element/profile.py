"""What a kind of device can show, sense and store. The kinds are files in `data/devices/`."""

from dataclasses import dataclass
from enum import StrEnum

from zheton.core.errors import ConfigurationError

CARDS_MAX = 6  # as many entries as fit the PPSE into one short response
BATCHES_MAX = 8
WINDOW_SECONDS_MAX = 300
PASSCODE_MINUTES_MAX = 24 * 60


class DeviceClass(StrEnum):
    """The classes that a rollout policy tells apart."""

    BAND = "band"
    WATCH = "watch"
    RING = "ring"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """One kind of device. `batches` are kept a card; `window_seconds` is how long it stays armed.

    A device without `wrist_sensor` can't know whether it is worn, so it is not asked. A passcode
    that was right proves its wearer for `passcode_minutes`; where it can't be typed on the device
    (`passcode_entry`) the phone sends it. `pays_unverified`: small amounts also without it.
    """

    name: str
    title: str
    device_class: DeviceClass
    screen: bool
    button: bool
    wrist_sensor: bool
    cards: int
    batches: int
    window_seconds: int
    passcode_entry: bool
    passcode_minutes: int
    pays_unverified: bool

    def __post_init__(self) -> None:
        bounds = (
            ("cards", self.cards, CARDS_MAX),
            ("batches", self.batches, BATCHES_MAX),
            ("window_seconds", self.window_seconds, WINDOW_SECONDS_MAX),
            ("passcode_minutes", self.passcode_minutes, PASSCODE_MINUTES_MAX),
        )
        for name, value, most in bounds:
            if not 1 <= value <= most:
                raise ConfigurationError(f"{name} of device {self.name} is 1 to {most}.")
