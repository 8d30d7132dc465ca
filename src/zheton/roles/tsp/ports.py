"""What the token service needs of the world."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from zheton.core.crypto.rsa import PublicKey
from zheton.core.debit import Journalled, Location
from zheton.core.emv.card_records import IssuerKey
from zheton.core.emv.certificates import CertificateText
from zheton.core.iso8583.message import Message
from zheton.core.scheme import Cipher
from zheton.core.scp03.keys import StaticKeys
from zheton.core.token.audit.entry import Resolution
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Limits
from zheton.core.token.lifecycle import BatchStatus
from zheton.core.token.number import TokenRange
from zheton.core.token.pan import Pan
from zheton.roles.tsp.change_ports import AnswerTx, ChangeTx
from zheton.roles.tsp.state import (
    Card,
    Change,
    Enrolment,
    Lease,
    OnlineNumber,
    RegisteredDevice,
    Requestor,
    Terms,
)
from zheton.roles.tsp.view import Search, TokenView


class Keys(Protocol):
    """The keys of the vault, as operations; masters never come out."""

    def token_range(self, token_bin: str) -> TokenRange:
        """The range of a BIN with its FF1 key."""

    def issuer_key_version(self, token_bin: str) -> int:
        """The version of the issuer master key for new batches of a BIN."""

    def card_key(
        self, cipher: Cipher, token_bin: str, version: int, number: str, sequence: int
    ) -> bytes:
        """The ICC master key of a number (EMV Book 2, A1.4)."""

    def seal_pan(self, pan: Pan, bucket: int, card: str) -> tuple[int, bytes]:
        """Key version and ciphertext of a card number, bound to its row."""

    def open_pan(self, version: int, sealed: bytes, bucket: int, card: str) -> Pan:
        """The card number again; VerificationError if the ciphertext is not of this row."""

    def data_key_version(self) -> int:
        """The version under which card numbers are sealed now."""

    def index_key_versions(self) -> Sequence[int]:
        """The versions under which cards may be indexed, the newest first."""

    def pan_indexes(self, pan: Pan) -> Sequence[bytes]:
        """The keyed indexes by which a card is found again, the newest first.

        There is one, and one more for each index key whose cards are not all re-indexed.
        """

    def par_suffix(self, pan: Pan) -> str:
        """The 25 characters that tell a card's payment account reference from any other's."""

    def code_mac(self, enrolment: str, code: str) -> bytes:
        """The keyed image of an activation code."""

    def challenge_mac(self, said: str) -> bytes:
        """The keyed image of what a device is challenged for: 32 bytes."""

    def issuer_key(self, token_bin: str) -> IssuerKey | None:
        """The issuer's key for a BIN as its authority certified it; None where there is none."""

    def certify_chip(
        self, token_bin: str, text: CertificateText, chip: PublicKey, static: bytes
    ) -> bytes:
        """The certificate (9F46) of a chip's key with a number and its static data."""

    def device_keys(self, serial: str) -> StaticKeys:
        """The keys of the payment security domain of one chip, shared since manufacture."""

    def open_envelope(self, jwe: str) -> bytes:
        """The content of a JWE encrypted to this vault; VerificationError if it does not open."""


class Entropy(Protocol):
    """Randomness."""

    def take(self, count: int) -> bytes:
        """`count` unpredictable bytes."""


class AppSeal(Protocol):
    """Sealing to the phones of cardholders."""

    def seal(self, app_key: str, content: bytes) -> str:
        """A compact JWE to a public key (JWK in JSON); EncodeError if it is none."""


class IssuerLink(Protocol):
    """The way to a card's issuer, through the network."""

    def exchange(self, pan: Pan, message: Message) -> Message:
        """The answer of the issuer of `pan`; UnreachableError if there is none in time."""


