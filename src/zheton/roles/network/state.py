"""What the network owns: the steps of a debit, and what its verbs need of the world."""

from collections.abc import Mapping
from dataclasses import dataclass

from zheton.core.again import Again, once
from zheton.core.debit import Admitted, Journalled
from zheton.core.decline import Decline
from zheton.core.iso8583.message import Message
from zheton.roles.network.allowance import NO_STAND_IN, StandIns
from zheton.roles.network.ports import Entropy, Journal, Tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """Send this back to the acquirer. `decline` says why, for logs; None where the journal knew."""

    message: Message
    decline: Decline | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """Send this to the issuer; its answer, or its silence, goes to `complete`."""

    message: Message
    request: Message
    admitted: Admitted
    line: Journalled


@dataclass(frozen=True, slots=True)
class Wait:
    """A repeat of a debit under way: answer it when that one is answered."""

    request: Message
    debit: str


Step = Answer | Forward | Wait


@dataclass(frozen=True, slots=True)
class Switch:
    """What the network's verbs need of the world, put together once.

    Several processes may be switches of one vault. `mark` is what the ids of one's debits begin
    with: nobody else has it while this one runs, and this one has it again after a crash.
    """

    tokens: Tokens
    journal: Journal
    entropy: Entropy
    requestors: Mapping[str, str]  # network -> token requestor id
    who: str = "network"  # the party and its process, as the detokenisation log calls them
    again: Again = once
    mark: bytes = b""
    stand_ins: StandIns = NO_STAND_IN
