"""What time does to batches: leases end, ended ones rest, and what has rested is free again.

It runs in the token service's process, beside what else that does on its own, and not on the
network's thread, where debits would wait for it. Any number of processes may do it at the same
time: each step is a conditional update of rows that are locked. What was due while nothing ran is
done at the next start; nothing becomes free too early by that, only later.
"""

from datetime import datetime, timedelta

from zheton.core.token.batch import DISPUTE_WINDOW
from zheton.roles.tsp.ports import Vault

AGED_MAX = 100  # batches a step and transaction: a debit of the bucket waits for one at most


def age_all(vault: Vault, now: datetime, window: timedelta = DISPUTE_WINDOW) -> int:
    """Age what is due in every bucket, a bounded number of batches each; how many steps."""
    return sum(age(vault, bucket, now, window) for bucket in vault.buckets_due(now))


def age(vault: Vault, bucket: int, now: datetime, window: timedelta) -> int:
    """Age batches of one bucket in one transaction; how many steps they made or were refused.

    The window counts from a batch's last financial event. An open dispute stops it, and a debit
    under way does.
    """
    with vault.transaction() as tx:
        expired = tx.expire(bucket, now, AGED_MAX)
        rested = tx.rest(bucket, now, window, AGED_MAX)
        return expired + rested + tx.free(bucket, now, window, AGED_MAX)
