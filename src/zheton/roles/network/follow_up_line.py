"""What the journal keeps of a message that names an original."""

from dataclasses import dataclass
from datetime import datetime

from zheton.core.debit import DebitState, Location
from zheton.core.follow_up import FollowUpKind
from zheton.core.money import Money

FOLLOW_UPS_MAX = 64  # lines of one original: twice the increments that it may have


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One line beside the debit that it names by `original_key` (and `original`, its id).

    `amount` is DE4: what an increment adds, a completion keeps, a refund gives back, and what was
    held before a partial reversal, which leaves `rest_minor`. A line that only keeps the place of a
    message whose reversal came first is `blocked` and names no debit.
    """

    id: str
    kind: FollowUpKind
    repeat_key: str
    digest: bytes
    at: Location
    generation: int
    original: str
    original_key: str
    card: str
    par: str
    state: DebitState
    amount: Money
    rest_minor: int
    acquirer: str
    terminal: str
    merchant: str
    stan: str
    transmitted: str
    retrieval_reference: str
    received_at: datetime
    response_code: str = ""
    auth_code: str = ""
    reason: str = ""
