"""What follow-ups need of the journal; their debit's row decides, by its sums, one at a time."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from zheton.core.debit import Journalled, Location
from zheton.roles.network.follow_up_line import FollowUp


class FollowUpTx(Protocol):
    """Single operations inside one transaction; each change stands under the condition it names."""

    def touch(self, leases: Collection[tuple[Location, int]], now: datetime) -> set[Location]:
        """Count the dispute window of leases from now; the numbers of those that stand.

        A lease is named by a number and its generation. Whatever happens to a debit after its burn
        is a financial event and calls this in its own transaction: outcome, late answer, stand-in,
        increment, completion, reversal, refund, clearing. What names a debit whose number is not
        among the answers comes too late: its batch is free, or somebody else's by now. It is
        refused (NO_ORIGINAL) and leaves nothing.
        """

    def add_follow_up(self, line: FollowUp) -> bool:
        """A new line; whether its repeat key was not there before."""

    def drop_follow_up(self, line: FollowUp) -> None:
        """Forget a line of this transaction, which its debit did not let in."""

    def follow_up(self, at: Location, repeat_key: str) -> FollowUp | None:
        """A line by its repeat key."""

    def increments_of(self, original: Journalled) -> list[FollowUp]:
        """The approved increments of a debit."""

    def count_follow_ups(self, original: Journalled) -> int:
        """How many lines name a debit."""

    def count_blocked_follow_ups(self, at: Location, generation: int) -> int:
        """How many lines of a number's lease keep the place of a message that never came."""

    def begin(self, line: FollowUp) -> bool:
        """Take an approved debit for one increment or refund that is in its scope; whether it is.

        Nothing else follows it until that one has ended.
        """

    def complete(self, line: FollowUp) -> bool:
        """Complete an open preauthorisation for no more than is held; whether it was."""

    def lower(self, line: FollowUp) -> bool:
        """Lower what an open debit holds, if it is what the message says; whether it was."""

    def end(self, line: FollowUp, added_minor: int, refunded_minor: int) -> bool:
        """End what `begin` began, with what it changes; False if its debit is no more approved."""

    def take_back(self, line: FollowUp, added_minor: int, refunded_minor: int) -> bool:
        """Take from a debit what an approved follow-up changed.

        False where the debit is completed meanwhile (increments only), or too little is left.
        """

    def turn(self, line: FollowUp, was: str) -> bool:
        """Give a line its state and answer, if it `was` in that state; whether it was."""

    def want_told(self, line: FollowUp, due: bool) -> None:
        """Note that the issuer must hear of a line in its present state, or that it has."""

    def spend_more(self, line: FollowUp, total_minor: int, day: int) -> bool:
        """Count an increment on its active card, but as no debit more; whether limits let it.

        `total_minor` is what the debit comes to, which its limit for one debit bounds.
        """

    def give_back_more(self, line: FollowUp) -> None:
        """Count an increment no more, if the day that it counted for is on."""


class FollowUps(Protocol):
    """The same lines, for reading."""

    def follow_ups_seen(self, keys: Sequence[tuple[int, str]]) -> Mapping[str, FollowUp]:
        """The lines of (bucket, repeat key), by repeat key."""

    def follow_ups_of(self, at: Location) -> list[FollowUp]:
        """The lines of a number in the lease that stands, the newest last."""

    def follow_ups_due(self, count: int, skip: int = 0) -> list[FollowUp]:
        """Lines of which an issuer has to hear, but none before it has heard of its debit.

        The oldest come first; `skip` of them are left out.
        """

    def follow_ups_pending(self, count: int, before: datetime, mark: str) -> list[FollowUp]:
        """Lines without an outcome that are older, or whose ids begin with `mark` (not "")."""
