"""Looking at tokens as they count at a debit: with the card behind them and the device they are on.

A search takes a bounded number of tokens up at a time, in the order of their ids, so that a page
may be short although there is another one.
"""

from zheton.core.errors import EncodeError, NotFoundError
from zheton.core.token.batch import BUCKETS, Batch
from zheton.roles.tsp.ports import Vault
from zheton.roles.tsp.view import Search, TokenView

SCANNED_MAX = 500
PAGE_MAX = 100


def look(vault: Vault, token: str) -> TokenView:
    """One token; NotFoundError if it is not there."""
    found = vault.view(token)
    if found is None:
        raise NotFoundError("There is no such token; enrol its card first.")
    return found


def batches_of(vault: Vault, token: str) -> list[Batch]:
    """The batches of a token that may pay, or are suspended."""
    with vault.transaction() as tx:
        found = tx.enrolment(token)
        if found is None:
            raise NotFoundError("There is no such token; enrol its card first.")
        return sorted(tx.batches_of(found[0]), key=lambda batch: (batch.until, batch.name))


def search(
    vault: Vault, wanted: Search, after: str, count: int
) -> tuple[list[TokenView], str | None]:
    """At most `count` tokens after a cursor ("" from the start), and the next cursor, if any.

    EncodeError for a cursor that is none.
    """
    found: list[TokenView] = []
    scanned = vault.views_after(wanted, _parsed(after), SCANNED_MAX)
    for view in scanned:
        if wanted.finds(view):
            found.append(view)
            if len(found) == count:
                return found, None if view is scanned[-1] and _whole(scanned) else view.token.id
    return found, None if _whole(scanned) else scanned[-1].token.id


def _whole(scanned: list[TokenView]) -> bool:
    """Whether nothing comes after what was scanned."""
    return len(scanned) < SCANNED_MAX


def _parsed(cursor: str) -> tuple[int, str]:
    """Bucket and id of the last token that was seen."""
    if not cursor:
        return -1, ""
    try:
        bucket = int(cursor[:2], 16)
    except ValueError:
        bucket = BUCKETS
    if len(cursor) != 32 or bucket >= BUCKETS:
        raise EncodeError("that is no cursor of a search", field="after")
    return bucket, cursor
