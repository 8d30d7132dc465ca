"""A policy compiled for debits: one dictionary access and one bisection a decision.

A cell is what rules can tell apart: region, network, channel, device, moment. Its rules change
only on the days on which a rule begins or ends, so a cell is a short list of days, each with
the verdict that holds from then on. Countries that no rule names share the cells of ELSEWHERE.

How a verdict is found: the first rule in the order of the file that selects the cell and is in
force decides. One refinement makes refusals say what people ask next. Where a rule refuses, but
a rule *above* it will allow the same on a later day, that one decides ("opens on"); where a rule
above it allowed the same on an earlier day, that one ("closed on").
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product

from zheton.core.errors import ConfigurationError
from zheton.core.policy.rule import Decision, Moment, Question, Rule
from zheton.core.token.domain import Channel, Device

ELSEWHERE = ""  # sorts before, and never equals, an alpha-2 code

Cell = tuple[str, str, Channel | None, Device | None, Moment]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision before its words: `rule` decided; `opens` is the next day that allows."""

    allowed: bool
    rule: Rule
    place: int
    opens: date | None = None
    timing: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The verdicts of a cell; the n-th holds from the n-th day on, the first since ever."""

    days: tuple[date, ...]
    verdicts: tuple[Verdict, ...]

    def at(self, on: date) -> Verdict:
        """The verdict of a day."""
        return self.verdicts[bisect_right(self.days, on) - 1]


class Policy:
    """A named version of the rollout rules, ready to answer questions."""

    __slots__ = ("_cells", "name", "networks", "regions", "rules", "version")

    def __init__(
        self, name: str, version: int, rules: tuple[Rule, ...], networks: Collection[str]
    ) -> None:
        """Compile rules whose last one selects everything; ConfigurationError if one never acts."""
        self.name, self.version, self.rules = name, version, rules
        self.networks = frozenset(networks)
        self.regions = frozenset(r for rule in rules for r in rule.regions or ())
        self._cells = dict(_compile(rules, self.regions, self.networks))
        _check_all_reachable(rules, self._cells.values())

    def decide(self, question: Question) -> Decision:
        """The answer to one question; ConfigurationError if it names an unknown network."""
        region = question.region.alpha2
        cell = (
            region if region in self.regions else ELSEWHERE,
            question.network,
            question.channel,
            question.device,
            question.moment,
        )
        timeline = self._cells.get(cell)
        if timeline is None:
            raise ConfigurationError(
                f"Policy {self.name} knows no network {question.network!r}; "
                f"it was read for {', '.join(sorted(self.networks))}."
            )
        verdict = timeline.at(question.on)
        return Decision(
            verdict.allowed, verdict.rule.name, _words(verdict, question), verdict.opens
        )

    def days(self) -> list[date]:
        """Every day on which any outcome may change, in order, the first since ever."""
        return _days(self.rules)


def _words(verdict: Verdict, question: Question) -> str:
    rule, where = verdict.rule, question.region.name
    if not verdict.timing:
        later = f"; allowed from {verdict.opens}" if verdict.opens else ""
        return f"{where}: {rule.text} (rule {rule.name}){later}"
    return (
        f"{where} {verdict.timing}: {rule.text} (rule {rule.name}); "
        f"this {question.moment} is of {question.on}"
    )


def _days(rules: Collection[Rule]) -> list[date]:
    edges = {edge for rule in rules for edge in (rule.from_date, rule.until) if edge}
    return sorted({date.min} | edges)


def _compile(
    rules: tuple[Rule, ...], regions: frozenset[str], networks: frozenset[str]
) -> Iterator[tuple[Cell, Timeline]]:
    for region, network, moment in product({ELSEWHERE} | regions, networks, Moment):
        exact = {
            (channel, device): _timeline(rules, (region, network, channel, device, moment))
            for channel, device in product(Channel, Device)
        }
        for (channel, device), timeline in exact.items():
            yield (region, network, channel, device, moment), timeline
        for channel in (None, *Channel):
            for device in (None, *Device):
                if channel is None or device is None:
                    options = [
                        exact[c, d]
                        for c, d in exact
                        if channel in (None, c) and device in (None, d)
                    ]
                    yield (region, network, channel, device, moment), _any_of(options)


def _timeline(rules: tuple[Rule, ...], cell: Cell) -> Timeline:
    """The verdicts of one exact cell."""
    covering = [(place, rule) for place, rule in enumerate(rules) if _selects(rule, cell)]
    days = _days([rule for _, rule in covering])
    first = [next(pair for pair in covering if pair[1].in_force(day)) for day in days]
    verdicts = []
    for n, (place, rule) in enumerate(first):
        verdict = Verdict(rule.allow, rule, place)
        if not rule.allow:
            verdict = _explained(verdict, first[:n], list(zip(days, first, strict=True))[n + 1 :])
        verdicts.append(verdict)
    return Timeline(tuple(days), tuple(verdicts))


def _explained(
    refusal: Verdict,
    past: list[tuple[int, Rule]],
    future: list[tuple[date, tuple[int, Rule]]],
) -> Verdict:
    """A refusal, or the rule above it that opens later or closed earlier the same cell."""
    opens, opener = next(((day, pair) for day, pair in future if pair[1].allow), (None, None))
    if opener and opener[0] < refusal.place:
        place, rule = opener
        return Verdict(False, rule, place, opens, f"opens on {opens}")
    closer = next((pair for pair in reversed(past) if pair[1].allow), None)
    if closer and closer[0] < refusal.place:
        place, rule = closer
        return Verdict(False, rule, place, opens, f"closed on {rule.until}")
    return Verdict(False, refusal.rule, refusal.place, opens)


def _selects(rule: Rule, cell: Cell) -> bool:
    return all(
        wanted is None or got in wanted for wanted, got in zip(rule.scope, cell, strict=True)
    )


def _any_of(options: list[Timeline]) -> Timeline:
    """What holds if any of the options will do: what is allowed, else what opens first."""
    days = sorted({day for option in options for day in option.days})
    best = tuple(min((option.at(day) for option in options), key=_preference) for day in days)
    return Timeline(tuple(days), best)


def _preference(verdict: Verdict) -> tuple[bool, date, int]:
    return not verdict.allowed, verdict.opens or date.max, verdict.place


def _check_all_reachable(rules: tuple[Rule, ...], timelines: Collection[Timeline]) -> None:
    acting = {verdict.rule.name for line in timelines for verdict in line.verdicts}
    for rule in rules:
        if rule.name not in acting:
            raise ConfigurationError(
                f"rule {rule.name}: it never decides, since the rules above it decide all that it "
                f"selects; move it up, narrow what stands above it, or delete it."
            )
