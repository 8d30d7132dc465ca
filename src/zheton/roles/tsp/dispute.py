"""Disputes: while one is open, the number of its debit goes to nobody else.

A dispute outlasts the window: chargeback, representment and arbitration take their time. It stops
the clock of its whole batch, and the window begins anew when it is closed.
"""

from datetime import datetime

from zheton.core.debit import Journalled
from zheton.core.errors import ConflictError, NotFoundError
from zheton.roles.tsp.ports import VaultTx


def open_dispute(tx: VaultTx, token: str, debit: str, now: datetime) -> bool:
    """Open a dispute of a token's debit, named by its id; False if one is open already.

    NotFoundError for a debit that is not the token's, ConflictError where its lease is over.
    """
    found = _debit(tx, token, debit)
    _touch(tx, found, now)
    return tx.open_dispute(found, now)


def close_dispute(tx: VaultTx, token: str, debit: str, now: datetime) -> bool:
    """Close it; False if none is open. The window counts from now. Errors as in `open_dispute`."""
    found = _debit(tx, token, debit)
    _touch(tx, found, now)
    return tx.close_dispute(found, now)


def _debit(tx: VaultTx, token: str, debit: str) -> Journalled:
    known = tx.enrolment(token)
    found = tx.debit_of(known[0], debit) if known else None
    if found is None:
        raise NotFoundError("The token has no such debit, or its time is over.")
    return found


def _touch(tx: VaultTx, debit: Journalled, now: datetime) -> None:
    """Also holds the batch's row, so that it can't become free meanwhile."""
    if not tx.touch([(debit.at, debit.generation)], now):
        raise ConflictError("The lease of this debit is over; it can't be disputed any more.")
