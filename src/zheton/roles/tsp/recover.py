"""After a restore: what the lost part of the database may have given out never comes again.

The copy does not know which batches were leased after it was made, nor which of its own numbers
were burnt. So every index that may have been leased is skipped, and every batch that may be out is
ended: devices get new numbers at their next sync. The database says that it is being recovered
before the first change and until the last, and takes no debits as long as it says so.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from zheton.core.errors import ConfigurationError, ConflictError
from zheton.core.token.batch import BUCKETS, Batch
from zheton.core.token.domain import Channel, Device
from zheton.core.token.lifecycle import Actor, BatchStatus, Cause
from zheton.core.token.witness import HandedOut, Incarnation, Witness, doubt
from zheton.roles.tsp.history import of_batch
from zheton.roles.tsp.lease import lease_end
from zheton.roles.tsp.state import By, Change, Terms


class RecoveryTx(Protocol):
    """Single operations inside one transaction."""

    def close(self, number: int) -> None:
        """Note that the life of this number begins with a recovery, which is not over."""

    def out(self, bucket: int) -> list[tuple[Batch, str]]:
        """The batches of a bucket that may be out, each with the wallet of its claim."""

    def void(self, bucket: int, key_versions: Mapping[str, int], at: datetime) -> None:
        """End what may be out of a bucket, and lay to rest what may have been leased anew.

        `key_versions` are the newest, by BIN: whoever gets such a batch next needs a newer one.
        """

    def skip(self, nobody: Terms, first: int, to: int, at: datetime) -> None:
        """Hand out no batch from one ordinal up to another: they rest, as if leased to `nobody`."""

    def record(self, changes: Sequence[Change]) -> None:
        """Append to the status history."""

    def bucket_done(self, count: int) -> None:
        """Note that so many buckets are done."""

    def open(self, at: datetime) -> None:
        """Note that the recovery is over."""


class Database(Protocol):
    """The vault's database, as a recovery sees it."""

    def read(self) -> tuple[Incarnation | None, HandedOut]:
        """Its life, if it was ever begun, and the batches it has handed out."""

    def begin(self, installation: str, at: datetime) -> None:
        """Begin the first life, unless it was begun."""

    def recovering(self) -> AbstractContextManager[RecoveryTx]:
        """A transaction."""


