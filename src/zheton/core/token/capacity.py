"""How many token BINs a rate of debits needs, when every debit burns a number of its own.

A number is out of reach from the moment its batch is handed to a device until the batch has
rested. By Little's law what is out of reach at any moment is the rate times that time, counted in
three parts: numbers that wait on devices, batches that are being spent, batches that rest.
"""

import math
from dataclasses import dataclass

from zheton.core.errors import ConfigurationError
from zheton.core.token.batch import BATCH_SIZE

_DAY_SECONDS = 86_400
_NUMBER_DIGITS = 16
BATCH_SIZE_MAX = 10**6
AMOUNT_MAX = 1e12  # of whatever is counted here: far more than there is, and no float overflows


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of the numbers; ConfigurationError where it makes no sense.

    `window_days` is counted from the last financial event of a batch. `fill_days` pass from its
    first debit to its last. `batches_per_device` are those that a device holds untouched, beside
    the one that it spends. `unused_share` of all numbers is never spent: lost with a device, torn
    in a tap, or left when a lease ends.
    """

    debits_per_s: float
    window_days: float
    fill_days: float = 0.0
    devices: int = 0
    batches_per_device: float = 0.0
    unused_share: float = 0.0
    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        amounts = (
            self.debits_per_s,
            self.window_days,
            self.fill_days,
            self.devices,
            self.batches_per_device,
        )
        if not all(0 <= amount <= AMOUNT_MAX for amount in amounts):  # nan is neither
            raise ConfigurationError(
                f"Rates, times, devices and batches are numbers from 0 to {AMOUNT_MAX:.0e}."
            )
        if not 0 <= self.unused_share < 1:
            raise ConfigurationError(
                "The share never used is from 0 to less than 1: some numbers have to pay."
            )
        if not 1 <= self.batch_size <= BATCH_SIZE_MAX:
            raise ConfigurationError(f"A batch holds 1 to {BATCH_SIZE_MAX} numbers.")

    @property
    def numbers_per_s(self) -> float:
        """How many numbers are handed out a second: those that pay and those that never do."""
        return self.debits_per_s / (1 - self.unused_share)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many numbers are out of reach at any moment, once as many come back as go out."""

    demand: Demand
    resting: float
    filling: float
    waiting: float

    @property
    def numbers(self) -> float:
        """All of them."""
        return self.resting + self.filling + self.waiting

    def bins(self, digits: int) -> int:
        """How many BINs of so many digits hold them.

        >>> capacity(Demand(5565, window_days=180)).bins(6)
        87
        """
        return math.ceil(self.numbers / usable(digits, self.demand.batch_size))

    def days_of_a_bin(self, digits: int) -> float | None:
        """How long a fresh BIN of so many digits carries the rate if nothing comes back."""
        if not self.demand.numbers_per_s:
            return None
        fresh = usable(digits, self.demand.batch_size)
        return fresh / self.demand.numbers_per_s / _DAY_SECONDS


def capacity(demand: Demand) -> Capacity:
    """What a demand keeps out of reach.

    >>> round(capacity(Demand(5565, window_days=180)).resting / 1e9, 1)
    86.5
    """
    a_day = demand.numbers_per_s * _DAY_SECONDS
    return Capacity(
        demand,
        resting=a_day * demand.window_days,
        # A batch counts whole from its first debit on, for nobody else can have what is left of it.
        filling=a_day * demand.fill_days,
        waiting=demand.devices * demand.batches_per_device * demand.batch_size,
    )


def usable(digits: int, batch_size: int = BATCH_SIZE) -> int:
    """The numbers of a BIN that lie in whole batches; a last, partial batch is left alone.

    >>> usable(6), usable(8), usable(8, batch_size=96)
    (1000000000, 10000000, 9999936)
    """
    size: int = 10 ** (_NUMBER_DIGITS - 1 - digits)
    return size - size % batch_size
