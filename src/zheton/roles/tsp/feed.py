"""The events of a wallet: the lines of its history in order, read on from a cursor.

Lines are counted by bucket, in the order of their commits, and a cursor remembers the last count of
each bucket. So whoever reads on misses none, also where a transaction that began earlier ended
later, and sees the lines of one card, token or batch in their order. Who crashes before noting the
cursor reads some twice: each has an id.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zheton.core.errors import EncodeError
from zheton.core.token.batch import BUCKETS
from zheton.roles.tsp.ports import Vault
from zheton.roles.tsp.state import Change

EVENTS_MAX = 200
_COUNT_BYTES = 5
_CURSOR_BYTES = 1 + BUCKETS * _COUNT_BYTES


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader is: the last count of each bucket, and with which bucket it goes on."""

    counts: tuple[int, ...] = (0,) * BUCKETS
    bucket: int = 0

    def encode(self) -> str:
        """The cursor in hex, always as long.

        >>> len(Cursor().encode())
        642
        """
        counts = b"".join(count.to_bytes(_COUNT_BYTES, "big") for count in self.counts)
        return (bytes((self.bucket,)) + counts).hex()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """The cursor of its hex; "" is the beginning. EncodeError for any other text."""
        if not text:
            return cls()
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raw = b""
        if len(raw) != _CURSOR_BYTES or raw[0] >= BUCKETS:
            raise EncodeError("that is no cursor of events", field="after")
        counts = (raw[i : i + _COUNT_BYTES] for i in range(1, _CURSOR_BYTES, _COUNT_BYTES))
        return cls(tuple(int.from_bytes(each, "big") for each in counts), raw[0])

    def after(self, changes: Sequence[Change]) -> "Cursor":
        """The cursor once these lines were read; it goes on with the bucket of the last."""
        counts = list(self.counts)
        for change in changes:
            counts[change.bucket] = max(counts[change.bucket], change.ordinal)
        bucket = changes[-1].bucket if changes else self.bucket
        return Cursor(tuple(counts), bucket)


def events(vault: Vault, requestor: str, cursor: Cursor, count: int) -> tuple[list[Change], Cursor]:
    """At most `count` lines after a cursor, and the cursor after them."""
    changes = vault.changes_after(requestor, cursor.counts, cursor.bucket, count)
    return changes, cursor.after(changes)
