"""The journal's lines beside debits: messages that name one, and what they change in its row.

Such messages are few, so each statement is for one of them, in words that both databases know. The
row of the debit decides: each UPDATE has the whole condition, so of two processes one is let in.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, TextClause, exists, func, or_, select, text, tuple_

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault_follow_up_tables import follow_up
from zheton.adapters.storage.vault_rows import Row, from_ms, to_ms
from zheton.adapters.storage.vault_tables import batch, debit
from zheton.core.debit import Advice, DebitState, Journalled, Location
from zheton.core.follow_up import FollowUpKind
from zheton.core.money import AMOUNT_MINOR_MAX, BY_NUMERIC, Money
from zheton.core.token.batch import BATCH_SIZE
from zheton.roles.network.follow_up_line import FollowUp

_COLUMNS = [column.name for column in follow_up.columns if column.name != "issuer_due"]
_ADD = text(
    f"INSERT INTO follow_up ({', '.join(_COLUMNS)})"  # noqa: S608 names of ours
    f" VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
    " ON CONFLICT (bucket, repeat_key) DO NOTHING"
)
_DROP = text("DELETE FROM follow_up WHERE bucket = :bucket AND repeat_key = :repeat_key")
_TURN = text(
    "UPDATE follow_up SET state = :state, response_code = :response_code, auth_code = :auth_code,"
    " reason = :reason WHERE bucket = :bucket AND repeat_key = :repeat_key AND state = :was"
)
_WANT_TOLD = text(
    "UPDATE follow_up SET issuer_due = :due"
    " WHERE bucket = :bucket AND repeat_key = :repeat_key AND state = :state"
)

_NAMED = " WHERE bucket = :bucket AND repeat_key = :debit_key AND state = 'approved'"
_FREE = " AND under_way = ''"
# An increment raises an open preauthorisation, a refund gives back what is taken for good.
_BEGIN = {
    FollowUpKind.INCREMENT: " AND preauthorised AND NOT completed"
    " AND amount_minor + changed_minor + :minor <= :most",
    FollowUpKind.REFUND: " AND (completed OR NOT preauthorised)"
    " AND refunded_minor + :minor <= amount_minor + changed_minor",
}
_BEGINS = {
    kind: text(f"UPDATE debit SET under_way = :follow_up{_NAMED}{_FREE}{condition}")  # noqa: S608
    for kind, condition in _BEGIN.items()
}
_NEWS = ", told = false, edition = edition + 1"  # its cardholder has to hear of it
_COMPLETE = text(
    "UPDATE debit SET completed = true, changed_minor = :minor - amount_minor"  # noqa: S608
    f"{_NEWS}{_NAMED}{_FREE} AND preauthorised AND NOT completed"
    " AND :minor <= amount_minor + changed_minor"
)
_LOWER = text(
    "UPDATE debit SET changed_minor = :rest_minor - amount_minor"  # noqa: S608
    f"{_NEWS}{_NAMED}{_FREE} AND NOT completed AND refunded_minor = 0"
    " AND amount_minor + changed_minor = :minor"
)
_LET_GO = text(
    f"UPDATE debit SET under_way = ''{_NAMED} AND under_way = :follow_up"  # noqa: S608
)
_END = text(
    "UPDATE debit SET under_way = '', changed_minor = changed_minor + :added,"  # noqa: S608
    f" refunded_minor = refunded_minor + :refunded{_NEWS}{_NAMED} AND under_way = :follow_up"
)
_TAKE_BACK = text(
    "UPDATE debit SET changed_minor = changed_minor - :added,"  # noqa: S608
    f" refunded_minor = refunded_minor - :refunded{_NEWS}{_NAMED}"
    " AND (:added = 0 OR NOT completed) AND amount_minor + changed_minor > :added"
    " AND refunded_minor >= :refunded"
)

_COUNTS = "CASE WHEN limit_currency = :currency THEN :minor ELSE 0 END"
_SPENT = "CASE WHEN day >= :day THEN day_minor ELSE 0 END"
# As SPEND, but the debit that rises was counted before.
_SPEND_MORE = text(
    f"UPDATE card SET day_minor = {_SPENT} + {_COUNTS},"  # noqa: S608
    " day = CASE WHEN day > :day THEN day ELSE :day END,"
    " day_debits = CASE WHEN day >= :day THEN day_debits ELSE 0 END"
    " WHERE bucket = :bucket AND card = :card AND status = 'active'"
    " AND (limit_currency <> :currency OR :total <= debit_max_minor)"
    f" AND {_SPENT} + {_COUNTS} <= day_max_minor"
)
_GIVE_BACK_MORE = text(
    f"UPDATE card SET day_minor = day_minor - {_COUNTS}"  # noqa: S608
    " WHERE bucket = :bucket AND card = :card AND day = :day"
)


class FollowUpTx:
    """`roles.network.follow_up_ports.FollowUpTx` on one connection."""

    connection: Connection

    def add_follow_up(self, line: FollowUp) -> bool:
        """A new line; whether its repeat key was not there before."""
        return self._changed(_ADD, _row(line))

    def drop_follow_up(self, line: FollowUp) -> None:
        """Forget a line of this transaction."""
        self._changed(_DROP, {"bucket": line.at.bucket, "repeat_key": line.repeat_key})

    def follow_up(self, at: Location, repeat_key: str) -> FollowUp | None:
        """A line by its repeat key."""
        query = select(follow_up).where(
            follow_up.c.bucket == at.bucket, follow_up.c.repeat_key == repeat_key
        )
        return next(iter(_read(self.connection, query)), None)

    def increments_of(self, original: Journalled) -> list[FollowUp]:
        """The approved increments of a debit."""
        columns = follow_up.c
        query = _of_number(original.at).where(
            columns.debit == original.debit,
            columns.kind == FollowUpKind.INCREMENT.value,
            columns.state == DebitState.APPROVED.value,
        )
        return _read(self.connection, query)

    def count_follow_ups(self, original: Journalled) -> int:
        """How many lines name a debit."""
        query = _of_number(original.at).where(follow_up.c.debit == original.debit)
        return self._rows(query)

    def count_blocked_follow_ups(self, at: Location, generation: int) -> int:
        """How many lines of a number's lease keep the place of a message that never came."""
        first, columns = at.index - at.slot.place, follow_up.c
        query = select(follow_up).where(
            columns.bucket == at.bucket,
            columns.bin == at.bin,
            columns.number_index >= first,
            columns.number_index < first + BATCH_SIZE,
            columns.generation == generation,
            columns.state == DebitState.BLOCKED.value,
        )
        return self._rows(query)

    def begin(self, line: FollowUp) -> bool:
        """Take an approved debit for one increment or refund that is in its scope."""
        return self._changed(_BEGINS[line.kind], _named(line))

    def complete(self, line: FollowUp) -> bool:
        """Complete an open preauthorisation for no more than is held."""
        return self._changed(_COMPLETE, _named(line))

    def lower(self, line: FollowUp) -> bool:
        """Lower what an open debit holds, if it is what the message says."""
        return self._changed(_LOWER, _named(line) | {"rest_minor": line.rest_minor})

    def end(self, line: FollowUp, added_minor: int, refunded_minor: int) -> bool:
        """End what `begin` began, with what it changes."""
        if not (added_minor or refunded_minor):
            return self._changed(_LET_GO, _named(line))
        return self._moved(_END, line, added_minor, refunded_minor)

    def take_back(self, line: FollowUp, added_minor: int, refunded_minor: int) -> bool:
        """Take from a debit what an approved follow-up changed."""
        return self._moved(_TAKE_BACK, line, added_minor, refunded_minor)

    def turn(self, line: FollowUp, was: str) -> bool:
        """Give a line its state and answer, if it `was` in that state."""
        return self._changed(
            _TURN,
            {
                "bucket": line.at.bucket,
                "repeat_key": line.repeat_key,
                "state": line.state.value,
                "response_code": line.response_code,
                "auth_code": line.auth_code,
                "reason": str(line.reason),
                "was": str(was),
            },
        )

    def want_told(self, line: FollowUp, due: bool) -> None:
        """Note that the issuer must hear of a line in its present state, or that it has."""
        self._changed(
            _WANT_TOLD,
            {
                "bucket": line.at.bucket,
                "repeat_key": line.repeat_key,
                "state": line.state.value,
                "due": due,
            },
        )

    def spend_more(self, line: FollowUp, total_minor: int, day: int) -> bool:
        """Count an increment on its active card, but as no debit more; whether limits let it."""
        return self._changed(_SPEND_MORE, _counted(line, day) | {"total": total_minor})

    def give_back_more(self, line: FollowUp) -> None:
        """Count an increment no more, if the day that it counted for is on."""
        self._changed(_GIVE_BACK_MORE, _counted(line, int(f"{line.received_at:%Y%m%d}")))

    def _moved(self, statement: TextClause, line: FollowUp, added: int, refunded: int) -> bool:
        return self._changed(statement, _named(line) | {"added": added, "refunded": refunded})

    def _changed(self, statement: TextClause, named: dict[str, Any]) -> bool:
        wanted = {key: named[key] for key in statement.compile().params}
        return self.connection.execute(statement, wanted).rowcount == 1

    def _rows(self, query: Select[Any]) -> int:
        counted = select(func.count()).select_from(query.subquery())
        return int(self.connection.execute(counted).scalar_one())


