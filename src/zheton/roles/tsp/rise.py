"""May a debit take more than its number was burnt for?

Whoever lost a band, or let a number pay so much and no more, does not pay more because the debit
had begun before. So an increment is asked what a debit is asked after its proof, about the whole
amount. Only the end of a lease or of an online number's minutes is no matter: they end what begins.
"""

from datetime import datetime

from zheton.core.debit import Journalled
from zheton.core.decline import Decline, Reason
from zheton.core.money import Money
from zheton.core.token.lifecycle import BatchStatus, CardStatus
from zheton.roles.tsp.examine import may_not_pay
from zheton.roles.tsp.ports import Vault
from zheton.roles.tsp.state import Rules


def refuse_rise(
    vault: Vault, rules: Rules, debit: Journalled, total: Money, now: datetime
) -> Decline | None:
    """Why an approved debit may not come to `total`; None if it may.

    SUSPENDED where its batch is suspended, or where card, token or device are not active.
    """
    lease = vault.leases([debit.at]).get(debit.at)
    if lease is None or lease.batch.generation != debit.generation:
        return Decline(Reason.NO_ORIGINAL, "The lease of the number is over, and so is its debit.")
    view = vault.view(lease.batch.enrolment)
    if view is None or view.status is not CardStatus.ACTIVE:
        status = view.status if view else CardStatus.DELETED
        return Decline(Reason.SUSPENDED, f"The card, token or device of this number is {status}.")
    if lease.batch.status is BatchStatus.SUSPENDED:
        return Decline(Reason.SUSPENDED, "The batch of this number is suspended.")
    return may_not_pay(lease, lease.batch.channel, total, debit.place, rules, now)
