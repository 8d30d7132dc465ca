"""What the terminal needs from outside: a card in the field, as one function, and a stopwatch."""

from typing import Protocol

from zheton.core.errors import UnreachableError


class CardGoneError(UnreachableError):
    """The card left the field before it answered."""


class Timer(Protocol):
    """A clock for durations."""

    def elapsed_ms(self) -> float:
        """Milliseconds since some moment; it never goes back."""
        ...


class Card(Protocol):
    """A card between its activation and its removal."""

    def transceive(self, command: bytes) -> bytes:
        """Send one command APDU, get one response APDU (ISO 7816-4); CardGoneError if it left.

        GET RESPONSE and repeated Le of the transmission protocol T=0 are the adapter's matter: the
        contactless kernel never sees 61xx or 6Cxx (EMV Contactless Book D).
        """
        ...
