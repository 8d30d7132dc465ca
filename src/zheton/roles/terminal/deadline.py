"""A bound on the time that one presentment of a card may take, whatever the card says.

EMV bounds each answer (Contactless Book D, frame waiting time) and the number of commands follows
from the lists that the card sends, which are bounded where they are read. Together that could still
be minutes, in which a till serves nobody and a relay has all the time it needs.
"""

from zheton.core.errors import UnreachableError
from zheton.roles.terminal.ports import Card, Timer

PRESENTMENT_MS_MAX = 10_000  # twenty times what Book A hopes for: contact cards are slow, too


class CardTooSlowError(UnreachableError):
    """The card has had its time, and is as good as gone."""


class WithinDeadline:
    """A card that is given up once its answers have taken too long, all together."""

    def __init__(self, card: Card, timer: Timer) -> None:
        """The time runs from now."""
        self._card = card
        self._timer = timer
        self._end_ms = timer.elapsed_ms() + PRESENTMENT_MS_MAX

    def transceive(self, command: bytes) -> bytes:
        """As the card; CardTooSlowError for an answer that came after the time was up."""
        answer = self._card.transceive(command)
        if self._timer.elapsed_ms() > self._end_ms:
            raise CardTooSlowError("The card takes too long with its answers.")
        return answer
