"""The vault's database: cards, leases and the network's journal, for one group at a time."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from zheton.adapters.storage import vault_sqlite as sql
from zheton.adapters.storage.audit_log import create_tables
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.index_blocks import IndexBlocks
from zheton.adapters.storage.vault_answers import AnswerTx
from zheton.adapters.storage.vault_batches import standing_of
from zheton.adapters.storage.vault_bulk import bulk, run
from zheton.adapters.storage.vault_disputes import DisputeTx
from zheton.adapters.storage.vault_follow_up_tables import metadata
from zheton.adapters.storage.vault_follow_ups import FollowUpReads, FollowUpTx
from zheton.adapters.storage.vault_look import TokenLook
from zheton.adapters.storage.vault_rows import (
    journal_entry,
    read_batch,
    read_card,
    read_counted,
    read_journalled,
    read_lease,
    to_ms,
)
from zheton.adapters.storage.vault_tables import batch, card
from zheton.adapters.storage.vault_tokens import TokenTx
from zheton.core.debit import Admitted, Advice, Journalled, Location
from zheton.core.errors import UnreachableError
from zheton.core.token.batch import BATCH_SIZE, BUCKETS
from zheton.core.token.domain import Counted
from zheton.core.token.witness import HandedOut
from zheton.roles.network.allowance import Allowance
from zheton.roles.tsp.state import Card, Lease

_LEASES, _SEEN, _BURN, _SPEND = bulk("LEASES"), bulk("SEEN"), bulk("BURN"), bulk("SPEND")
_TOUCH = bulk("TOUCH")
_BIND_SHOP, _APPEND, _FINISH = bulk("BIND_SHOP"), bulk("APPEND"), bulk("FINISH")
_OPEN_STAND_IN, _COUNT_STAND_IN = bulk("OPEN_STAND_IN"), bulk("COUNT_STAND_IN")
_STAND_IN = bulk("STAND_IN")
_UNTOLD, _OF_NUMBER = text(sql.UNTOLD), text(sql.OF_NUMBER)


_UNDO = text(
    "UPDATE debit SET state = 'reversed', reversal_due = true, told = false,"
    " edition = edition + 1,"
    " advice = CASE WHEN advice IN ('due', 'sent') THEN 'dropped' ELSE advice END"
    " WHERE bucket = :bucket AND repeat_key = :key AND state IN ('pending', 'approved')"
    " AND refunded_minor = 0"
)
# An amount in another currency counted as nothing (`Limits.minor`), and a day that is over is over.
_GIVE_BACK = text(
    "UPDATE card SET day_debits = day_debits - 1, day_minor = day_minor"
    " - CASE WHEN limit_currency = :currency THEN :minor ELSE 0 END"
    " WHERE bucket = :bucket AND card = :card AND day = :day AND day_debits > 0"
)
# Whether it counted there only its line knows, as this transaction sees it now.
_GIVE_BACK_STOOD_IN = text(
    "UPDATE stand_in SET debits = debits - 1, minor = minor - :minor"
    " WHERE bucket = :bucket AND card = :card AND day = :day AND currency = :currency"
    " AND EXISTS (SELECT 1 FROM debit WHERE debit.bucket = :bucket AND repeat_key = :key"
    " AND advice <> '')"
)
_ADVISE = text(
    "UPDATE debit SET advice = :advice WHERE bucket = :bucket AND repeat_key = :key"
    " AND state = 'approved' AND advice IN ('due', 'sent')"
)
# Not if something has changed since the wallet was told.
_TOLD = text(
    "UPDATE debit SET told = true"
    " WHERE bucket = :bucket AND repeat_key = :key AND state = :state AND edition = :edition"
)
_WANT_REVERSAL = text(
    "UPDATE debit SET reversal_due = :due"
    " WHERE bucket = :bucket AND repeat_key = :key AND state = :state"
)
_COUNT_BLOCKED = text(
    "SELECT count(*) FROM debit WHERE bucket = :bucket AND bin = :bin AND state = 'blocked'"
    " AND number_index >= :first AND number_index < :first + :size AND generation = :generation"
)


class SqlVault(TokenLook, FollowUpReads):
    """The vault on any database that `Database` opens; its tables are made if they are missing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # It hears, after the commit, how many batches were taken, and before one of them is out.
        self.on_handed_out: Callable[[HandedOut], None] | None = None
        # It hears, after the commit and before the numbers leave, that a batch was leased anew: no
        # counter tells of that.
        self.on_leased_anew: Callable[[], None] | None = None
        self._written, self._shut = False, ""
        self._blocks = IndexBlocks(database)
        database.create(metadata)
        create_tables(database)

    @contextmanager
    def transaction(self) -> Iterator["VaultTx"]:
        """A transaction of the token service and the network together.

        UnreachableError once the vault is shut.
        """
        if self._shut:
            raise UnreachableError(self._shut)
        with self._database.transaction() as connection:
            tx = VaultTx(connection, self._blocks)
            yield tx
        self._written = True
        if tx.leased_anew and self.on_leased_anew is not None:
            self.on_leased_anew()

    def shut(self, why: str) -> None:
        """Begin no transaction any more in this process."""
        self._shut = why

    def written_since_asked(self) -> bool:
        """Whether a transaction was committed since this was last asked."""
        written, self._written = self._written, False
        return written

    def take_block(self, token_bin: str, bucket: int, count: int, end: int) -> None:
        """Take batch indexes for this process, in a transaction of their own."""
        if self._shut:
            raise UnreachableError(self._shut)
        block = self._blocks.take(token_bin, bucket, count, end)
        if block is not None:
            if self.on_handed_out is not None:
                self.on_handed_out({(token_bin, bucket): block.stop})
            self._blocks.hold(token_bin, bucket, block)

    def leases(self, at: Sequence[Location]) -> Mapping[Location, Lease]:
        """The leases behind some numbers, read at one moment; unknown ones are left out."""
        entries = [[a.index, a.bucket, a.bin, a.slot.batch] for a in at]
        with self._database.reading() as connection:
            rows = run(connection, _LEASES, entries)
            return {Location(row["bin"], row["asked_index"]): read_lease(row) for row in rows}

    def buckets_due(self, now: datetime) -> list[int]:
        """The buckets in which time has something to do with batches."""
        due = (batch.c.bucket.in_(range(BUCKETS)), batch.c.due_ms <= to_ms(now))
        with self._database.reading() as connection:
            return list(connection.execute(select(batch.c.bucket).where(*due).distinct()).scalars())

    def seen(self, keys: Sequence[tuple[int, str]]) -> Mapping[str, Journalled]:
        """The journal lines of (bucket, repeat key), by repeat key."""
        with self._database.reading() as connection:
            return _seen(connection, keys)

    def of_number(self, at: Location) -> list[Journalled]:
        """The debits that a number made in the lease that stands, the newest last.

        What it did for lessees before is not told: it must not be mistaken for this one's.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                _OF_NUMBER, {"bucket": at.bucket, "bin": at.bin, "index": at.index}
            ).mappings()
            return [read_journalled(row) for row in rows]

    def reversals_due(self, count: int, skip: int = 0) -> list[Journalled]:
        """Debits whose issuer has to hear of their reversal, the oldest first, after `skip`."""
        return self._lines("reversal_due", count, skip)

    def advices_due(self, count: int) -> list[Journalled]:
        """Debits whose issuer has to hear an advice, the oldest first."""
        return self._lines("advice IN ('due', 'sent')", count)

    def pending(self, count: int, before: datetime, mark: str) -> list[Journalled]:
        """Debits without an outcome that are older, or whose ids begin with `mark` (not "")."""
        return self._lines(
            "state = 'pending' AND (received_ms < :before"
            " OR (:mark != '' AND substr(debit, 1, length(:mark)) = :mark))",
            count,
            before=to_ms(before),
            mark=mark,
        )

    def untold(self, count: int) -> list[tuple[str, Journalled]]:
        """Outcomes that the wallet has not heard of, each with its enrolment, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(_UNTOLD, {"count": count}).mappings()
            return [(row["enrolment"], read_journalled(row)) for row in rows]

    def cards_after(self, bucket: int, after: str, count: int) -> list[Card]:
        """At most `count` cards of a bucket, in the order of their ids, those after `after`."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(card)
                .where(card.c.bucket == bucket, card.c.card > after)
                .order_by(card.c.card)
                .limit(count)
            ).mappings()
            return [read_card(row) for row in rows]

    def count_cards(self) -> int:
        """How many cards there are."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(card)).scalar_one())

    def count_unburnt(self, enrolment: str) -> int:
        """How many numbers an enrolment's batches still hold."""
        with self._database.reading() as connection:
            found = VaultTx(connection, self._blocks).enrolment(enrolment)
            rows = connection.execute(standing_of(found[0])).mappings() if found else ()
            return sum(read_batch(row).left for row in rows)

    def _lines(self, condition: str, count: int, skip: int = 0, **values: Any) -> list[Journalled]:
        statement = text(
            f"SELECT * FROM debit WHERE {condition}"  # noqa: S608
            " ORDER BY received_ms, bucket, repeat_key LIMIT :count OFFSET :skip"
        )
        bounds = {"count": count, "skip": skip}
        with self._database.reading() as connection:
            rows = connection.execute(statement, {**bounds, **values}).mappings()
            return [read_journalled(row) for row in rows]


