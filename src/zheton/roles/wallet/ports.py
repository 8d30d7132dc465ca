"""What the wallet needs of the world: the token service, a database, randomness.

Every operation of the token service raises RefusedError where it declines, NotFoundError or
ConflictError where the state of a thing forbids it, UnreachableError if no answer came.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from zheton.core.emv.device_proof import Evidence
from zheton.core.money import Money
from zheton.core.token.domain import Device as DeviceClass
from zheton.core.token.lifecycle import CardStatus, Cause, Verb
from zheton.roles.wallet.state import (
    Commit,
    CommitState,
    DebitNotice,
    Device,
    EncryptionKey,
    OnlineNumber,
    Package,
    Token,
    User,
    WalletCard,
)


class TokenService(Protocol):
    """The token service, as far as a wallet may ask it. `token` is a token unique reference."""

    def encryption_key(self) -> EncryptionKey:
        """The key that entry forms seal cards to."""
        ...

    def tokenise(self, envelope: str, region: str) -> Token:
        """Enrol the card in an envelope for a cardholder of a region (alpha-2)."""
        ...

    def activate(self, token: str, code: str) -> Token:
        """Activate a token by the code that its issuer delivered."""
        ...

    def look_up(self, token: str) -> Token:
        """A token as it stands."""
        ...

    def change_token(self, token: str, verb: Verb, cause: Cause) -> Token:
        """Suspend, resume or delete a token in its cardholder's name; the token after it."""
        ...

    def change_device(self, device: str, verb: Verb, cause: Cause) -> CardStatus:
        """Suspend or resume all that is on a device in its wearer's name; its status after it."""
        ...

    def challenge_device(self, serial: str) -> bytes:
        """What the chip of a serial number has to sign to be registered."""
        ...

    def register_device(
        self, device: str, serial: str, device_class: DeviceClass, shown: Evidence
    ) -> None:
        """Make a device known by what it shows; the same device again is nothing."""
        ...

    def provision(self, token: str, device: str, counter: int, batches: int) -> Package:
        """A package with new numbers for the chip whose payment domain counts `counter`."""
        ...

    def certify(self, token: str, device: str, counter: int) -> Package:
        """A package with certificates for numbers that a chip has without one.

        ConflictError where there are none.
        """
        ...

    def numbers_left(self, token: str, device: str) -> int:
        """How many numbers for tills of a token may still pay, of those that a device holds."""
        ...

    def provisioned(self, token: str) -> None:
        """The chip has taken what was provisioned; a second time is nothing."""
        ...

    def transact(
        self, token: str, device: str, limit: Money, merchant: str, minutes: int
    ) -> OnlineNumber:
        """A number for one debit in a web shop, sealed to its owner's phone."""
        ...


class WalletTx(Protocol):
    """Single operations inside one transaction of the wallet's database."""

    def add_user(self, user: User) -> None:
        """A new user."""
        ...

    def user_by_token(self, token_hash: str) -> User | None:
        """The user whose bearer token has this hash."""
        ...

    def add_device(self, device: Device) -> None:
        """A new device; ConflictError if its serial number is there."""
        ...

    def device(self, device: str) -> Device | None:
        """A device by its id."""
        ...

    def device_by_serial(self, serial: str) -> Device | None:
        """A device by its chip's serial number."""
        ...

    def devices(self, user: str) -> Sequence[Device]:
        """A user's devices, oldest first."""
        ...

    def set_resets(self, device: str, resets: int) -> None:
        """Of how many factory resets of a device the wallet has heard."""
        ...

    def remove_device(self, device: str) -> None:
        """Forget whose a device is; its commits stay."""
        ...

    def cards_on(self, device: str) -> Sequence[WalletCard]:
        """The cards that a device got packages for, whatever became of them."""
        ...

    def add_card(self, card: WalletCard) -> None:
        """A new card."""
        ...

    def card(self, card: str) -> WalletCard | None:
        """A card by its id."""
        ...

    def card_by_token(self, token: str) -> WalletCard | None:
        """A card by its token unique reference."""
        ...

    def cards(self, user: str) -> Sequence[WalletCard]:
        """A user's cards, oldest first."""
        ...

    def set_token(self, card: str, token: Token) -> None:
        """What the token service says of a card now."""
        ...

    def add_commit(self, commit: Commit) -> None:
        """A new commit; ConflictError if the device has one of its number."""
        ...

    def last_commit(self, device: str) -> Commit | None:
        """The newest commit of a device."""
        ...

    def commit(self, device: str, number: int) -> Commit | None:
        """A commit by device and number."""
        ...

    def commits_since(self, device: str, moment: datetime) -> int:
        """How many commits of a device were made since a moment."""
        ...

    def filled_at(self, device: str, card: str) -> datetime | None:
        """When the last commit of a card that the device has taken was made; None if none was."""
        ...

    def set_commit_state(self, commit: Commit, state: CommitState) -> bool:
        """Move a commit on from the state that `commit` has; whether it still had it."""
        ...

    def put_notice(self, notice: DebitNotice, card: str) -> None:
        """How a debit stands now, in place of how it stood."""
        ...

    def notice(self, debit: str) -> DebitNotice | None:
        """How a debit stood last."""
        ...

    def notices(self, card: str, limit: int) -> Sequence[DebitNotice]:
        """A card's debits, newest first, at most `limit`."""
        ...


class WalletStore(Protocol):
    """The wallet's database."""

    def transaction(self) -> AbstractContextManager[WalletTx]:
        """A transaction: durable when the block has ended, undone if it raises."""
        ...


class Entropy(Protocol):
    """Randomness."""

    def take(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        ...
