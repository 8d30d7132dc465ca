"""At clearing a burnt number is good once more, for the debit that burnt it and nothing else."""

from datetime import datetime

from zheton.core.clearing import Presentment
from zheton.core.debit import DebitState, Journalled, Location
from zheton.core.decline import Decline, Reason
from zheton.core.follow_up import FollowUpKind
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.roles.network.clear import ResolvedCard
from zheton.roles.network.opening import opening
from zheton.roles.network.state import Switch

_NO_ORIGINAL = Decline(Reason.NO_ORIGINAL, "No approved debit of this number is its original.")


def resolve(
    on: Switch, presentment: Presentment, issuer: str, now: datetime
) -> ResolvedCard | Decline:
    """The card behind a presentment of an approved debit: same number, acquirer and reference.

    A purchase may not ask for more than is held, nor a refund for more than was allowed of it.
    Debits of the lease that stands alone are looked at, and its dispute window counts from here;
    one that is over has no originals, whoever has the number by now.
    """
    at = on.tokens.locate(presentment.number)
    if at is None:
        return Decline(Reason.UNKNOWN_NUMBER, "The number lies in no token range.")
    if presentment.is_refund:
        return _refund(on, presentment, at, issuer, now)
    original = next(
        (line for line in on.journal.of_number(at) if _is_original(line, presentment)), None
    )
    if original is None:
        return _NO_ORIGINAL
    if original.preauthorised and not original.completed:
        return Decline(Reason.SCOPE, "A preauthorisation is completed before it is presented.")
    if (
        presentment.amount.currency != original.amount.currency
        or presentment.amount.minor > original.held_minor
    ):
        return Decline(Reason.AMOUNT_LIMIT, "More is presented than was approved.")
    if not _stands(on, at, original.generation, now):
        return _NO_ORIGINAL
    card = on.tokens.reveal_card(opening(on, original, Purpose.CLEARING, now))
    return ResolvedCard(card.pan.reveal(), card.expiry, issuer, original.par)


def _refund(
    on: Switch, presentment: Presentment, at: Location, issuer: str, now: datetime
) -> ResolvedCard | Decline:
    """The card behind a refund that its issuer has allowed."""
    for line in on.journal.follow_ups_of(at):
        if (
            (line.kind, line.state) == (FollowUpKind.REFUND, DebitState.APPROVED)
            and (line.acquirer, line.merchant) == (presentment.acquirer_id, presentment.acceptor.id)
            and line.retrieval_reference == presentment.retrieval_reference
        ):
            break
    else:
        return Decline(Reason.NO_ORIGINAL, "No refund of this number was allowed so.")
    if presentment.amount != line.amount:
        return Decline(Reason.AMOUNT_LIMIT, "Another amount is presented than was allowed.")
    if not _stands(on, at, line.generation, now):
        return _NO_ORIGINAL
    card = on.tokens.reveal_card(
        Resolution(unix_ms(now), on.who, Purpose.CLEARING, line.id, line.card, at.bin, at.index)
    )
    return ResolvedCard(card.pan.reveal(), card.expiry, issuer, line.par)


def _stands(on: Switch, at: Location, generation: int, now: datetime) -> bool:
    """Whether a lease is not over; its dispute window counts from now."""
    with on.journal.transaction() as tx:
        return bool(tx.touch([(at, generation)], now))


def _is_original(line: Journalled, presentment: Presentment) -> bool:
    return (
        line.state is DebitState.APPROVED
        and line.place.acquirer == presentment.acquirer_id
        and line.place.merchant == presentment.acceptor.id
        and line.retrieval_reference == presentment.retrieval_reference
    )