class VaultTx(TokenTx, DisputeTx, AnswerTx, FollowUpTx):
    """Single operations of one transaction; those of the token service are in what it is made of.

    Here are those of the network.
    """

    def burn(self, admitted: Sequence[Admitted], now: datetime) -> set[Location]:
        """Set the bits that were clear, where the lease still stands; those that were set now."""
        by_batch = {(a.debit.at.bin, a.debit.at.slot.batch): a for a in admitted}
        if len(by_batch) != len(admitted):
            raise ValueError("a group burns at most one number of a batch")
        entries = [
            [a.debit.at.bucket, a.debit.at.bin, a.debit.at.slot.batch, a.generation,
             a.debit.at.slot.mask, to_ms(now)]
            for a in admitted
        ]  # fmt: skip
        rows = run(self.connection, _BURN, entries)
        return {by_batch[row["bin"], row["batch"]].debit.at for row in rows}

    def touch(self, leases: Collection[tuple[Location, int]], now: datetime) -> set[Location]:
        """Count the dispute window of leases from now; the numbers of those that stand.

        A lease is named by one of its numbers and its generation. One that is over is not among the
        answers, whoever has its numbers now.
        """
        keys = {(at.bucket, at.bin, at.slot.batch, generation) for at, generation in leases}
        if len({key[:3] for key in keys}) != len(keys):
            raise ValueError("a group touches at most one generation of a batch")
        rows = run(self.connection, _TOUCH, [[*key, to_ms(now)] for key in sorted(keys)])
        stand = {(row["bin"], row["batch"]) for row in rows}
        return {at for at, _ in leases if (at.bin, at.slot.batch) in stand}

    def spend(self, admitted: Sequence[Admitted], now: datetime) -> set[str]:
        """Count debits on their cards, at most one a card; the repeat keys that stay in limits."""
        by_card = {a.card.id: a for a in admitted}
        if len(by_card) != len(admitted):
            raise ValueError("a group spends at most once on a card")
        day, moment = int(f"{now.astimezone(UTC):%Y%m%d}"), to_ms(now)
        entries = [
            [a.card.bucket, a.card.id, day, a.card.limits.minor(a.debit.amount), moment]
            for a in admitted
        ]
        rows = run(self.connection, _SPEND, entries)
        return {by_card[row["card"]].debit.repeat_key for row in rows}

    def counted(self, admitted: Sequence[Admitted]) -> Mapping[str, Counted]:
        """What the cards of debits have counted, by the ids of the cards.

        After `spend` in the same transaction their rows are locked, so this is what refused them.
        """
        found = {}
        for claim in admitted:
            mine = (card.c.bucket == claim.card.bucket, card.c.card == claim.card.id)
            row = self.connection.execute(select(card).where(*mine)).mappings().one()
            found[claim.card.id] = read_counted(row)
        return found

    def bind_shop(self, admitted: Sequence[Admitted]) -> set[Location]:
        """Bind online numbers to the merchant that presents them; those that are its own now."""
        entries = [
            [a.debit.at.index, a.debit.at.bucket, a.debit.at.bin, a.generation,
             a.debit.place.merchant]
            for a in admitted
        ]  # fmt: skip
        rows = run(self.connection, _BIND_SHOP, entries)
        return {Location(row["bin"], row["number_index"]) for row in rows}

    def append(self, debits: Sequence[Journalled]) -> set[str]:
        """New journal lines; the repeat keys of those that were not there before."""
        rows = run(self.connection, _APPEND, [journal_entry(line) for line in debits])
        return {row["repeat_key"] for row in rows}

    def finish(self, debits: Sequence[Journalled]) -> set[str]:
        """Outcomes of lines that are still pending; the ids of those that were."""
        entries = [
            [line.at.bucket, line.repeat_key, line.state, line.response_code, line.auth_code,
             line.issuer_authentication_data.hex(), line.reason]
            for line in debits
        ]  # fmt: skip
        return {row["debit"] for row in run(self.connection, _FINISH, entries)}

    def count_stood_in(self, debits: Sequence[tuple[Journalled, Allowance]]) -> set[str]:
        """Count debits on what issuers allow in stand-in; the ids of those that stay within it."""
        by_counter = {(d.card, d.amount.currency.numeric): d for d, _ in debits}
        if len(by_counter) != len(debits):
            raise ValueError("a group stands in at most once for a card and currency")
        entries = [
            [d.at.bucket, d.card, _day(d), d.amount.currency.numeric, d.amount.minor,
             allowance.day_max_minor, allowance.debits_per_day]
            for d, allowance in debits
        ]  # fmt: skip
        run(self.connection, _OPEN_STAND_IN, entries)
        rows = run(self.connection, _COUNT_STAND_IN, entries)
        return {by_counter[row["card"], row["currency"]].debit for row in rows}

    def stand_in(self, debits: Sequence[Journalled]) -> None:
        """Approve lines that are timed out; their issuer has to hear of it."""
        entries = [
            [line.at.bucket, line.repeat_key, line.response_code, line.auth_code,
             line.issuer_authentication_data.hex()]
            for line in debits
        ]  # fmt: skip
        run(self.connection, _STAND_IN, entries)

    def advise(self, debit: Journalled, advice: Advice) -> bool:
        """Note how far the advice of an approved line has come; False if there is none (more)."""
        named = {"bucket": debit.at.bucket, "key": debit.repeat_key, "advice": advice}
        return self.connection.execute(_ADVISE, named).rowcount == 1

    def seen(self, keys: Sequence[tuple[int, str]]) -> Mapping[str, Journalled]:
        """The journal lines of (bucket, repeat key), by repeat key."""
        return _seen(self.connection, keys)

    def undo(self, debit: Journalled) -> bool:
        """Reverse a line that is pending or approved, its issuer to hear of it; whether it was."""
        changed = self.connection.execute(
            _UNDO, {"bucket": debit.at.bucket, "key": debit.repeat_key}
        )
        return changed.rowcount == 1

    def give_back(self, debit: Journalled) -> None:
        """Count a debit no more towards its card's limits, if the day that it counted for is on.

        Nor towards the allowance of its day, if it was approved in stand-in.
        """
        named = {
            "bucket": debit.at.bucket,
            "card": debit.card,
            "day": _day(debit),
            "minor": debit.amount.minor,
            "currency": debit.amount.currency.numeric,
        }
        # In the order in which stand-in locks them, or the two could wait for each other.
        self.connection.execute(_GIVE_BACK_STOOD_IN, {**named, "key": debit.repeat_key})
        self.connection.execute(_GIVE_BACK, named)

    def count_blocked(self, at: Location, generation: int) -> int:
        """How many lines of a number's lease keep the place of an original that never came."""
        first = at.index - at.slot.place
        named = {"bucket": at.bucket, "bin": at.bin, "first": first, "size": BATCH_SIZE}
        named |= {"generation": generation}
        return int(self.connection.execute(_COUNT_BLOCKED, named).scalar_one())

    def want_reversal(self, debit: Journalled, due: bool) -> None:
        """Note that the issuer must hear of a reversal, or that it has."""
        self.connection.execute(_WANT_REVERSAL, _state_of(debit) | {"due": due})

    def mark_told(self, debits: Sequence[Journalled]) -> None:
        """The wallet has heard of these, as they stood then."""
        # In the order of all groups' locks, or two processes that tell could wait for each other.
        ordered = sorted(debits, key=lambda line: (line.at.bucket, line.repeat_key))
        if ordered:
            rows = [_state_of(line) | {"edition": line.edition} for line in ordered]
            self.connection.execute(_TOLD, rows)


def _state_of(debit: Journalled) -> dict[str, Any]:
    return {"bucket": debit.at.bucket, "key": debit.repeat_key, "state": debit.state}


def _day(debit: Journalled) -> int:
    """The UTC day that a debit counts for."""
    return int(f"{debit.received_at:%Y%m%d}")


def _seen(connection: Connection, keys: Sequence[tuple[int, str]]) -> dict[str, Journalled]:
    rows = run(connection, _SEEN, [list(key) for key in keys])
    return {row["repeat_key"]: read_journalled(row) for row in rows}
