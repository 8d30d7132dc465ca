"""Batches and buckets: 64 consecutive indexes are one row, and 64 buckets share the rows.

A batch is leased to one card on one device until a date, as one generation of its indexes. All
that a debit needs, the batch and its card, lies in one bucket.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from zheton.core.token.domain import Channel, Device
from zheton.core.token.lifecycle import BatchStatus, Hold

BATCH_SIZE = 64
BUCKETS = 64
DISPUTE_WINDOW = timedelta(days=180)  # that a batch rests after its last financial event
GENERATIONS_MAX = 1022  # so that the ATC, two bytes, never repeats for one number and key


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an index lies: its batch, its place in it, and the bucket that holds both."""

    batch: int
    place: int

    @property
    def bucket(self) -> int:
        """The home bucket of the batch."""
        return self.batch % BUCKETS

    @property
    def mask(self) -> int:
        """The bit of the burn map, as a signed 64-bit number, the way databases keep it."""
        return signed(1 << self.place)


def slot(index: int) -> Slot:
    """The slot of an index.

    >>> slot(64 * 65 + 3)
    Slot(batch=65, place=3)
    """
    return Slot(*divmod(index, BATCH_SIZE))


def signed(bits: int) -> int:
    """An unsigned 64-bit map as the signed number of the same bits."""
    return bits - (1 << 64) if bits >> 63 else bits


def application_transaction_counter(generation: int, place: int) -> int:
    """The ATC (9F36) that belongs to a place of a batch in its generation (1 to 65535).

    Every generation has counters of its own, so a session key (EMV Book 2, A1.3) never comes
    twice, whatever the key version.
    """
    if not (0 <= generation <= GENERATIONS_MAX and 0 <= place < BATCH_SIZE):
        raise ValueError("generation or place out of range")
    return generation * BATCH_SIZE + place + 1


@dataclass(frozen=True, slots=True)
class Batch:
    """One lease of 64 numbers, as its row says. `expiry` is YYMM, `burnt` the bits spent.

    `held` says who keeps it suspended.
    """

    bin: str
    batch: int
    generation: int
    status: BatchStatus
    card: str
    enrolment: str
    device_id: str
    device: Device
    channel: Channel
    key_version: int
    expiry: str
    until: datetime
    burnt: int = field(default=0)
    held: Hold = Hold.NOBODY

    @property
    def bucket(self) -> int:
        """The home bucket."""
        return self.batch % BUCKETS

    @property
    def first_index(self) -> int:
        """The index of its first number."""
        return self.batch * BATCH_SIZE

    @property
    def left(self) -> int:
        """How many of its numbers are not burnt yet."""
        return BATCH_SIZE - (self.burnt & (1 << 64) - 1).bit_count()

    @property
    def name(self) -> str:
        """What the chip and the token API call the lease, in hex: BIN, batch index, generation.

        >>> parse_name("001fc46400000400")
        ('520473', 1, 0)
        """
        return f"{int(self.bin) << 34 | self.batch << 10 | self.generation:016x}"


def parse_name(name: str) -> tuple[str, int, int]:
    """BIN, batch index and generation of a lease by its name (16 hex digits)."""
    value = int(name, 16)
    return str(value >> 34), value >> 10 & 0xFFFFFF, value & 0x3FF
