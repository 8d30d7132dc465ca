"""The compiled policy against a reference that reads the rules day by day, and what it says."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.core.country import country
from zheton.core.errors import ConfigurationError
from zheton.core.policy.compiled import Policy
from zheton.core.policy.rule import Decision, Moment, Question, Rule
from zheton.core.token.domain import Channel, Device

NETWORKS = ("mastercard", "unionpay", "visa")
REGIONS = ("CN", "RU", "UA")
START = date(2019, 8, 1)
DAYS = [START + timedelta(days=n) for n in range(8)]
LAST = Rule("last", False, "not here")


def selector(values: Iterable[str]) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.frozensets(st.sampled_from(list(values)), min_size=1)


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Any rules that a policy accepts: those that it calls unreachable are taken out."""
    chosen: list[Rule] = []
    for n in range(draw(st.integers(0, 6))):
        edges = sorted(draw(st.lists(st.sampled_from(DAYS[1:-1]), max_size=2, unique=True)))
        begins = draw(st.booleans())
        start = edges[0] if edges and begins else None
        until = edges[-1] if edges and edges[-1] != start else None
        chosen.append(
            Rule(
                f"r{n}",
                draw(st.booleans()),
                f"text {n}",
                draw(selector(REGIONS)),
                draw(selector(NETWORKS)),
                draw(selector(list(Channel))),
                draw(selector(list(Device))),
                draw(selector(list(Moment))),
                start,
                until,
            )
        )
    while True:
        try:
            Policy("p", 1, (*chosen, LAST), NETWORKS)
        except ConfigurationError as error:
            chosen = [rule for rule in chosen if not str(error).startswith(f"rule {rule.name}:")]
            if str(error).startswith("rule last:"):
                return (Rule("all", chosen[-1].allow, "everywhere"),)
        else:
            return (*chosen, LAST)


def covers(rule: Rule, question: Question, channel: Channel, device: Device) -> bool:
    got = (question.region.alpha2, question.network, channel, device, question.moment)
    return all(s is None or g in s for s, g in zip(rule.scope, got, strict=True))


def naive_first(
    rules: tuple[Rule, ...], question: Question, channel: Channel, device: Device, on: date
) -> Rule:
    return next(r for r in rules if covers(r, question, channel, device) and r.in_force(on))


def naive_exact(
    rules: tuple[Rule, ...], question: Question, channel: Channel, device: Device
) -> tuple[bool, Rule, date | None]:
    """(allowed, deciding rule, next day that allows), by walking the calendar."""
    on = question.on
    first = naive_first(rules, question, channel, device, on)
    if first.allow:
        return True, first, None
    others = [(day, naive_first(rules, question, channel, device, day)) for day in DAYS]
    later = [(day, rule) for day, rule in others if day > on and rule.allow]
    earlier = [rule for day, rule in others if day < on and rule.allow]
    opens = later[0][0] if later else None
    for explanation in ([later[0][1]] if later else []) + earlier[-1:]:
        if rules.index(explanation) < rules.index(first):
            return False, explanation, opens
    return False, first, opens


def naive(rules: tuple[Rule, ...], question: Question) -> tuple[bool, Rule, date | None]:
    channels = [question.channel] if question.channel else list(Channel)
    devices = [question.device] if question.device else list(Device)
    found = [naive_exact(rules, question, c, d) for c, d in product(channels, devices)]
    return min(found, key=lambda f: (not f[0], f[2] or date.max, rules.index(f[1])))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    moment = draw(st.sampled_from(Moment))
    maybe: list[None] = [] if moment is Moment.DEBIT else [None]
    return Question(
        moment,
        country(draw(st.sampled_from((*REGIONS, "DE", "US")))),
        draw(st.sampled_from(NETWORKS)),
        draw(st.sampled_from(DAYS)),
        draw(st.sampled_from([*maybe, *Channel])),
        draw(st.sampled_from([*maybe, *Device])),
    )