class FollowUpReads:
    """`roles.network.follow_up_ports.FollowUps` on a database."""

    _database: Database

    def follow_ups_seen(self, keys: Sequence[tuple[int, str]]) -> Mapping[str, FollowUp]:
        """The lines of (bucket, repeat key), by repeat key."""
        key = tuple_(follow_up.c.bucket, follow_up.c.repeat_key)
        return {line.repeat_key: line for line in self._all(select(follow_up).where(key.in_(keys)))}

    def follow_ups_of(self, at: Location) -> list[FollowUp]:
        """The lines of a number in the lease that stands, the newest last."""
        stands = exists().where(
            batch.c.bucket == at.bucket,
            batch.c.bin == at.bin,
            batch.c.batch == at.slot.batch,
            batch.c.generation == follow_up.c.generation,
            batch.c.status != "free",
        )
        return self._all(_of_number(at).where(stands).order_by(follow_up.c.received_ms))

    def follow_ups_due(self, count: int, skip: int = 0) -> list[FollowUp]:
        """Lines of which an issuer has to hear, the oldest first, at most `count` after `skip`.

        What follows a debit that it has not heard of yet waits for that debit's advice.
        """
        unheard = exists().where(
            debit.c.bucket == follow_up.c.bucket,
            debit.c.repeat_key == follow_up.c.debit_key,
            debit.c.advice.in_((Advice.DUE.value, Advice.SENT.value)),
        )
        due = select(follow_up).where(text("issuer_due"), ~unheard)
        columns = follow_up.c
        oldest_first = due.order_by(columns.received_ms, columns.bucket, columns.repeat_key)
        return self._all(oldest_first.limit(count).offset(skip))

    def follow_ups_pending(self, count: int, before: datetime, mark: str) -> list[FollowUp]:
        """Lines without an outcome that are older, or whose ids begin with `mark` (not "")."""
        whose = follow_up.c.received_ms < to_ms(before)
        if mark:
            whose = or_(whose, follow_up.c.follow_up.startswith(mark))
        pending = select(follow_up).where(text("state = 'pending'"), whose)
        return self._all(pending.limit(count))

    def _all(self, query: Select[Any]) -> list[FollowUp]:
        with self._database.reading() as connection:
            return _read(connection, query)


