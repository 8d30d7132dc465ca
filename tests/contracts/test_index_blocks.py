"""Blocks of indexes: nobody hands out what another has, whoever is killed, and whenever."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from sqlalchemy import text

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.index_blocks import BLOCK_MAX, IndexBlocks
from zheton.adapters.storage.vault import SqlVault
from zheton.core.token.batch import BUCKETS

BIN, BUCKET, END = "520473", 5, 10**7
KILLS, WORKERS = 20, 4


@pytest.fixture
def blocks(database: Database) -> IndexBlocks:
    return IndexBlocks(database)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    SqlVault(opened)
    yield opened
    opened.close()


def handed(blocks: IndexBlocks, count: int, *, bucket: int = BUCKET, end: int = END) -> list[int]:
    """What somebody gets who takes a block where there is none."""
    while (indexes := blocks.hand_out(BIN, bucket, count)) is None:
        block = blocks.take(BIN, bucket, count, end)
        if block is not None:
            blocks.hold(BIN, bucket, block)
    return indexes


def counter(database: Database, bucket: int = BUCKET) -> int:
    query = "SELECT next_ordinal FROM batch_counter WHERE bucket = :bucket"
    with database.reading() as connection:
        return int(connection.execute(text(query), {"bucket": bucket}).scalar_one())


def test_indexes_of_a_bucket_come_one_after_the_other(blocks: IndexBlocks) -> None:
    got = [index for count in (1, 2, 3, 4, 1) for index in handed(blocks, count)]
    assert got == [ordinal * BUCKETS + BUCKET for ordinal in range(11)]
    assert handed(blocks, 1, bucket=6) == [6]


def test_a_block_is_durable_before_an_index_of_it_is_out(
    blocks: IndexBlocks, database: Database
) -> None:
    """And it is no longer than what its process has used before, and than BLOCK_MAX."""
    for used in range(1, 5 * BLOCK_MAX):
        handed(blocks, 1)
        assert used <= counter(database) <= used + min(used, BLOCK_MAX)


def test_another_process_begins_behind_the_block(blocks: IndexBlocks, database: Database) -> None:
    mine = [handed(blocks, 4) for _ in range(3)]
    later = IndexBlocks(database)
    its = [handed(later, 4) for _ in range(3)]
    mine += [handed(blocks, 4) for _ in range(3)]
    indexes = [index for part in mine + its for index in part]
    assert len(set(indexes)) == len(indexes) == 36


def test_an_index_of_a_lease_that_failed_is_not_handed_out_again(database: Database) -> None:
    vault = SqlVault(database)
    vault.take_block(BIN, BUCKET, 2, END)
    with pytest.raises(ZeroDivisionError), vault.transaction() as tx:
        assert tx.hand_out(BIN, BUCKET, 1) == [BUCKET]
        raise ZeroDivisionError
    with vault.transaction() as tx:
        assert tx.hand_out(BIN, BUCKET, 1) == [BUCKET + BUCKETS]


@pytest.mark.parametrize(("bucket", "batches"), [(9, 4), (10, 3)])
def test_indexes_end_where_the_range_ends(
    blocks: IndexBlocks, database: Database, bucket: int, batches: int
) -> None:
    end = 3 * BUCKETS + 10  # bucket 9 has four batches below it, bucket 10 three
    got: list[int] = []
    while part := handed(blocks, 3, bucket=bucket, end=end):
        got += part
    assert got == [ordinal * BUCKETS + bucket for ordinal in range(batches)]
    assert max(got) < end
    assert handed(IndexBlocks(database), 1, bucket=bucket, end=end) == []


# Processes. One is loaded once and forks the workers, so that they start in no time.

WORKER = """
import os, signal, sys
from datetime import UTC, datetime
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault import SqlVault
from zheton.core.token.domain import Channel, Device
from zheton.roles.tsp.lease import BlockUsedUpError, leasing
from zheton.roles.tsp.state import Terms

URL, BIN, BUCKET, END = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
UNTIL = datetime(2027, 2, 28, tzinfo=UTC)

def tell(word, indexes):
    line = " ".join((word, str(os.getpid()), *map(str, indexes)))
    os.write(1, line.encode() + b"\\n")  # so short that it arrives whole or not at all

def work():
    vault = SqlVault(Database(URL))
    whose = ("card", "claim", "band", Device.BAND, Channel.TILL, 1, "2702", UNTIL)
    terms = [Terms(BIN, bucket, *whose) for bucket in (BUCKET, BUCKET + 1)]
    for turn in range(10**9):
        wanted, count = terms[turn % 2], 1 + turn % 4
        def lease(tx):
            indexes = tx.hand_out(BIN, wanted.bucket, count)
            if indexes is None:
                raise BlockUsedUpError(BIN, wanted.bucket, count, END)
            tell("handed", indexes)
            tx.add_batches([wanted.fresh(index) for index in indexes])
            return indexes
        tell("kept", leasing(vault, lease))

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        os.close(0)
        work()
    tell("started", [child])
"""


class Workers:
    """Processes that lease as fast as they can, and what they say."""

    def __init__(self, url: str) -> None:
        self.heard: list[list[str]] = []
        self.alive: list[int] = []
        self._nursery = subprocess.Popen(
            [sys.executable, "-c", WORKER, url, BIN, str(BUCKET), str(END)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> None:
        """One more, and no further before it is there."""
        assert self._nursery.stdin is not None
        print("one more", file=self._nursery.stdin, flush=True)
        while self.hear()[0] != "started":
            pass
        self.alive.append(int(self.heard[-1][2]))

    def hear(self) -> list[str]:
        """The next line that any of them says."""
        assert self._nursery.stdout is not None
        line = self._nursery.stdout.readline().split()
        assert line, "a worker has failed"
        self.heard.append(line)
        return line

    def kill(self, number: int) -> None:
        """End one, wherever it is."""
        os.kill(self.alive.pop(number), signal.SIGKILL)

    def end(self) -> None:
        """End all, and hear what they had said."""
        while self.alive:
            self.kill(0)
        rest, _ = self._nursery.communicate()
        self.heard += [line.split() for line in rest.splitlines()]

    def indexes(self, word: str) -> list[int]:
        """All indexes of which a worker said that it had handed them out, or that they are kept."""
        return [int(index) for said, _, *rest in self.heard if said == word for index in rest]


@pytest.mark.parametrize("kind", ["sqlite-file", "postgresql"], indirect=True)
def test_no_index_is_handed_out_twice_whoever_is_killed(database: Database, url: str) -> None:
    choice, workers = Random(20), Workers(url)
    try:
        for _ in range(WORKERS):
            workers.start()
        for _ in range(KILLS):
            for _ in range(choice.randint(1, 12)):
                workers.hear()
            workers.kill(choice.randrange(WORKERS))
            workers.start()
    finally:
        workers.end()
    out, kept = workers.indexes("handed"), workers.indexes("kept")
    assert [index for index, times in Counter(out).items() if times > 1] == []
    with database.reading() as connection:
        rows = {int(row[0]) for row in connection.exec_driver_sql("SELECT batch FROM batch")}
    assert set(kept) <= rows <= set(out)
    assert len({pid for said, pid, *_ in workers.heard if said == "kept"}) > WORKERS
    for bucket in (BUCKET, BUCKET + 1):
        used = {index // BUCKETS for index in out if index % BUCKETS == bucket}
        # What is never handed out is the rest of a block for each process that there was.
        skipped = set(range(counter(database, bucket))) - used
        assert len(skipped) <= (KILLS + WORKERS) * BLOCK_MAX
