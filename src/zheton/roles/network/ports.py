"""What the network needs of the world."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from zheton.core.debit import Admitted, Advice, Debit, Journalled, Location, RevealedCard
from zheton.core.decline import Decline
from zheton.core.money import Money
from zheton.core.token.audit.entry import Resolution
from zheton.core.token.domain import Counted
from zheton.roles.network.allowance import Allowance
from zheton.roles.network.follow_up_ports import FollowUps, FollowUpTx


class Tokens(Protocol):
    """The token service, in the same process: the only way from a number to a card."""

    def locate(self, number: str) -> Location | None:
        """Where a number lies, if it lies in any token range."""

    def lease_of(self, at: Location) -> tuple[int, str] | None:
        """The generation of a number's lease, resting ones too, and its expiry (YYMM)."""

    def examine(self, debits: Sequence[Debit], now: datetime) -> list[Admitted | Decline]:
        """One verdict a debit, in order."""

    def refuse_rise(self, debit: Journalled, total: Money, now: datetime) -> Decline | None:
        """Why an approved debit may not come to `total`, which no proof covers; None if it may."""

    def reveal(self, admitted: Admitted) -> RevealedCard:
        """The card behind a number that has been burnt; its transaction has to log it."""

    def reveal_card(self, why: Resolution) -> RevealedCard:
        """The card that a log entry names, once the entry is in the log for good."""

    def answer_chip(self, admitted: Admitted, response_code: str) -> bytes:
        """Tag 91 for the chip (ARPC and what it covers); empty online."""


class Entropy(Protocol):
    """Randomness."""

    def take(self, count: int) -> bytes:
        """`count` unpredictable bytes."""


class JournalTx(FollowUpTx, Protocol):
    """Single operations inside one transaction of the vault's database."""

    def burn(self, admitted: Sequence[Admitted], now: datetime) -> set[Location]:
        """Set the bits that were clear, where the lease still stands; those that were set now."""

    def spend(self, admitted: Sequence[Admitted], now: datetime) -> set[str]:
        """Count debits on their cards, at most one a card; the repeat keys that stay in limits."""

    def counted(self, admitted: Sequence[Admitted]) -> Mapping[str, Counted]:
        """What the cards of debits have counted, by the ids of the cards."""

    def bind_shop(self, admitted: Sequence[Admitted]) -> set[Location]:
        """Bind online numbers to the merchant that presents them; those that are its own now."""

    def append(self, debits: Sequence[Journalled]) -> set[str]:
        """New journal lines; the repeat keys of those that were not there before."""

    def finish(self, debits: Sequence[Journalled]) -> set[str]:
        """Outcomes of lines that are still pending; the ids of those that were."""

    def log(self, resolutions: Sequence[Resolution]) -> None:
        """Write openings of cards into the detokenisation log."""

    def count_stood_in(self, debits: Sequence[tuple[Journalled, Allowance]]) -> set[str]:
        """Count debits on what issuers allow their cards in stand-in, on the day of the debit.

        At most one a card and currency; the ids of those that stay within the allowance.
        """

    def stand_in(self, debits: Sequence[Journalled]) -> None:
        """Approve lines that are timed out; their issuer has to hear of it."""

    def seen(self, keys: Sequence[tuple[int, str]]) -> Mapping[str, Journalled]:
        """The journal lines of (bucket, repeat key), by repeat key."""

    def undo(self, debit: Journalled) -> bool:
        """Reverse a line that is pending or approved, its issuer to hear of it; whether it was.

        An advice of it that was not confirmed is dropped.
        It is not if something was refunded.
        """

    def give_back(self, debit: Journalled) -> None:
        """Count a debit no more towards its card's limits, if the day that it counted for is on.

        Nor towards the allowance of its day, if it was approved in stand-in.
        """

    def count_blocked(self, at: Location, generation: int) -> int:
        """How many lines of a number's lease keep the place of an original that never came."""

    def want_reversal(self, debit: Journalled, due: bool) -> None:
        """Note that the issuer must hear of a reversal, or that it has."""

    def advise(self, debit: Journalled, advice: Advice) -> bool:
        """Note how far the advice of an approved line has come; False if there is none (more)."""

    def mark_told(self, debits: Sequence[Journalled]) -> None:
        """The wallet has heard of these outcomes."""


class Journal(FollowUps, Protocol):
    """The network's journal, in the same database as the batches."""

    def transaction(self) -> AbstractContextManager[JournalTx]:
        """A transaction, committed when the block ends without an exception."""

    def seen(self, keys: Sequence[tuple[int, str]]) -> Mapping[str, Journalled]:
        """As in a transaction, but only reading."""

    def of_number(self, at: Location) -> list[Journalled]:
        """The debits that a number made in the lease that stands, the newest last."""

    def reversals_due(self, count: int, skip: int = 0) -> list[Journalled]:
        """Debits whose issuer has to hear of their reversal, the oldest first, after `skip`."""

    def advices_due(self, count: int) -> list[Journalled]:
        """Debits whose issuer has to hear an advice, those of a card in the order of their time."""

    def untold(self, count: int) -> list[tuple[str, Journalled]]:
        """Outcomes that the wallet has not heard of, each with its enrolment, the oldest first."""

    def pending(self, count: int, before: datetime, mark: str) -> list[Journalled]:
        """Debits without an outcome that came before a moment or bear a mark, the oldest first.

        `mark` is what ids of debits begin with that one switch journalled; "" stands for none.
        """
