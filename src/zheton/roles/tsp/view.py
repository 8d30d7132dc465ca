"""A token as it counts at a debit, and what of tokens may be searched for."""

from dataclasses import dataclass
from datetime import datetime

from zheton.core.token.lifecycle import CardStatus
from zheton.roles.tsp.state import Card, Enrolment, RegisteredDevice

_WORST_FIRST = (
    CardStatus.DELETED,
    CardStatus.IDENTIFYING,
    CardStatus.SUSPENDED,
    CardStatus.ACTIVE,
)


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token, the card behind it, and the device that it is for, if that is known."""

    token: Enrolment
    card: Card
    device: RegisteredDevice | None
    changed_at: datetime

    @property
    def status(self) -> CardStatus:
        """The worst of the three: what counts at a debit."""
        parts = [self.token.status, self.card.status]
        parts += [self.device.status] if self.device else []
        return min(parts, key=_WORST_FIRST.index)

    @property
    def suspended_by(self) -> list[str]:
        """What of the three is suspended, and in whose name."""
        parts = [("token", self.token.held), ("card", self.card.held)]
        parts += [("device", self.device.held)] if self.device else []
        return [f"{what}: {who}" for what, held in parts for who in held.names]


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; "" and None stand for any. `owner` None looks at everybody's tokens."""

    owner: str | None
    status: CardStatus | None = None
    serial: str = ""
    par: str = ""
    last4: str = ""
    changed_since: datetime | None = None

    def finds(self, view: TokenView) -> bool:
        """Whether a token is meant, as far as the database does not decide it (owner, chip, PAR).

        It decides what it has an index for.
        """
        return (
            self.status in (None, view.status)
            and self.last4 in ("", view.card.last4)
            and (self.changed_since is None or view.changed_at >= self.changed_since)
        )
