"""Relay resistance: how long the card takes for an answer that nobody can know before (Book C-2).

EXCHANGE RELAY RESISTANCE DATA sends a random number and measures; the card says how long it needs.
Whoever carries the bytes to a card far away needs longer. Up to three attempts, for a reader may be
busy with something else; what the last one came to is in the TVR, and, where the card signs its
cryptogram, signed by it. All times are in units of 100 microseconds, as on the wire.
"""

from dataclasses import dataclass, replace

from zheton.core.errors import DecodeError
from zheton.roles.terminal import dialogue
from zheton.roles.terminal.application import Profile
from zheton.roles.terminal.ports import Card, Timer
from zheton.roles.terminal.state import RelayTimes, Setup
from zheton.roles.terminal.tvr import Tvr

_ANSWER_TAG, _ANSWER_BYTES = 0x80, 10
_UNITS_A_MS = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """The debit's setup, with the number that was sent last; the TVR's bits; what a card signs."""

    setup: Setup
    tvr: Tvr
    figures: bytes = b""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What a card answered, and how long it took over it, without the time on the way."""

    answer: bytes
    took: int

    @property
    def least(self) -> int:
        """The least time that the card takes (DF8303)."""
        return int.from_bytes(self.answer[4:6])

    @property
    def most(self) -> int:
        """The most (DF8304)."""
        return int.from_bytes(self.answer[6:8])

    @property
    def transmission(self) -> int:
        """What the card thinks its answer takes on the way (DF8305)."""
        return int.from_bytes(self.answer[8:10])


def resist(card: Card, profile: Profile, setup: Setup, timer: Timer | None) -> Measured:
    """Measure the card if both sides can (Book C-2, 3.10).

    DecodeError where a card answers with something else, or faster than it says that it can.
    """
    if not profile.relay_resistance:
        return Measured(setup, Tvr.NONE)
    if timer is None:
        return Measured(setup, Tvr.RELAY_RESISTANCE_NOT_PERFORMED)
    times = setup.config.relay
    for number in (setup.transaction.unpredictable_number, *setup.transaction.further_numbers):
        attempt = _attempt(card, number, times, timer)
        if attempt.took < attempt.least - times.least_grace:
            raise DecodeError("came before it could", field="relay resistance", offset=0)
        # The number of the last attempt is the debit's, so that nothing signed is of another one.
        setup = replace(setup, transaction=replace(setup.transaction, unpredictable_number=number))
        late = attempt.took > attempt.most + times.most_grace
        if not late:
            break
    return Measured(setup, _results(attempt, times, late), number + attempt.answer)


def _attempt(card: Card, number: bytes, times: RelayTimes, timer: Timer) -> _Attempt:
    before = timer.elapsed_ms()
    response = dialogue.exchange_relay_resistance(card, number)
    took = round((timer.elapsed_ms() - before) * _UNITS_A_MS)
    head = bytes((_ANSWER_TAG, _ANSWER_BYTES))
    whole = len(response.data) == len(head) + _ANSWER_BYTES
    if not response.ok or not whole or not response.data.startswith(head):
        raise DecodeError("is none", field="relay resistance", offset=0)
    answer = response.data[len(head) :]
    travelled = times.command + min(times.response, int.from_bytes(answer[8:10]))
    return _Attempt(answer, max(0, took - travelled))


def _results(attempt: _Attempt, times: RelayTimes, late: bool) -> Tvr:
    tvr = Tvr.RELAY_RESISTANCE_PERFORMED
    if late:
        tvr |= Tvr.RELAY_TIME_LIMITS_EXCEEDED
    faster, slower = sorted((attempt.transmission, times.response))
    differ = faster * 100 < slower * times.mismatch_percent
    if differ or attempt.took - attempt.least > times.accuracy:
        tvr |= Tvr.RELAY_THRESHOLD_EXCEEDED
    return tvr
