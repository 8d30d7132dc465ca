"""What the lifecycle verbs and the token API need of a transaction of the vault."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from zheton.core.token.batch import Batch
from zheton.roles.tsp.state import (
    Card,
    Change,
    Enrolment,
    KeptAnswer,
    Once,
    RegisteredDevice,
    Requestor,
)


class ChangeTx(Protocol):
    """Suspension, deletion and their history; what is `held` is locked until the end."""

    def held_enrolment(self, enrolment_id: str, *, sharing: bool = False) -> Enrolment | None:
        """A claim by its id; `sharing` lets others hold it so at the same time."""

    def held_device(self, device_id: str, *, sharing: bool = False) -> RegisteredDevice | None:
        """A device by its id; `sharing` lets others hold it so at the same time."""

    def card_by_par(self, par: str) -> Card | None:
        """The card of a payment account reference that is not deleted; else one that is."""

    def enrolments_of(self, behind: Card) -> list[Enrolment]:
        """The claims to a card that are not deleted, held."""

    def held_batches(self, claim: Enrolment) -> list[Batch]:
        """The leases of a claim that may pay or are suspended."""

    def held_batches_on(self, device_id: str, bucket: int) -> list[Batch]:
        """The same of a device, in one bucket."""

    def held_batch(self, token_bin: str, index: int, generation: int) -> Batch | None:
        """One lease, whatever its status."""

    def buckets_of_device(self, device_id: str) -> list[int]:
        """Where a device's live batches lie."""

    def change_card(self, before: Card, after: Card, at: datetime) -> bool:
        """Write status and holders of `after` where they are still those of `before`."""

    def forget_index(self, gone: Card) -> None:
        """Let a card be found by its number no more."""

    def scrub_cards(self, last_day: int, count: int) -> int:
        """Erase the sealed numbers of deleted cards that paid last before a day (YYYYMMDD)."""

    def paid_last(self, behind: Card) -> int:
        """The day that a card paid last, YYYYMMDD; 0 if it never did."""

    def change_device(
        self, before: RegisteredDevice, after: RegisteredDevice, at: datetime
    ) -> bool:
        """Write what of a device changes, where it has not changed since `before` was read."""

    def unsettled_devices(self, count: int) -> list[str]:
        """At most `count` devices whose batches do not all follow yet."""

    def change_batch(self, before: Batch, after: Batch) -> bool:
        """Write status and holders of `after` where they are still those of `before`."""

    def record(self, changes: Sequence[Change]) -> None:
        """Append to the status history, and so to the events of who may read them."""

    def last_change(self, bucket: int, subject: str) -> Change | None:
        """The newest line of a subject."""


class AnswerTx(Protocol):
    """Credentials, and answers that are kept for requests that come again."""

    def add_requestor(self, new: Requestor) -> None:
        """A new credential; the one of the same id is replaced."""

    def claim_answer(self, once: Once, now: datetime) -> bool:
        """Take a request up; False if it was taken up before, and that still counts."""

    def kept_answer(self, once: Once) -> KeptAnswer | None:
        """What is kept under a key."""

    def keep_answer(self, once: Once, answer: str, until: datetime) -> bool:
        """Keep the answer of a request that is still this one's; whether it was."""

    def release_answer(self, once: Once) -> None:
        """Let a request that came to nothing be made anew."""

    def forget_answers(self, now: datetime, count: int) -> int:
        """Forget at most `count` answers whose time is over; how many."""