class VaultTx(ChangeTx, AnswerTx, Protocol):
    """Single operations inside one transaction of the vault."""

    def card_by_index(self, pan_index: bytes) -> Card | None:
        """The card of a keyed index, unless it is deleted."""

    def add_card(self, card: Card, pan_index: bytes, at: datetime) -> None:
        """A new card and its entry in the index."""

    def renew_card(
        self, card: Card, expiry: str, region: str, limits: Limits, at: datetime
    ) -> None:
        """Another expiry; region and limits too where the card has none yet."""

    def set_controls(self, before: Card, controls: str, limits: Limits, at: datetime) -> bool:
        """Write a sheet of controls and limits where the edition is that of `before`; whether."""

    def count_claims(self, card: Card, since: datetime) -> int:
        """How many claims to a card were made since a moment, whatever became of them."""

    def reseal_card(self, before: Card, version: int, sealed: bytes) -> bool:
        """Write another ciphertext where it is still that of `before`; whether it did."""

    def move_index(self, known: Card, old: Sequence[bytes], new: bytes) -> bool:
        """Put a card under a new index in the place of its old ones; whether it had one of them."""

    def log(self, resolutions: Sequence[Resolution]) -> None:
        """Write openings of cards into the detokenisation log."""

    def add_enrolment(self, enrolment: Enrolment, at: datetime) -> None:
        """A new claim to a card."""

    def enrolment(self, enrolment: str) -> tuple[Enrolment, Card] | None:
        """A claim by its id, with its card."""

    def change_enrolment(self, before: Enrolment, after: Enrolment, at: datetime) -> bool:
        """Write `after` where status and tries are still those of `before`; whether it did."""

    def add_device(self, device: RegisteredDevice) -> None:
        """A new device."""

    def device(self, device: str) -> RegisteredDevice | None:
        """A device by its id."""

    def device_by_serial(self, serial: str) -> RegisteredDevice | None:
        """A device by the serial number of its chip."""

    def hand_out(self, token_bin: str, bucket: int, count: int) -> list[int] | None:
        """`count` batch indexes never handed out before; None where a block has to be taken first.

        Fewer, or none, where the BIN has no others in this bucket.
        """

    def lease_free(self, terms: Terms, count: int) -> list[Batch]:
        """At most `count` free batches leased anew, each as its next generation.

        Only those whose last expiry lies before the new one, whose key version is older, and that
        have a generation left.
        """

    def add_batches(self, batches: Sequence[Batch]) -> None:
        """New leases."""

    def batches_of(self, enrolment: Enrolment) -> list[Batch]:
        """The leases of an enrolment that may still pay or are suspended."""

    def set_batch_status(self, batches: Sequence[Batch], status: BatchStatus) -> None:
        """Change the status of leases to one that somebody may ask for (`ASKED_FOR`).

        ConflictError, and the transaction is void, where the table of transitions does not lead
        there from what a lease is now, or where it is another generation's by now.
        """

    def expire(self, bucket: int, now: datetime, count: int) -> int:
        """End at most `count` leases whose date has passed; how many. All three keep a history."""

    def rest(self, bucket: int, now: datetime, window: timedelta, count: int) -> int:
        """Lay at most `count` ended batches to rest; how many."""

    def free(self, bucket: int, now: datetime, window: timedelta, count: int) -> int:
        """Free at most `count` batches that have rested for the window; how many were looked at.

        One stays at rest while one of its debits is under way or disputed.
        """

    def open_dispute(self, debit: Journalled, now: datetime) -> bool:
        """Note that a debit is disputed; whether it was not, as far as is known."""

    def close_dispute(self, debit: Journalled, now: datetime) -> bool:
        """Note that a dispute is over; whether there was one."""

    def touch(self, leases: Collection[tuple[Location, int]], now: datetime) -> set[Location]:
        """Count the dispute window of leases from now; the numbers of those that stand."""

    def debit_of(self, enrolment: Enrolment, debit: str) -> Journalled | None:
        """A debit by its id, if a lease of the enrolment made it and is not over."""

    def card(self, card: str) -> Card | None:
        """A card by its id, which begins with its bucket."""

    def take_online_place(self, enrolment: Enrolment, now: datetime) -> tuple[Batch, int] | None:
        """A place never given out before in an online batch of the enrolment, if one has any."""

    def add_online_number(self, number: OnlineNumber) -> None:
        """Bind an online number."""

    def use_code_try(self, at: Location, generation: int, tries: int) -> bool:
        """Use up one of an online number's `tries`; False where none is left."""


class Vault(Protocol):
    """The vault's database."""

    def transaction(self) -> AbstractContextManager[VaultTx]:
        """A transaction, committed when the block ends without an exception."""

    def take_block(self, token_bin: str, bucket: int, count: int, end: int) -> None:
        """Take batch indexes for this process to hand out, durably; outside of any transaction."""

    def buckets_due(self, now: datetime) -> list[int]:
        """The buckets in which time has something to do with batches."""

    def cards_after(self, bucket: int, after: str, count: int) -> list[Card]:
        """At most `count` cards of a bucket, in the order of their ids, those after `after`."""

    def count_cards(self) -> int:
        """How many cards there are."""

    def leases(self, at: Sequence[Location]) -> Mapping[Location, Lease]:
        """The leases behind some numbers, read at one moment; unknown ones are left out."""

    def requestor_by_key(self, key_hash: str) -> Requestor | None:
        """Whose key has this hash."""

    def device(self, device_id: str) -> RegisteredDevice | None:
        """A device by its id, as a transaction has it, but only reading."""

    def view(self, token: str) -> TokenView | None:
        """A token by its id, with card and device."""

    def views_after(self, wanted: Search, after: tuple[int, str], count: int) -> list[TokenView]:
        """At most `count` tokens of an owner, a chip, a PAR, those after a bucket and id."""

    def history_of_token(self, token: str, after: int, count: int) -> list[Change]:
        """The lines that concern a token, after an ordinal."""

    def history_of(
        self, bucket: int, subject: str, requestor: str, after: int, count: int
    ) -> list[Change]:
        """The lines of a subject that are a requestor's, after an ordinal."""

    def changes_after(
        self, requestor: str, counts: Sequence[int], first: int, count: int
    ) -> list[Change]:
        """At most `count` lines of a requestor, those of each bucket after its count.

        The buckets come in their order from `first` on.
        """
