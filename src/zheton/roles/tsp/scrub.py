"""When a deleted card's number leaves the vault: once no debit of it can be disputed any more.

A refund or a chargeback of the last day has to find the card, and be cleared to its issuer. Until
then the number stays sealed, and as long as a lease that it paid by is not over: a dispute that is
open outlasts any window. After it the row has none, and nobody opens it again.
"""

from datetime import date, datetime, timedelta

from zheton.core.token.batch import DISPUTE_WINDOW
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.tsp.ports import Vault
from zheton.roles.tsp.state import Card

# The dispute window of a number, and the days that what was disputed last takes to be cleared.
KEPT_FOR = DISPUTE_WINDOW + timedelta(days=30)
SCRUBBED_MAX = 500  # what one run of background work takes up


def kept_until(card: Card, paid_last: int) -> date | None:
    """The first day on which a deleted card's number goes; None where it isn't deleted, or at once.

    `paid_last` is the day of its last debit, YYYYMMDD, 0 for a card that never paid: nobody can
    dispute anything, so the next run of background work erases it.
    """
    if card.status is not CardStatus.DELETED or not card.sealed_pan or paid_last == 0:
        return None
    day = date(paid_last // 10_000, paid_last // 100 % 100, paid_last % 100)
    return day + KEPT_FOR + timedelta(days=1)


def scrub(vault: Vault, now: datetime) -> int:
    """Erase the numbers of deleted cards whose time has come, a bounded number; how many."""
    with vault.transaction() as tx:
        return tx.scrub_cards(int(f"{now - KEPT_FOR:%Y%m%d}"), SCRUBBED_MAX)
