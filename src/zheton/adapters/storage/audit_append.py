"""Adding to the detokenisation log inside a transaction of the vault.

The group's entries are chained in memory; then each bucket's end moves once, under the condition
that it is still where it was read. The rows of the buckets' ends are locked in the order of their
buckets (on SQLite the transaction has the only write lock), so that no two groups wait for each
other and the condition holds; where it does not, the transaction is undone and nothing is lost.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, insert, select, text, tuple_, update

from zheton.adapters.storage.audit_tables import audit_card, audit_entry, audit_head
from zheton.adapters.storage.interrupted import OvertakenError
from zheton.core.token.audit.chain import CardTip, Link, Tip, chain
from zheton.core.token.audit.entry import Resolution

_MOVE_HEAD = (
    update(audit_head)
    .where(audit_head.c.bucket == bindparam("of"), audit_head.c.entries == bindparam("from_count"))
    .where(audit_head.c.head == bindparam("from_head"))
    .values(entries=bindparam("to_count"), head=bindparam("to_head"))
)
# A new bucket's end is made where it is missing; two processes may try.
_ADD_HEAD = text(
    "INSERT INTO audit_head (bucket, entries, head) VALUES (:bucket, :entries, :head)"
    " ON CONFLICT (bucket) DO NOTHING"
)
_MOVE_CARD = text(
    "INSERT INTO audit_card (bucket, card, entries, last, head)"
    " VALUES (:bucket, :card, :entries, :last, :head)"
    " ON CONFLICT (bucket, card) DO UPDATE"
    " SET entries = excluded.entries, last = excluded.last, head = excluded.head"
)


def append(connection: Connection, resolutions: Sequence[Resolution]) -> None:
    """Write down openings of cards; OvertakenError if another writer came between.

    Any number of a bucket or a card may be in a group; it moves each end once.
    """
    if not resolutions:
        return
    heads = _heads(connection, sorted({each.bucket for each in resolutions}))
    cards = _cards(connection, sorted({each.card for each in resolutions}))
    links, ends, card_ends = chain(resolutions, heads, cards)
    moved = connection.execute(
        _MOVE_HEAD,
        [
            {
                "of": bucket,
                "from_count": heads[bucket].count,
                "from_head": heads[bucket].head,
                "to_count": end.count,
                "to_head": end.head,
            }
            for bucket, end in sorted(ends.items())
        ],
    )
    if moved.rowcount != len(ends):
        raise OvertakenError("The detokenisation log was written by another meanwhile; try again.")
    connection.execute(_MOVE_CARD, [_card_row(*each) for each in sorted(card_ends.items())])
    connection.execute(insert(audit_entry), [_entry_row(link) for link in links])


def _heads(connection: Connection, buckets: Sequence[int]) -> Mapping[int, Tip]:
    query = (
        select(audit_head)
        .where(audit_head.c.bucket.in_(buckets))
        .order_by(audit_head.c.bucket)
        .with_for_update()
    )
    found = {row.bucket: Tip(row.entries, bytes(row.head)) for row in connection.execute(query)}
    missing = [bucket for bucket in buckets if bucket not in found]
    if not missing:
        return found
    connection.execute(
        _ADD_HEAD,
        [{"bucket": b, "entries": 0, "head": Tip.empty(b).head} for b in missing],
    )
    return {row.bucket: Tip(row.entries, bytes(row.head)) for row in connection.execute(query)}


def _cards(connection: Connection, cards: Sequence[str]) -> Mapping[str, CardTip]:
    keys = [(int(card[:2], 16), bytes.fromhex(card)) for card in cards]
    query = select(audit_card).where(tuple_(audit_card.c.bucket, audit_card.c.card).in_(keys))
    return {
        bytes(row.card).hex(): CardTip(row.entries, row.last, bytes(row.head))
        for row in connection.execute(query)
    }


def _card_row(card: str, end: CardTip) -> dict[str, object]:
    return {
        "bucket": int(card[:2], 16),
        "card": bytes.fromhex(card),
        "entries": end.count,
        "last": end.last,
        "head": end.head,
    }


def _entry_row(link: Link) -> dict[str, object]:
    entry, what = link.entry, link.entry.what
    return {
        "bucket": entry.bucket,
        "seq": entry.seq,
        "card": bytes.fromhex(what.card),
        "card_seq": entry.card_seq,
        "card_before": entry.card_before,
        "at_ms": what.at_ms,
        "who": what.who,
        "purpose": what.purpose,
        "reference": bytes.fromhex(what.reference),
        "bin": what.bin,
        "number_index": what.index,
        "hash": link.hash,
    }