@settings(max_examples=60, deadline=None)
@given(rules(), st.lists(questions(), min_size=20, max_size=40))
def test_a_compiled_decision_is_the_naive_one(
    given_rules: tuple[Rule, ...], asked: list[Question]
) -> None:
    policy = Policy("p", 1, given_rules, NETWORKS)
    for question in asked:
        decision = policy.decide(question)
        allowed, rule, opens = naive(given_rules, question)
        assert (decision.allowed, decision.rule, decision.from_date) == (allowed, rule.name, opens)


@settings(max_examples=60, deadline=None)
@given(rules(), questions())
def test_exactly_one_rule_decides_and_the_text_names_it(
    given_rules: tuple[Rule, ...], question: Question
) -> None:
    decision = Policy("p", 1, given_rules, NETWORKS).decide(question)
    assert [r.name for r in given_rules].count(decision.rule) == 1
    assert decision.text.count("(rule ") == 1
    assert f"(rule {decision.rule})" in decision.text
    assert question.region.name in decision.text


@settings(max_examples=60, deadline=None)
@given(rules(), questions())
def test_the_promised_day_allows_and_no_day_before_it(
    given_rules: tuple[Rule, ...], question: Question
) -> None:
    policy = Policy("p", 1, given_rules, NETWORKS)
    decision = policy.decide(question)
    after = [day for day in DAYS if day > question.on]
    allowed = [day for day in after if policy.decide(replace(question, on=day)).allowed]
    if not decision.allowed:
        assert decision.from_date == (allowed[0] if allowed else None)


def debit(on: date) -> Question:
    return Question(Moment.DEBIT, country("RU"), "mastercard", on, Channel.TILL, Device.BAND)


PILOT = Rule(
    "pilot",
    True,
    "a pilot",
    frozenset({"RU"}),
    from_date=date(2019, 8, 10),
    until=date(2019, 8, 20),
)


def test_a_rule_that_begins_and_ends_says_so() -> None:
    policy = Policy("p", 1, (PILOT, LAST), NETWORKS)
    before, within, after = (policy.decide(debit(date(2019, 8, day))) for day in (9, 10, 20))
    assert before == Decision(
        False,
        "pilot",
        "Russia opens on 2019-08-10: a pilot (rule pilot); this debit is of 2019-08-09",
        date(2019, 8, 10),
    )
    assert within == Decision(True, "pilot", "Russia: a pilot (rule pilot)")
    assert after == Decision(
        False,
        "pilot",
        "Russia closed on 2019-08-20: a pilot (rule pilot); this debit is of 2019-08-20",
    )


def test_a_pause_names_itself_and_the_day_on_which_it_ends() -> None:
    pause = Rule(
        "pause",
        False,
        "paused",
        frozenset({"RU"}),
        from_date=date(2019, 8, 1),
        until=date(2019, 8, 5),
    )
    policy = Policy("p", 1, (pause, Rule("all", True, "works")), NETWORKS)
    assert policy.decide(debit(date(2019, 8, 4))) == Decision(
        False, "pause", "Russia: paused (rule pause); allowed from 2019-08-05", date(2019, 8, 5)
    )


def test_a_rule_that_never_decides_is_an_error() -> None:
    shadowed = Rule("shadowed", False, "never", frozenset({"RU"}), channels=frozenset({"till"}))
    open_all = Rule("open", True, "works", frozenset({"RU"}))
    with pytest.raises(ConfigurationError, match=r"rule shadowed: it never decides.*move it up"):
        Policy("p", 1, (open_all, shadowed, LAST), NETWORKS)


def test_a_debit_needs_its_channel_and_device() -> None:
    with pytest.raises(ConfigurationError, match="channel and device"):
        replace(debit(START), channel=None)


def test_an_unknown_network_is_an_error_and_no_refusal() -> None:
    policy = Policy("p", 1, (LAST,), NETWORKS)
    with pytest.raises(ConfigurationError, match="knows no network 'amex'"):
        policy.decide(replace(debit(START), network="amex"))
