"""Blocks of batch indexes: what this process may hand out without asking anybody.

How many batches of a BIN each bucket has given away stands in `batch_counter`. A process moves that
on by a whole block, in a transaction of its own, and only then hands its indexes out from memory:
nobody else ever gets one of them. What a process that ends has left of a block is never handed out.
To give it to another would need to know that the first is dead, and that no old copy of the
database was restored since; that is not worth it, for a block is as long as what the process has
handed out of this bucket and BIN before (one lease at first), and BLOCK_MAX at most: it can lose no
more than it has used.

Between the two, a witness outside of the database hears how far the counter has moved (`SqlVault`).

For whoever skips indexes, as after a restore: all that was ever handed out lies below the counter
that was true at that moment. Moving `next_ordinal` on, by any number, skips what lies between; the
processes of the vault have to be stopped, or they go on with blocks that they hold. Batches that
were leased anew (`lease_free`) are no matter of the counter: there the generation has to move.
"""

import threading
from collections import defaultdict, deque

from sqlalchemy import text

from zheton.adapters.storage import vault_sqlite as sql
from zheton.adapters.storage.database import Database
from zheton.core.token.batch import BUCKETS

BLOCK_MAX = 16  # batches: of an 8-digit BIN a bucket has 2,441
_TAKE_BLOCK = text(sql.TAKE_BLOCK)
_Pool = tuple[str, int]  # BIN and bucket


class IndexBlocks:
    """The blocks of one process; safe to share by threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._held: dict[_Pool, deque[int]] = defaultdict(deque)
        self._handed_out: dict[_Pool, int] = defaultdict(int)
        self._used_up: set[_Pool] = set()

    def hand_out(self, token_bin: str, bucket: int, count: int) -> list[int] | None:
        """`count` batch indexes never handed out before; None where a block has to be taken first.

        Fewer, or none, where the BIN has no others in this bucket. They count as handed out
        whatever becomes of the transaction that wanted them.
        """
        pool = token_bin, bucket
        with self._lock:
            held = self._held[pool]
            if len(held) < count and pool not in self._used_up:
                return None
            indexes = [held.popleft() for _ in range(min(count, len(held)))]
            self._handed_out[pool] += len(indexes)
            return indexes

    def take(self, token_bin: str, bucket: int, count: int, end: int) -> range | None:
        """Ordinals of at least `count` batches below `end`, or of what is left there, if anything.

        They are this process's for good when this returns, and out of its hands until `hold`; where
        the database does not say whether it kept that, nobody gets them. Not to be called inside a
        transaction: it has one of its own.
        """
        pool = token_bin, bucket
        with self._lock:
            size = max(count, min(self._handed_out[pool], BLOCK_MAX))
        first = None
        with self._database.transaction() as connection:
            named = {"bin": token_bin, "bucket": bucket, "end": end}
            while first is None and size:
                first = connection.execute(_TAKE_BLOCK, {**named, "count": size}).scalar()
                size = size if first is not None else size // 2  # the last ones are a few
        if first is None:
            with self._lock:
                self._used_up.add(pool)
            return None
        return range(first, first + size)

    def hold(self, token_bin: str, bucket: int, block: range) -> None:
        """Hand out the batches of a block that was taken."""
        with self._lock:
            self._held[token_bin, bucket] += [n * BUCKETS + bucket for n in block]
