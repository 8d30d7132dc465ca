"""What would change if one policy replaced another: outcomes, not lines of a file."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import product

from zheton.core.country import BY_ALPHA2, Country
from zheton.core.policy.compiled import Policy
from zheton.core.policy.rule import Decision, Moment, Question
from zheton.core.token.domain import Channel, Device


@dataclass(frozen=True, slots=True)
class Change:
    """One outcome that differs from `from_date` (None: since ever) until `until` (None: for good).

    `region` is None for all the countries that neither policy names. `channel` and `device` are
    None where they are not asked about.
    """

    region: Country | None
    network: str
    moment: Moment
    channel: Channel | None
    device: Device | None
    from_date: date | None
    until: date | None
    before: Decision
    after: Decision


def difference(old: Policy, new: Policy) -> Iterator[Change]:
    """Every outcome that is allowed by one policy and refused by the other, in a fixed order."""
    named = old.regions | new.regions
    elsewhere = next((each for code, each in BY_ALPHA2.items() if code not in named), None)
    regions = [BY_ALPHA2[code] for code in sorted(named)] + ([elsewhere] if elsewhere else [])
    for region, network in product(regions, sorted(old.networks & new.networks)):
        for moment, channel, device in _askable():
            since_ever = Question(moment, region, network, date.min, channel, device)
            for change in _changes(old, new, since_ever):
                yield replace(change, region=None) if region is elsewhere else change


def _askable() -> Iterator[tuple[Moment, Channel | None, Device | None]]:
    yield Moment.ENROLMENT, None, None
    for device in Device:
        yield Moment.PROVISIONING, None, device
    for channel, device in product(Channel, Device):
        yield Moment.DEBIT, channel, device


def _changes(old: Policy, new: Policy, since_ever: Question) -> Iterator[Change]:
    """The changes of one cell, neighbouring days with the same outcome taken together."""
    days = sorted(set(old.days()) | set(new.days()))
    questions = [replace(since_ever, on=day) for day in days]
    outcomes = [(old.decide(question), new.decide(question)) for question in questions]
    edges = [*days, None]
    begin = 0
    for end in range(1, len(days) + 1):
        before, after = outcomes[begin]
        if end < len(days) and _allowed(outcomes[end]) == _allowed(outcomes[begin]):
            continue
        if before.allowed != after.allowed:
            yield Change(
                since_ever.region,
                since_ever.network,
                since_ever.moment,
                since_ever.channel,
                since_ever.device,
                edges[begin] if begin else None,
                edges[end],
                before,
                after,
            )
        begin = end


def _allowed(outcome: tuple[Decision, Decision]) -> tuple[bool, bool]:
    before, after = outcome
    return before.allowed, after.allowed
