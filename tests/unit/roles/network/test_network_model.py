"""Any order of debits, answers, silences, repeats and reversals, beside a model that keeps little.

The model knows what was asked and what was answered. Whatever happens, a number is approved once
at most, a repeat never hears anything new, and the burn maps say what the journal says.
"""

from dataclasses import dataclass, field
from random import Random

import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval, reversal
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
OUTCOMES = ("00", "00", "51", None)


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


class Switching:
    """A switch, three cards of four numbers each, and what an acquirer may do with them."""

    def __init__(self, bench: VaultBench, choice: Random) -> None:
        self.bench, self.choice = bench, choice
        self.batches = [bench.leased(serial=serial) for serial in range(1, CARDS + 1)]
        self.all: list[Asked] = []
        self.under_way: list[tuple[Asked, Forward]] = []
        self.approved: dict[tuple[int, int], Asked] = {}
        self.told_issuer: set[str] = set()

    def make(self) -> Asked:
        """A message is made; it may arrive later, often, or never."""
        card, place = self.choice.randrange(CARDS), self.choice.randrange(PLACES)
        proven = self.choice.random() < 0.9
        request = self.bench.at_till(
            self.batches[card],
            place,
            amount_minor=self.choice.choice((100, 200, 35000, 600_000)),
            changed={} if proven else {tags.APPLICATION_CRYPTOGRAM: bytes(8)},
        )
        new = Asked(request, card, place, proven)
        self.all.append(new)
        return new

    def arrive(self) -> None:
        """New ones and earlier ones arrive together, the same one maybe twice."""
        group = [self.make() for _ in range(self.choice.randint(0, 2))]
        group += self.choice.choices(self.all or [self.make()], k=self.choice.randint(1, 3))
        steps = authorise(self.bench.switch, [each.request for each in group], NOW)
        assert len(steps) == len(group)
        for each, step in zip(group, steps, strict=True):
            if isinstance(step, Forward):
                assert each.proven
                assert not each.reversed
                assert step.line.debit not in self.told_issuer
                self.told_issuer.add(step.line.debit)
                self.under_way.append((each, step))
            elif isinstance(step, Answer):
                self._hear(each, step.message)
            else:
                assert isinstance(step, Wait)

    def decide(self) -> None:
        """The issuer decides some of those that it has, or stays silent."""
        self.choice.shuffle(self.under_way)
        count = self.choice.randint(0, len(self.under_way))
        group, self.under_way = self.under_way[:count], self.under_way[count:]
        answered = []
        for _, step in group:
            code = self.choice.choice(OUTCOMES)
            answered.append(Answered(step, approval(step.message, code) if code else None))
        sent = complete(self.bench.switch, answered, NOW)
        for (each, _), message in zip(group, sent, strict=True):
            self._hear(each, message)

    def undo(self) -> None:
        """The acquirer gives up waiting, or never sent it."""
        each = self.choice.choice(self.all or [self.make()])
        response = reverse(self.bench.switch, reversal(each.request), NOW)
        assert response.text(39) == "00"
        each.reversed = True

    def crash(self) -> None:
        """The switch starts again: what was open is timed out; late answers still come."""
        count = self.choice.randint(1, 2)
        assert abandon(self.bench.switch, count, NOW, own=True) <= count

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

    def money_is_where_the_answers_say(self) -> None:
        """An approval that stands was heard; what the issuer must undo was told to it."""
        due = {line.debit for line in reversals_due(self.bench.switch, 999)}
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


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_things_keeps_the_promises(bench: VaultBench, seed: int) -> None:
    model = Switching(bench, Random(seed))
    acts = [model.arrive, model.decide, model.undo, model.crash]
    for act in model.choice.choices(acts, weights=(6, 5, 2, 1), k=60):
        act()
        model.burnt_is_what_was_journalled()
        model.money_is_where_the_answers_say()
    assert model.approved, "nothing was approved: this run has shown nothing"
