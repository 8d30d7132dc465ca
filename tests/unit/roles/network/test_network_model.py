"""Any order of debits, answers, silences, repeats and reversals, beside a model that keeps little.

The model knows what was asked and what was answered. Whatever happens, a number is approved once
at most, a repeat never hears anything new, and the burn maps say what the journal says.
"""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, reversal
from zheton.adapters.storage.database import Database
from zheton.core.debit import DebitState
from zheton.core.emv import tags
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, decode, encode
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, abandon, complete, reversals_due
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Answer, Forward, Wait

CARDS = 3
PLACES = 4
OUTCOMES = ("00", "51", None)


@dataclass
class Asked:
    """A debit as its acquirer remembers it: what was asked, and every answer that came."""

    request: Message
    card: int
    place: int
    proven: bool
    reversed: bool = False
    heard: set[bytes] = field(default_factory=set)

    def __hash__(self) -> int:
        return id(self)


class Switching(RuleBasedStateMachine):
    """A switch, three cards of four numbers each, and what an acquirer may do with them."""

    asked = Bundle("asked")
    under_way = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.database = Database("sqlite://")
        self.bench = VaultBench(self.database)
        self.batches = [self.bench.leased(serial=serial) for serial in range(1, CARDS + 1)]
        self.all: list[Asked] = []
        self.approved: dict[tuple[int, int], Asked] = {}
        self.told_issuer: set[str] = set()

    def teardown(self) -> None:
        self.database.close()

    @rule(
        target=asked,
        card=st.integers(0, CARDS - 1),
        place=st.integers(0, PLACES - 1),
        amount=st.sampled_from((100, 35000, 600_000)),
        proven=st.sampled_from((True, True, True, False)),
    )
    def make(self, card: int, place: int, amount: int, proven: bool) -> Asked:
        """A message is made; it may arrive later, often, or never."""
        changed = {} if proven else {tags.APPLICATION_CRYPTOGRAM: bytes(8)}
        request = self.bench.at_till(
            self.batches[card], place, amount_minor=amount, changed=changed
        )
        new = Asked(request, card, place, proven)
        self.all.append(new)
        return new

    @precondition(lambda self: self.all)
    @rule(target=under_way, group=st.lists(asked, min_size=1, max_size=5))
    def arrive(self, group: list[Asked]) -> object:
        """Some of them arrive together, the same one maybe twice."""
        steps = authorise(self.bench.switch, [each.request for each in group], NOW)
        assert len(steps) == len(group)
        forwards = []
        for each, step in zip(group, steps, strict=True):
            if isinstance(step, Forward):
                assert each.proven
                assert not each.reversed
                assert step.line.debit not in self.told_issuer
                self.told_issuer.add(step.line.debit)
                forwards.append((each, step))
            elif isinstance(step, Answer):
                self._hear(each, step.message)
            else:
                assert isinstance(step, Wait)
        return multiple(*forwards)

    @rule(open_one=consumes(under_way), code=st.sampled_from(OUTCOMES))
    def answer(self, open_one: tuple[Asked, Forward], code: str | None) -> None:
        """The issuer decides one of those that it has, or stays silent."""
        each, step = open_one
        response = approval(step.message, code) if code else None
        (message,) = complete(self.bench.switch, [Answered(step, response)], NOW)
        self._hear(each, message)

    @rule(each=asked)
    def undo(self, each: Asked) -> None:
        """The acquirer gives up waiting, or never sent it."""
        response = reverse(self.bench.switch, reversal(each.request), NOW)
        assert response.text(39) == "00"
        each.reversed = True

    @rule(count=st.integers(1, 3))
    def crash(self, count: int) -> None:
        """The switch starts again: what was open is timed out; late answers still come."""
        assert abandon(self.bench.switch, count) <= count

    def _hear(self, each: Asked, message: Message) -> None:
        code = message.text(39)
        if code == "00":
            assert each.proven
            assert not each.reversed
            winner = self.approved.setdefault((each.card, each.place), each)
            assert winner is each, "one number was approved for two debits"
        # What was approved before a reversal is answered as reversed after it: that is no news.
        each.heard.add(encode(DIALECT, message))
        fixed = {raw for raw in each.heard if not self._may_change(raw)}
        assert len(fixed) <= 1, "a repeat heard something new"

    def _may_change(self, raw: bytes) -> bool:
        """63 and 12 say what has become of a number since; everything else is an outcome."""
        return decode(DIALECT, raw).text(39) in ("63", "12")

    @invariant()
    def burnt_is_what_was_journalled(self) -> None:
        """A bit is set for a debit that went past its proof, or was blocked and came; no other."""
        for card, batch in enumerate(self.batches):
            burnt = self.bench.burnt(batch)
            for place in range(PLACES):
                at = self.bench.tokens.locate(self.bench.number(batch, place))
                assert at is not None
                lines = self.bench.vault.of_number(at)
                past = [line for line in lines if line.state is not DebitState.BLOCKED]
                assert len(past) <= 1
                if past:
                    assert burnt >> place & 1, (card, place)
                elif burnt >> place & 1:
                    assert lines, (card, place)
            assert burnt >> PLACES == 0

    @invariant()
    def money_is_where_the_answers_say(self) -> None:
        """An approval that stands was heard; what the issuer must undo was told to it."""
        due = {line.debit for line, _ in reversals_due(self.bench.switch, 999)}
        assert due <= self.told_issuer
        for (card, place), each in self.approved.items():
            at = self.bench.tokens.locate(self.bench.number(self.batches[card], place))
            assert at is not None
            (line,) = [
                found
                for found in self.bench.vault.of_number(at)
                if found.state in (DebitState.APPROVED, DebitState.REVERSED)
            ]
            assert (line.state is DebitState.REVERSED) == each.reversed
            assert (line.debit in due) == each.reversed


Switching.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestSwitching = Switching.TestCase
