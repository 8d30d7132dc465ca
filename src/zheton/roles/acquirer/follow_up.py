"""What a shop may ask of a sale after its answer, and what its sale allows.

A shop names each wish by a reference of its own, so that one that comes twice is one. Of a sale one
wish is under way at a time: what is held of it is then the same here and at the network.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from zheton.core.errors import ConflictError, EncodeError
from zheton.core.follow_up import INCREMENTS_MAX, FollowUpKind
from zheton.core.money import AMOUNT_MINOR_MAX, Money
from zheton.roles.acquirer.state import Cause, Record, Status

_REFERENCE = re.compile("[0-9A-Za-z._-]{1,32}").fullmatch
# What only lets money go is told until it is heard; what the issuer may refuse is asked once.
TOLD = (FollowUpKind.COMPLETION, FollowUpKind.PARTIAL_REVERSAL)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a shop asks of a sale: to add, to keep, to give back, or to leave held an amount."""

    kind: FollowUpKind
    reference: str
    amount: Money

    def __post_init__(self) -> None:
        if _REFERENCE(self.reference) is None:
            raise EncodeError("is 1 to 32 letters, digits, dots, dashes", field="reference")
        if not self.amount.minor:
            raise EncodeError("a wish is of more than nothing", field="DE4")


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A wish in the journal, found by the sale's retrieval reference and the shop's own.

    `message_rrn` is DE37 of its messages: the sale's, and of a refund its own. `held_minor` is what
    was held of the sale when it was asked. It stands like a sale: `sent` until it has its outcome.
    """

    rrn: str
    wish: Wish
    message_rrn: str
    held_minor: int
    stan: str
    transmitted: str
    sent_at: datetime
    local_time: datetime
    status: Status = Status.SENT
    response_code: str = ""
    auth_code: str = ""
    cause: Cause | None = None
    reversal_stan: str = ""
    reversal_transmitted: str = ""
    file_id: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has no outcome yet, so that nothing else may follow its sale."""
        return self.status in (Status.SENT, Status.REVERSAL_DUE, Status.REVERSING)


def allow(record: Record, wish: Wish, raised: int) -> None:
    """Pass if a sale allows a wish; else ConflictError says why not. `raised`: its increments."""
    if record.under_way:
        raise ConflictError(
            f"{record.under_way} is still under way for this sale; ask again when it has ended."
        )
    if wish.amount.currency != record.amount.currency:
        raise ConflictError(f"The sale is in {record.amount.currency.code}.")
    problem = _RULES[wish.kind](record, wish.amount.minor)
    if wish.kind is FollowUpKind.INCREMENT and raised >= INCREMENTS_MAX:
        problem = f"A preauthorisation is raised {INCREMENTS_MAX} times at most."
    if problem is not None:
        raise ConflictError(problem)


def applied(record: Record, done: FollowUp) -> Record:
    """A sale after a follow-up that was approved."""
    minor = done.wish.amount.minor
    match done.wish.kind:
        case FollowUpKind.INCREMENT:
            return replace(record, changed_minor=record.changed_minor + minor)
        case FollowUpKind.COMPLETION:
            return replace(record, changed_minor=minor - record.amount.minor, completed=True)
        case FollowUpKind.PARTIAL_REVERSAL:
            return replace(record, changed_minor=minor - record.amount.minor)
        case _:
            return replace(record, refunded_minor=record.refunded_minor + minor)


def _increment(record: Record, minor: int) -> str | None:
    if not _is_open_hold(record):
        return "Only an approved preauthorisation that is not completed can be raised."
    fits = record.held.minor + minor <= AMOUNT_MINOR_MAX
    return None if fits else "The preauthorisation would be higher than an amount can be."


def _completion(record: Record, minor: int) -> str | None:
    if not _is_open_hold(record):
        return "Only an approved preauthorisation that is not completed can be completed."
    return None if minor <= record.held.minor else f"No more than {record.held} is held."


def _partial_reversal(record: Record, minor: int) -> str | None:
    if record.status is not Status.APPROVED or record.completed:
        return "Only what is approved, and neither completed nor cleared, is lowered."
    return None if minor < record.held.minor else f"{record.held} is held; less has to stay."


def _refund(record: Record, minor: int) -> str | None:
    if record.status is not Status.CLEARED:
        return f"The sale is {record.status}; only a cleared one is refunded, cancel it instead."
    left = Money(record.held.minor - record.refunded_minor, record.amount.currency)
    return None if minor <= left.minor else f"No more than {left} is left to refund."


def _is_open_hold(record: Record) -> bool:
    return record.status is Status.APPROVED and record.preauthorised and not record.completed


_RULES: dict[FollowUpKind, Callable[[Record, int], str | None]] = {
    FollowUpKind.INCREMENT: _increment,
    FollowUpKind.COMPLETION: _completion,
    FollowUpKind.PARTIAL_REVERSAL: _partial_reversal,
    FollowUpKind.REFUND: _refund,
}
