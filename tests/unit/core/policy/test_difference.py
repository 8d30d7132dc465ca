"""A difference of policies tells exactly the outcomes that flip, and nothing else."""

from dataclasses import replace
from datetime import date

from zheton.core.country import country
from zheton.core.policy.compiled import Policy
from zheton.core.policy.difference import difference
from zheton.core.policy.rule import Moment, Rule
from zheton.core.token.domain import Channel, Device

NETWORKS = ("mastercard", "visa")
LAST = Rule("last", False, "not here")
LAUNCH = Rule("launch", True, "works", frozenset({"RU"}), from_date=date(2019, 8, 31))


def policy(*rules: Rule) -> Policy:
    return Policy("p", 1, rules, NETWORKS)


def test_a_policy_does_not_differ_from_itself_nor_from_one_with_other_words() -> None:
    renamed = replace(LAUNCH, name="start", text="is open")
    assert not list(difference(policy(LAUNCH, LAST), policy(renamed, LAST)))


def test_a_later_launch_takes_away_the_days_between() -> None:
    later = replace(LAUNCH, from_date=date(2019, 9, 15))
    changes = list(difference(policy(LAUNCH, LAST), policy(later, LAST)))
    assert {(c.from_date, c.until) for c in changes} == {(date(2019, 8, 31), date(2019, 9, 15))}
    assert {c.region for c in changes} == {country("RU")}
    assert all(c.before.allowed and not c.after.allowed for c in changes)
    # Each network: one enrolment, a provisioning and two debits (till, online) per device class.
    assert len(changes) == len(NETWORKS) * (1 + len(Device) + len(Channel) * len(Device))


def test_neighbouring_days_with_the_same_outcome_are_one_change() -> None:
    halves = (
        replace(LAUNCH, name="first", until=date(2019, 10, 1)),
        replace(LAUNCH, name="second", from_date=date(2019, 10, 1)),
    )
    changes = list(difference(policy(LAST), policy(*halves, LAST)))
    assert {(c.from_date, c.until) for c in changes} == {(date(2019, 8, 31), None)}


def test_what_opens_elsewhere_has_no_region() -> None:
    online = Rule("web", True, "online", channels=frozenset({"online"}))
    changes = list(difference(policy(LAUNCH, LAST), policy(LAUNCH, online, LAST)))
    elsewhere = [c for c in changes if c.region is None and c.moment is Moment.DEBIT]
    assert {(c.channel, c.from_date, c.until) for c in elsewhere} == {(Channel.ONLINE, None, None)}
    russia = [c for c in changes if c.region == country("RU")]
    assert {c.until for c in russia} == {date(2019, 8, 31)}
