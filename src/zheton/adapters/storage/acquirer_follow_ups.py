"""The acquirer's follow-ups in its database, in words that SQLite and PostgreSQL both know."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from zheton.adapters.storage.acquirer_tables import FOLLOW_UPS, FOLLOW_UPS_CHANGING
from zheton.adapters.storage.interrupted import OvertakenError
from zheton.core.follow_up import FollowUpKind
from zheton.core.money import Money, currency
from zheton.roles.acquirer.follow_up import FollowUp, Wish
from zheton.roles.acquirer.state import Cause, Status

_PUT = (
    update(FOLLOW_UPS)
    .where(FOLLOW_UPS.c.rrn == bindparam("key"), FOLLOW_UPS.c.reference == bindparam("named"))
    .values({column.name: bindparam(f"new_{column.name}") for column in FOLLOW_UPS_CHANGING})
)


class FollowUpTx:
    """The part of `roles.acquirer.ports.AcquirerTx` that is about follow-ups."""

    _connection: Connection

    def add_follow_up(self, line: FollowUp) -> None:
        """A new follow-up."""
        try:
            self._connection.execute(insert(FOLLOW_UPS), _row(line))
        except IntegrityError as error:
            # The driver's text would carry the row.
            raise OvertakenError("The sale has a follow-up of this reference.") from error.__cause__

    def put_follow_ups(self, lines: Sequence[FollowUp]) -> None:
        """Follow-ups as they are now."""
        if lines:
            self._connection.execute(_PUT, [_change(line) for line in lines])

    def follow_up(self, rrn: str, reference: str) -> FollowUp | None:
        """A follow-up of a sale by the shop's reference."""
        named = (FOLLOW_UPS.c.rrn == rrn, FOLLOW_UPS.c.reference == reference)
        return next(iter(self._lines(select(FOLLOW_UPS).where(*named))), None)

    def count_follow_ups(self, rrn: str, kind: FollowUpKind) -> int:
        """How many follow-ups of a kind a sale has."""
        named = (FOLLOW_UPS.c.rrn == rrn, FOLLOW_UPS.c.kind == kind.value)
        query = select(func.count()).select_from(FOLLOW_UPS).where(*named)
        return int(self._connection.execute(query).scalar_one())

    def follow_ups_with(self, status: Status, before: datetime, limit: int) -> Sequence[FollowUp]:
        """Follow-ups that stand so and were sent before a moment."""
        query = select(FOLLOW_UPS).where(
            FOLLOW_UPS.c.status == status.value, FOLLOW_UPS.c.sent_at <= moment_text(before)
        )
        return self._lines(query.limit(limit))

    def refunds_to_present(self, limit: int) -> Sequence[FollowUp]:
        """Approved refunds that are in no file yet."""
        approved = FOLLOW_UPS.c.status == Status.APPROVED.value
        return self._lines(_refunds_in("").where(approved).limit(limit))

    def refunds_of_file(self, file_id: str) -> Sequence[FollowUp]:
        """The refunds that a clearing file presents."""
        return self._lines(_refunds_in(file_id))

    def _lines(self, query: Select[Any]) -> list[FollowUp]:
        ordered = query.order_by(FOLLOW_UPS.c.sent_at, FOLLOW_UPS.c.rrn, FOLLOW_UPS.c.reference)
        return [_line(row) for row in self._connection.execute(ordered.with_for_update())]


def moment_text(moment: datetime) -> str:
    """A moment as the tables keep it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _refunds_in(file_id: str) -> Select[Any]:
    refund = FOLLOW_UPS.c.kind == FollowUpKind.REFUND.value
    return select(FOLLOW_UPS).where(refund, FOLLOW_UPS.c.file_id == file_id)


def _row(line: FollowUp) -> dict[str, Any]:
    wish = line.wish
    return {
        "rrn": line.rrn,
        "reference": wish.reference,
        "kind": wish.kind.value,
        "amount_minor": wish.amount.minor,
        "currency": wish.amount.currency.code,
        "message_rrn": line.message_rrn,
        "held_minor": line.held_minor,
        "stan": line.stan,
        "transmitted": line.transmitted,
        "sent_at": moment_text(line.sent_at),
        "local_time": line.local_time.isoformat(timespec="seconds"),
        **_changing(line),
    }


def _changing(line: FollowUp) -> dict[str, Any]:
    return {
        **{column.name: getattr(line, column.name) for column in FOLLOW_UPS_CHANGING},
        "status": line.status.value,
        "cause": line.cause.value if line.cause else "",
    }


def _change(line: FollowUp) -> dict[str, Any]:
    changed = {f"new_{name}": value for name, value in _changing(line).items()}
    return {"key": line.rrn, "named": line.wish.reference} | changed


def _line(row: Any) -> FollowUp:
    amount = Money(row.amount_minor, currency(row.currency))
    return FollowUp(
        rrn=row.rrn,
        wish=Wish(FollowUpKind(row.kind), row.reference, amount),
        message_rrn=row.message_rrn,
        held_minor=row.held_minor,
        stan=row.stan,
        transmitted=row.transmitted,
        sent_at=datetime.fromisoformat(row.sent_at),
        local_time=datetime.fromisoformat(row.local_time),
        status=Status(row.status),
        response_code=row.response_code,
        auth_code=row.auth_code,
        cause=Cause(row.cause) if row.cause else None,
        reversal_stan=row.reversal_stan,
        reversal_transmitted=row.reversal_transmitted,
        file_id=row.file_id,
    )
