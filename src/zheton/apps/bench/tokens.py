"""`bench tokens`: one-time numbers made, brought back to their indexes, and kept in a vault.

Made and brought back by the ranges of an installation, one of each length of BIN; kept as leases of
enrolled cards, in the vault's own database, whose file is then measured.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from zheton.apps.bench.cards import BenchCard, batches_of, issue
from zheton.apps.bench.report import Check, Report, Setting, median_of
from zheton.apps.wiring import Installation
from zheton.core.token.batch import BATCH_SIZE, Batch, slot
from zheton.core.token.domain import Channel
from zheton.core.token.number import TokenRange
from zheton.core.token.pan import luhn_digit
from zheton.roles.tsp.lease import Use, lease, leasing

NETWORK = "mastercard"
_SHUFFLED = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is measured: `count` numbers of each range a run, `cards` with `batches` each."""

    count: int = 200_000
    runs: int = 5
    cards: int = 1000
    batches: int = 3


@dataclass(frozen=True, slots=True)
class Made:
    """Numbers of one range, in the order of their indexes, and what making them took."""

    of: TokenRange
    first_index: int
    numbers: list[str] = field(repr=False)
    took_s: float

    def resolves(self, indexes: Sequence[int | None]) -> bool:
        """Whether these are the indexes of the numbers, all of them and in order."""
        return list(indexes) == list(range(self.first_index, self.first_index + len(self.numbers)))


def bench_tokens(amounts: Amounts) -> Report:
    """Allocate and resolve in several runs, whose medians are told; then fill a vault."""
    with TemporaryDirectory(prefix="zheton-bench-") as folder:
        on = Installation(Path(folder))
        ranges = [on.keys.token_range(each) for scheme in on.schemes for each in scheme.token_bins]
        runs = [_run(ranges, amounts.count) for _ in range(amounts.runs)]
        figures = median_of([measured for measured, _ in runs])
        checks = _all_of([found for _, found in runs])
        live, kept = keep(on, amounts.cards, amounts.batches)
        file_bytes = _size_of(Path(folder) / "vault.db")
    figures["bytes_per_live_number"] = file_bytes / live
    settings: dict[str, Setting] = {
        "numbers_a_run": amounts.count * len(ranges),
        "runs": amounts.runs,
        "token_bins": ", ".join(each.bin for each in ranges),
        "live_numbers": live,
        "cards": amounts.cards,
        "batches_per_card": amounts.batches,
        "vault_bytes": file_bytes,
        "vault": "SQLite, all of its file; no debit has been made",
    }
    return Report("tokens", figures, settings, [*checks, *kept])


def _run(ranges: Sequence[TokenRange], count: int) -> tuple[dict[str, float | None], list[Check]]:
    """Figures of one run over every range, and what was true of it."""
    made = [_made(each, min(count, each.size), each.numbers) for each in ranges]
    by_64 = [_made(each, min(count, each.size), _by_64(each)) for each in ranges]
    numbers = sum(len(each.numbers) for each in made)
    resolving_s, checks = 0.0, []
    for each in (*made, *by_64):
        took_s, indexes = _resolved(each)
        resolving_s += took_s
        checks += checks_of(each, indexes)
    return {
        "allocated_per_s": numbers / sum(each.took_s for each in made),
        "allocated_per_s_by_64": numbers / sum(each.took_s for each in by_64),
        "resolve_us": resolving_s / (2 * numbers) * 1e6,
    }, checks


def _made(of: TokenRange, count: int, make: Callable[[int, int], list[str]]) -> Made:
    """`count` numbers from a random index on: whole batches' worth lie anywhere in a range."""
    first = secrets.randbelow(of.size - count + 1)
    before = time.perf_counter()
    numbers = make(first, count)
    return Made(of, first, numbers, time.perf_counter() - before)


def _by_64(of: TokenRange) -> Callable[[int, int], list[str]]:
    """Numbers as a device gets them: a call for each batch."""

    def make(first: int, count: int) -> list[str]:
        numbers: list[str] = []
        for start in range(first, first + count, BATCH_SIZE):
            numbers += of.numbers(start, min(BATCH_SIZE, first + count - start))
        return numbers

    return make


def _resolved(made: Made) -> tuple[float, list[int | None]]:
    """The index of each number, looked up singly and in random order, and what that took."""
    order = list(range(len(made.numbers)))
    _SHUFFLED.shuffle(order)
    index, mixed = made.of.index, [made.numbers[at] for at in order]
    before = time.perf_counter()
    found = [index(number) for number in mixed]
    took_s = time.perf_counter() - before
    indexes: list[int | None] = [None] * len(order)
    for at, each in zip(order, found, strict=True):
        indexes[at] = each
    return took_s, indexes


def checks_of(made: Made, indexes: Sequence[int | None]) -> list[Check]:
    """What has to be true of numbers that were made, and of the indexes that they resolved to."""
    numbers = made.numbers
    return [
        Check("all numbers are distinct", len(set(numbers)) == len(numbers) > 0),
        Check("all have 16 digits and their Luhn digit", all(map(_valid, numbers))),
        Check("all resolve to their index", made.resolves(indexes)),
    ]


def keep(on: Installation, cards: int, batches: int) -> tuple[int, list[Check]]:
    """Lease batches to new cards; how many numbers live then, and whether they all are there."""
    issued = list(issue(on, cards))
    scheme, now = on.schemes.named(NETWORK), on.clock.now()
    for card in issued:
        use = Use(card.device.id, card.device.device, Channel.TILL)
        filled = partial(
            lease,
            keys=on.keys,
            scheme=scheme,
            enrolment=card.enrolment,
            use=use,
            count=batches,
            now=now,
        )
        leasing(on.vault, filled)
    leased = [batch for card in issued for batch in batches_of(on, card)]
    numbers = [number for batch in leased for number in _numbers_of(on, batch)]
    return sum(batch.left for batch in leased), [
        Check("the vault holds every number", len(numbers) == cards * batches * BATCH_SIZE),
        Check("no two cards share a number", len(set(numbers)) == len(numbers)),
        Check("every live number leads to its card", all(_lead_home(on, issued))),
    ]


def _numbers_of(on: Installation, batch: Batch) -> list[str]:
    return on.keys.token_range(batch.bin).numbers(batch.first_index, BATCH_SIZE)


def _lead_home(on: Installation, issued: Sequence[BenchCard]) -> Iterator[bool]:
    """Of each card's numbers: is the batch that they resolve to a lease of this card?"""
    for card in issued:
        leases = {(batch.bin, batch.batch): batch for batch in batches_of(on, card)}
        for (token_bin, _), batch in leases.items():
            of = on.keys.token_range(token_bin)
            indexes = [of.index(number) for number in _numbers_of(on, batch)]
            found = [leases.get((token_bin, slot(i).batch)) for i in indexes if i is not None]
            yield len(found) == BATCH_SIZE and all(
                lease is not None and lease.card == card.enrolment.card for lease in found
            )


def _valid(number: str) -> bool:
    return len(number) == 16 and luhn_digit(number[:-1]) == number[-1]


def _size_of(database: Path) -> int:
    """What the database fills once its write-ahead log is in it."""
    with closing(sqlite3.connect(database)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * page_bytes)


def _all_of(runs: Sequence[Sequence[Check]]) -> list[Check]:
    """One check a claim: it held if it held in every run."""
    held: dict[str, bool] = {}
    for check in (check for run in runs for check in run):
        held[check.claim] = held.get(check.claim, True) and check.held
    return [Check(claim, every) for claim, every in held.items()]