def _of_number(at: Location) -> Select[Any]:
    columns = follow_up.c
    return select(follow_up).where(
        columns.bucket == at.bucket, columns.bin == at.bin, columns.number_index == at.index
    )


def _named(line: FollowUp) -> dict[str, Any]:
    """The debit of a line, and what the line asks of it."""
    return {
        "bucket": line.at.bucket,
        "debit_key": line.original_key,
        "follow_up": line.id,
        "minor": line.amount.minor,
        "most": AMOUNT_MINOR_MAX,
    }


def _counted(line: FollowUp, day: int) -> dict[str, Any]:
    return {
        "bucket": line.at.bucket,
        "card": line.card,
        "day": day,
        "minor": line.amount.minor,
        "currency": line.amount.currency.numeric,
    }


def _row(line: FollowUp) -> dict[str, Any]:
    return {
        "bucket": line.at.bucket,
        "repeat_key": line.repeat_key,
        "follow_up": line.id,
        "kind": line.kind.value,
        "digest": line.digest.hex(),
        "bin": line.at.bin,
        "number_index": line.at.index,
        "generation": line.generation,
        "debit": line.original,
        "debit_key": line.original_key,
        "card": line.card,
        "par": line.par,
        "state": line.state.value,
        "amount_minor": line.amount.minor,
        "currency": line.amount.currency.numeric,
        "rest_minor": line.rest_minor,
        "acquirer": line.acquirer,
        "terminal": line.terminal,
        "merchant": line.merchant,
        "stan": line.stan,
        "transmitted": line.transmitted,
        "retrieval_reference": line.retrieval_reference,
        "received_ms": to_ms(line.received_at),
        "response_code": line.response_code,
        "auth_code": line.auth_code,
        "reason": str(line.reason),
    }


def _read(connection: Connection, query: Select[Any]) -> list[FollowUp]:
    return [_line(row) for row in connection.execute(query).mappings()]


def _line(row: Row) -> FollowUp:
    return FollowUp(
        id=row["follow_up"],
        kind=FollowUpKind(row["kind"]),
        repeat_key=row["repeat_key"],
        digest=bytes.fromhex(row["digest"]),
        at=Location(row["bin"], row["number_index"]),
        generation=row["generation"],
        original=row["debit"],
        original_key=row["debit_key"],
        card=row["card"],
        par=row["par"],
        state=DebitState(row["state"]),
        amount=Money(row["amount_minor"], BY_NUMERIC[row["currency"]]),
        rest_minor=row["rest_minor"],
        acquirer=row["acquirer"],
        terminal=row["terminal"],
        merchant=row["merchant"],
        stan=row["stan"],
        transmitted=row["transmitted"],
        retrieval_reference=row["retrieval_reference"],
        received_at=from_ms(row["received_ms"]),
        response_code=row["response_code"],
        auth_code=row["auth_code"],
        reason=row["reason"],
    )
