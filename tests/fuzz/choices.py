"""Bytes as a stream of choices, so that one fuzzer drives conversations as it drives decoders."""


class Choices:
    """The first choice is made by the first byte; once the bytes are over every choice is 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def over(self) -> bool:
        """Whether the bytes are used up."""
        return self._at >= len(self._data)

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1; `bound` is 256 at most."""
        return (self.take(1) or b"\0")[0] % bound

    def take(self, count: int) -> bytes:
        """The next `count` bytes, or what is left of them."""
        start, self._at = self._at, self._at + count
        return self._data[start : self._at]

    def some(self) -> bytes:
        """Up to 255 bytes: one says how many."""
        return self.take(self.below(256))
