"""What a band tells its owner's phone of itself: the state and event characteristics."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from zheton.core.errors import DecodeError, EncodeError

FORMAT = 1
SERIAL_BYTES, REFERENCE_BYTES = 10, 16
CARDS_MAX = 16
_HEADER, _CARD = 2 + SERIAL_BYTES + 1, REFERENCE_BYTES + 4
_COUNT_MAX = 0xFFFF
_ARMED, _WORN, _LOCKED, _PAIRING = 0x01, 0x02, 0x04, 0x08


class Event(IntEnum):
    """Why a band speaks first; one byte."""

    STATE_CHANGED = 1
    SYNC_WANTED = 2  # few numbers are left
    RESET = 3  # the wearer has erased everything


@dataclass(frozen=True, slots=True)
class CardReport:
    """One card: its reference, payments left, and numbers lost in torn taps."""

    card_ref: bytes
    left: int
    abandoned: int


@dataclass(frozen=True, slots=True)
class Report:
    """The state characteristic: format, flags, serial number, count, then 20 bytes a card.

    >>> Report(bytes(10), armed=True).encode().hex()
    '01010000000000000000000000'
    """

    serial: bytes
    armed: bool = False
    worn: bool = False
    locked: bool = False
    pairing: bool = False
    cards: Sequence[CardReport] = ()

    @property
    def left(self) -> int:
        """Payments left on all cards together."""
        return sum(card.left for card in self.cards)

    def left_on(self, card_ref: bytes) -> int:
        """Payments left on one card; 0 where it is not on the band."""
        return sum(card.left for card in self.cards if card.card_ref == card_ref)

    def encode(self) -> bytes:
        """The value of the characteristic; EncodeError for a serial number or too many cards."""
        if len(self.serial) != SERIAL_BYTES:
            raise EncodeError(f"it has {SERIAL_BYTES} bytes", field="serial number")
        if len(self.cards) > CARDS_MAX:
            raise EncodeError(f"there are {CARDS_MAX} at most", field="cards of a band")
        flags = (
            _ARMED * self.armed
            | _WORN * self.worn
            | _LOCKED * self.locked
            | _PAIRING * self.pairing
        )
        head = bytes((FORMAT, flags)) + self.serial + bytes((len(self.cards),))
        return head + b"".join(_card(card) for card in self.cards)

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """The report in a value; DecodeError where it is none of this format."""
        if len(value) < _HEADER or value[0] != FORMAT:
            raise DecodeError(f"it is no report of format {FORMAT}", field="band state", offset=0)
        flags, count = value[1], value[_HEADER - 1]
        if count > CARDS_MAX or len(value) != _HEADER + count * _CARD:
            problem = "its length and its count of cards do not agree"
            raise DecodeError(problem, field="band state", offset=_HEADER - 1)
        places = (value[at : at + _CARD] for at in range(_HEADER, len(value), _CARD))
        return cls(
            value[2 : _HEADER - 1],
            bool(flags & _ARMED),
            bool(flags & _WORN),
            bool(flags & _LOCKED),
            bool(flags & _PAIRING),
            tuple(
                CardReport(
                    each[:REFERENCE_BYTES],
                    int.from_bytes(each[REFERENCE_BYTES : REFERENCE_BYTES + 2], "little"),
                    int.from_bytes(each[REFERENCE_BYTES + 2 :], "little"),
                )
                for each in places
            ),
        )


def _card(card: CardReport) -> bytes:
    if len(card.card_ref) != REFERENCE_BYTES:
        raise EncodeError(f"it has {REFERENCE_BYTES} bytes", field="card reference")
    counts = (min(card.left, _COUNT_MAX), min(card.abandoned, _COUNT_MAX))
    return card.card_ref + b"".join(count.to_bytes(2, "little") for count in counts)
