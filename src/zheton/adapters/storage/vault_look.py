"""What the token API reads: tokens with card and device, and the history. It locks nothing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, or_, select, tuple_

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault_answers import AnswerTx
from zheton.adapters.storage.vault_change_tables import status_change
from zheton.adapters.storage.vault_changes import read_change
from zheton.adapters.storage.vault_rows import (
    bucket_of,
    from_ms,
    read_card,
    read_device,
    read_enrolment,
)
from zheton.adapters.storage.vault_tables import card, device, enrolment
from zheton.core.token.batch import BUCKETS
from zheton.roles.tsp.state import Change, RegisteredDevice, Requestor
from zheton.roles.tsp.view import Search, TokenView

_TABLES = (enrolment, card, device)
_COLUMNS = [column.label(f"{table.name}__{column.name}") for table in _TABLES for column in table.c]


class TokenLook:
    """The reading side of the vault (`roles.tsp.ports.Vault`)."""

    _database: Database

    def requestor_by_key(self, key_hash: str) -> Requestor | None:
        """Whose key has this hash."""
        with self._database.reading() as connection:
            return AnswerTx(connection).requestor_by_key(key_hash)

    def device(self, device_id: str) -> RegisteredDevice | None:
        """A device by its id."""
        with self._database.reading() as connection:
            query = select(device).where(device.c.device == device_id)
            row = connection.execute(query).mappings().first()
            return read_device(row) if row else None

    def view(self, token: str) -> TokenView | None:
        """A token by its id, with card and device."""
        named = (enrolment.c.bucket == bucket_of(token)) & (enrolment.c.enrolment == token)
        found = self._views(_joined().where(named))
        return found[0] if found else None

    def views_after(self, wanted: Search, after: tuple[int, str], count: int) -> list[TokenView]:
        """At most `count` tokens of an owner, a chip, a PAR, in the order of their ids."""
        query = _joined().where(tuple_(enrolment.c.bucket, enrolment.c.enrolment) > after)
        if wanted.owner is not None:
            query = query.where(enrolment.c.requestor == wanted.owner)
        if wanted.serial:
            query = query.where(enrolment.c.device == wanted.serial)
        if wanted.par:
            query = query.where(card.c.par == wanted.par)
        query = query.order_by(enrolment.c.bucket, enrolment.c.enrolment).limit(count)
        return self._views(query)

    def history_of_token(self, token: str, after: int, count: int) -> list[Change]:
        """The lines that concern a token, after an ordinal."""
        of_token = status_change.c.token == token
        return self._changes(bucket_of(token), of_token, after, count)

    def history_of(
        self, bucket: int, subject: str, requestor: str, after: int, count: int
    ) -> list[Change]:
        """The lines of a subject that are a requestor's, after an ordinal."""
        named = (status_change.c.subject == subject) & (status_change.c.requestor == requestor)
        return self._changes(bucket, named, after, count)

    def changes_after(
        self, requestor: str, counts: Sequence[int], first: int, count: int
    ) -> list[Change]:
        """At most `count` lines of a requestor, those of each bucket after its count.

        The buckets come in their order from `first` on, so that none waits for a busy one.
        """
        bucket, ordinal = status_change.c.bucket, status_change.c.ordinal
        newer = or_(*(and_(bucket == b, ordinal > last) for b, last in enumerate(counts)))
        turn = (bucket - first + BUCKETS) % BUCKETS
        query = select(status_change).where(status_change.c.requestor == requestor, newer)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(turn, ordinal).limit(count)).mappings()
            return [read_change(row) for row in rows]

    def _changes(self, bucket: int, condition: Any, after: int, count: int) -> list[Change]:
        query = (
            select(status_change)
            .where(status_change.c.bucket == bucket, condition)
            .where(status_change.c.ordinal > after)
            .order_by(status_change.c.ordinal)
            .limit(count)
        )
        with self._database.reading() as connection:
            return [read_change(row) for row in connection.execute(query).mappings()]

    def _views(self, query: Select[Any]) -> list[TokenView]:
        with self._database.reading() as connection:
            return [_view(row) for row in connection.execute(query).mappings()]


def _joined() -> Select[Any]:
    behind = (card.c.bucket == enrolment.c.bucket) & (card.c.card == enrolment.c.card)
    chip = device.c.serial == enrolment.c.device
    return select(*_COLUMNS).select_from(enrolment.join(card, behind).outerjoin(device, chip))


def _view(row: Any) -> TokenView:
    token, behind, chip = (
        {column.name: row[f"{table.name}__{column.name}"] for column in table.c}
        for table in _TABLES
    )
    known = chip["device"] is not None
    changed = max(token["changed_ms"], behind["changed_ms"], chip["changed_ms"] or 0)
    return TokenView(
        read_enrolment(token),
        read_card(behind),
        read_device(chip) if known else None,
        from_ms(changed),
    )