@dataclass(frozen=True, slots=True)
class Range:
    """A BIN: how many whole batches it has, and the newest version of its issuer key."""

    batches: int
    key_version: int

    def room(self, bucket: int) -> int:
        """How many of its batches lie in a bucket."""
        return max(0, (self.batches - bucket + BUCKETS - 1) // BUCKETS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a recovery has to do: the life that begins, and where each counter has to stand."""

    why: str
    number: int
    first_bucket: int
    ranges: Mapping[str, Range]
    before: HandedOut
    targets: HandedOut

    def skips(self, bucket: int) -> dict[str, range]:
        """The ordinals of a bucket that are skipped, by BIN."""
        return {
            token_bin: range(self.before.get((token_bin, bucket), 0), to)
            for (token_bin, at), to in self.targets.items()
            if at == bucket
        }


@dataclass(slots=True)
class Done:
    """What a recovery has skipped and ended, in batches by BIN."""

    buckets: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    voided: Counter[str] = field(default_factory=Counter)


def taken_up(
    database: Database, witness: Witness | None, installation: str, now: datetime
) -> Incarnation:
    """The life of a database that is to go to work, begun where there is none.

    ConflictError if it is an old copy, or another one than the witness saw.
    """
    life, handed_out = database.read()
    if life is None:
        _refuse_empty(witness)
        database.begin(installation, now)
        life, handed_out = database.read()
    if life is None:
        raise ConflictError("The vault's database does not keep what is written into it.")
    why = doubt(life, handed_out, witness)
    if why:
        raise ConflictError(
            f"{why} It takes no debits, for numbers would pay twice; run: zheton recover"
        )
    return life


def still(
    database: Database, witness: Witness | None, known: Incarnation
) -> tuple[Incarnation, HandedOut]:
    """The life that was taken up, as far as it and its counters have come.

    ConflictError if another one is in its place.
    """
    life, handed_out = database.read()
    if life is None or (life.installation, life.number) != (known.installation, known.number):
        raise ConflictError("Another database is in the place of the vault's.")
    if why := doubt(life, handed_out, witness):
        raise ConflictError(why)
    return life, handed_out


def _refuse_empty(witness: Witness | None) -> None:
    if witness is not None:
        raise ConflictError(
            "The vault's database is empty, and its witness saw one that was not: restore a copy "
            "of it; or begin anew in another folder, for under these keys numbers were used up."
        )


def plan(
    database: Database, witness: Witness | None, ranges: Mapping[str, Range], skip: int | None
) -> Plan | None:
    """What has to be done; None if the database is the newest and no `skip` was asked for.

    Counters go past what the witness saw handed out, and `skip` batches of each BIN and bucket
    further. ConfigurationError without a witness and without `skip`: then nobody knows how far
    they may have come. ConflictError if the witness is another installation's.
    """
    life, handed_out = database.read()
    if life is None:
        _refuse_empty(witness)
        return None
    if witness is not None and witness.installation != life.installation:
        raise ConflictError(
            "The witness is of another installation than the database: restore the right one."
        )
    why = doubt(life, handed_out, witness) or ("It was asked for." if skip is not None else "")
    if not why:
        return None
    if witness is None and skip is None:
        raise ConfigurationError(
            f"{why} Say how many batches of a BIN and bucket may have been leased since the copy "
            "was made, rather too many: zheton recover --skip N"
        )
    seen = witness.handed_out if witness else {}
    return Plan(
        why=why,
        number=max(life.number + (not life.recovering), witness.number + 1 if witness else 0),
        first_bucket=life.buckets_done if life.recovering else 0,
        ranges=ranges,
        before=handed_out,
        targets={
            (token_bin, bucket): max(
                handed_out.get((token_bin, bucket), 0),
                min(seen.get((token_bin, bucket), 0) + (skip or 0), each.room(bucket)),
            )
            for token_bin, each in ranges.items()
            for bucket in range(BUCKETS)
        },
    )


def survey(database: Database, what: Plan) -> Done:
    """What carrying out a plan would do; nothing is changed."""
    done = Done()
    with database.recovering() as tx:
        for bucket in range(what.first_bucket, BUCKETS):
            _count(done, what, bucket, tx.out(bucket))
    return done


def carry_out(database: Database, what: Plan, now: datetime) -> Iterator[Done]:
    """Skip and void, a bucket a step; the database stays closed. Cut, it goes on from there."""
    done = Done(what.first_bucket)
    if not what.first_bucket:
        with database.recovering() as tx:
            tx.close(what.number)
    versions = {token_bin: each.key_version for token_bin, each in what.ranges.items()}
    for bucket in range(what.first_bucket, BUCKETS):
        with database.recovering() as tx:
            out = tx.out(bucket)
            _count(done, what, bucket, out)
            tx.record([_ended(batch, wallet, now) for batch, wallet in out])
            tx.void(bucket, versions, now)
            for token_bin, skipped in what.skips(bucket).items():
                nobody = _nobody(token_bin, bucket, versions[token_bin], now)
                tx.skip(nobody, skipped.start, skipped.stop, now)
            tx.bucket_done(bucket + 1)
        yield done


def _ended(batch: Batch, wallet: str, now: datetime) -> Change:
    by = By(Actor.TOKEN_SERVICE, Cause.RESTORED)
    return of_batch(batch, replace(batch, status=BatchStatus.DELETED), wallet, by, now)


def _nobody(token_bin: str, bucket: int, key_version: int, now: datetime) -> Terms:
    """The longest lease that somebody may have had of what is skipped."""
    return Terms(
        token_bin, bucket, "", "", "", Device.BAND, Channel.TILL, key_version, *lease_end(now)
    )


def _count(done: Done, what: Plan, bucket: int, out: Sequence[tuple[Batch, str]]) -> None:
    done.buckets = bucket + 1
    done.voided.update(batch.bin for batch, _ in out)
    done.skipped.update({name: len(each) for name, each in what.skips(bucket).items()})
