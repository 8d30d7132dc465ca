"""Credentials of the token API, and the answers that are kept for requests that come again."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from zheton.adapters.storage.upsert import upsert
from zheton.adapters.storage.vault_change_tables import kept_answer, requestor
from zheton.adapters.storage.vault_rows import to_ms
from zheton.roles.tsp.state import KeptAnswer, Once, Requestor, RequestorKind


class AnswerTx:
    """What the token API asks of a transaction (`roles.tsp.change_ports.AnswerTx`)."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def add_requestor(self, new: Requestor) -> None:
        """A new credential; the one of the same id is replaced."""
        told = {"kind": new.kind, "name": new.name, "key_hash": new.key_hash}
        made = upsert(self.connection, requestor).values(requestor=new.id, **told)
        self.connection.execute(made.on_conflict_do_update(index_elements=["requestor"], set_=told))

    def requestor_by_key(self, key_hash: str) -> Requestor | None:
        """Whose key has this hash."""
        query = select(requestor).where(requestor.c.key_hash == key_hash)
        row = self.connection.execute(query).mappings().first()
        if row is None:
            return None
        kind = RequestorKind(row["kind"])
        return Requestor(row["requestor"], kind, row["name"], row["key_hash"])

    def claim_answer(self, once: Once, now: datetime) -> bool:
        """Take a request up; False if it was taken up before, and that still counts.

        Where another transaction is taking it up, this one waits for its end.
        """
        fresh = {"mac": once.mac, "done": False, "answer": "", "until_ms": to_ms(once.deadline)}
        made = upsert(self.connection, kept_answer).values(
            requestor=once.requestor, idempotency_key=once.key, **fresh
        )
        statement = made.on_conflict_do_update(
            index_elements=["requestor", "idempotency_key"],
            set_=fresh,
            where=kept_answer.c.until_ms <= to_ms(now),
        ).returning(kept_answer.c.idempotency_key)
        return self.connection.execute(statement).first() is not None

    def kept_answer(self, once: Once) -> KeptAnswer | None:
        """What is kept under a key."""
        query = select(kept_answer).where(*_named(once))
        row = self.connection.execute(query).mappings().first()
        return KeptAnswer(row["mac"], bool(row["done"]), row["answer"]) if row else None

    def keep_answer(self, once: Once, answer: str, until: datetime) -> bool:
        """Keep the answer of a request that is still this one's; whether it was."""
        kept = self.connection.execute(
            update(kept_answer)
            .where(*_named(once), kept_answer.c.done.is_(False))
            .where(kept_answer.c.until_ms == to_ms(once.deadline))
            .values(done=True, answer=answer, until_ms=to_ms(until))
        )
        return kept.rowcount == 1

    def release_answer(self, once: Once) -> None:
        """Let a request that came to nothing be made anew."""
        self.connection.execute(
            delete(kept_answer)
            .where(*_named(once), kept_answer.c.done.is_(False))
            .where(kept_answer.c.until_ms == to_ms(once.deadline))
        )

    def forget_answers(self, now: datetime, count: int) -> int:
        """Forget at most `count` answers whose time is over; how many."""
        due = (
            select(kept_answer.c.requestor, kept_answer.c.idempotency_key)
            .where(kept_answer.c.until_ms <= to_ms(now))
            .limit(count)
        )
        forgotten = 0
        for whose, key in self.connection.execute(due).all():
            forgotten += self.connection.execute(
                delete(kept_answer)
                .where(kept_answer.c.requestor == whose, kept_answer.c.idempotency_key == key)
                .where(kept_answer.c.until_ms <= to_ms(now))
            ).rowcount
        return forgotten


def _named(once: Once) -> tuple[Any, Any]:
    return (
        kept_answer.c.requestor == once.requestor,
        kept_answer.c.idempotency_key == once.key,
    )
