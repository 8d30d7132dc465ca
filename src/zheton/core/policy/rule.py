"""The vocabulary of rollout: what is asked, what a rule says, and what was decided."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from zheton.core.country import Country
from zheton.core.errors import ConfigurationError
from zheton.core.token.domain import Channel, Device


class Moment(StrEnum):
    """When the policy is asked: a card is enrolled, a device is provisioned, money moves."""

    ENROLMENT = "enrolment"
    PROVISIONING = "provisioning"
    DEBIT = "debit"


@dataclass(frozen=True, slots=True)
class Question:
    """May this happen here on this day?

    `region` is the cardholder's country at enrolment and provisioning, the merchant's at a debit.
    Before a debit the channel is not known yet, and at enrolment neither is the device: None asks
    whether any would do, so that an Indian card can be enrolled for the web shops it is good for.
    """

    moment: Moment
    region: Country
    network: str
    on: date
    channel: Channel | None = None
    device: Device | None = None

    def __post_init__(self) -> None:
        if self.moment is Moment.DEBIT and (self.channel is None or self.device is None):
            raise ConfigurationError("A debit is judged by its channel and device; name both.")


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy answers: the rule that decided and a sentence for a person.

    Where it refuses, `from_date` is the first later day on which the same question is allowed.
    """

    allowed: bool
    rule: str
    text: str
    from_date: date | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A selector of None selects everything; `until` is the first day without the rule.

    `text` says what holds in the regions of the rule, such as "Mastercard only".
    """

    name: str
    allow: bool
    text: str
    regions: frozenset[str] | None = None  # alpha-2
    networks: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    devices: frozenset[str] | None = None
    moments: frozenset[str] | None = None
    from_date: date | None = None
    until: date | None = None

    def in_force(self, on: date) -> bool:
        """Whether the rule holds on this day: `from_date` included, `until` not."""
        return (self.from_date is None or self.from_date <= on) and (
            self.until is None or on < self.until
        )

    @property
    def scope(self) -> tuple[frozenset[str] | None, ...]:
        """The five selectors, without the dates."""
        return (self.regions, self.networks, self.channels, self.devices, self.moments)
