"""What the element needs from outside: memory that survives a loss of power."""

from typing import Protocol


class Entropy(Protocol):
    """Randomness of the chip's own."""

    def take(self, count: int) -> bytes:
        """`count` unpredictable bytes."""


class Memory(Protocol):
    """Non-volatile memory of one image, replaced whole.

    After an interruption at any moment it holds the image from before or the one from after.
    """

    def load(self) -> bytes | None:
        """The image kept last, or None if there never was one."""

    def store(self, image: bytes) -> None:
        """Keep this image in place of the last; when it returns, the image is durable.

        Raises UnreachableError if it could not be kept.
        """
