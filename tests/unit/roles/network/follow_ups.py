"""A debit that its issuer approved, and the messages that may follow it."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, through_the_wire
from zheton.core.debit import Journalled
from zheton.core.follow_up import (
    CODE,
    MTI,
    PREAUTHORISED,
    PROCESSING_CODE,
    FollowUpKind,
    replacement,
)
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.match import Original
from zheton.core.iso8583.message import Message
from zheton.core.money import Money, currency
from zheton.core.token.batch import Batch
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.follow_up.conclude import AnsweredFollowUp, ForwardFollowUp, conclude
from zheton.roles.network.follow_up.take import take_follow_ups
from zheton.roles.network.follow_up.undo import reverse_follow_up
from zheton.roles.network.follow_up_line import FollowUp
from zheton.roles.network.state import Answer, Forward

INC, CPL, RFD, PART = (
    FollowUpKind.INCREMENT,
    FollowUpKind.COMPLETION,
    FollowUpKind.REFUND,
    FollowUpKind.PARTIAL_REVERSAL,
)
AUTH_CODE = "A1B2C3"
_stans = count(500_001)


def debited(
    bench: VaultBench, batch: Batch, place: int = 0, *, minor: int = 10_000, kind: str = "sale"
) -> Message:
    """The 0100 of a debit that its issuer has approved; of kind `sale` or `hold`."""
    fields: dict[int, Value] = {25: PREAUTHORISED if kind == "hold" else "00"}
    request = bench.at_till(batch, place, amount_minor=minor, fields=fields)
    (step,) = authorise(bench.switch, [request], NOW)
    assert isinstance(step, Forward)
    complete(bench.switch, [Answered(step, approval(step.message))], NOW)
    return request


def follow_up(
    original: Message,
    kind: FollowUpKind,
    minor: int,
    *,
    left: int | None = None,
    changes: dict[int, Value] | None = None,
) -> Message:
    """What its acquirer sends about a debit; `left` is DE95."""
    stan = f"{next(_stans):06d}"
    named = Original("0100", original.text(11), original.text(7), original.text(32), "")
    fields: dict[int, Value] = {n: original[n] for n in (2, 14, 18, 19, 32, 37, 41, 42, 43, 49)}
    fields |= {
        3: PROCESSING_CODE[kind],
        4: f"{minor:012d}",
        7: "0910093500",
        11: stan,
        38: AUTH_CODE,
        90: named.encode(),
    }
    if kind in CODE:
        fields[48] = subelements.encode({subelements.FOLLOW_UP: CODE[kind]})
    if kind is RFD:
        fields[37] = stan.rjust(12, "9")
    if left is not None:
        fields[95] = replacement(Money(left, currency(original.text(49))))
    return through_the_wire(Message(MTI[kind], {**fields, **(changes or {})}))


def reversal_of(message: Message, **changes: Value) -> Message:
    """The 0400 that takes a follow-up back."""
    named = Original(message.mti, message.text(11), message.text(7), message.text(32), "")
    fields = {n: message[n] for n in (2, 3, 4, 32, 37, 41, 42, 48, 49)}
    fields |= {7: "0910093600", 11: f"{next(_stans):06d}", 90: named.encode()}
    fields |= {int(name[2:]): value for name, value in changes.items()}
    return through_the_wire(Message("0400", fields))


@dataclass
class Shop:
    """An acquirer that asks a switch, whose issuer answers as it is told to."""

    bench: VaultBench

    def begin(self, message: Message, now: datetime = NOW) -> ForwardFollowUp | Message:
        """What becomes of a message: a question to the issuer, or its answer."""
        (step,) = take_follow_ups(self.bench.switch, [message], now)
        if isinstance(step, Answer):
            return step.message
        assert isinstance(step, ForwardFollowUp)
        return step

    def end(self, forward: ForwardFollowUp, code: str | None = "00") -> str:
        """DE39 after the issuer's answer, or its silence."""
        response = approval(forward.message, code) if code else None
        (message,) = conclude(self.bench.switch, [AnsweredFollowUp(forward, response)])
        return message.text(39)

    def ask(self, message: Message, code: str | None = "00", now: datetime = NOW) -> str:
        """DE39 for a message, whatever way it goes."""
        step = self.begin(message, now)
        return step.text(39) if isinstance(step, Message) else self.end(step, code)

    def reverse(self, message: Message) -> str:
        """DE39 of a 0410."""
        return reverse_follow_up(self.bench.switch, message, NOW).text(39)

    def line(self, original: Message) -> Journalled:
        """The debit as the journal has it."""
        (line,) = self.bench.vault.of_number(self.bench.read(original).at)
        return line

    def lines(self, original: Message) -> list[FollowUp]:
        """What followed it."""
        return self.bench.vault.follow_ups_of(self.bench.read(original).at)

    def sums(self, original: Message) -> tuple[int, int]:
        """What is held of a debit, and what was refunded."""
        line = self.line(original)
        return line.held_minor, line.refunded_minor
