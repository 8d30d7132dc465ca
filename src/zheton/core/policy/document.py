"""Reads a policy out of a parsed TOML document and rejects every mistake that it can see.

A rollout file decides whether money moves, so nothing in it is guessed or ignored: an unknown
key, name or type is an error that names the rule and the nearest thing that was meant.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from itertools import combinations
from typing import TypeVar

from zheton.core.country import country
from zheton.core.errors import ConfigurationError
from zheton.core.policy.compiled import Policy
from zheton.core.policy.rule import Moment, Rule
from zheton.core.spelling import suggestion
from zheton.core.token.domain import Channel, Device

RULES_MAX = 1000
TEXT_MAX = 200

_POLICY_KEYS = ("name", "version", "rule")
_SELECTORS = ("regions", "networks", "channels", "devices", "moments")
_RULE_KEYS = ("name", "allow", "text", *_SELECTORS, "from", "until")

_T = TypeVar("_T")


def read_policy(document: Mapping[str, object], networks: Collection[str]) -> Policy:
    """A policy from its document; ConfigurationError says which rule is wrong and how.

    `networks` are the names that rules may use, those of the installation's schemes.
    """
    _check_keys(document, _POLICY_KEYS, "the policy")
    name = _required(document, "name", str, "the policy")
    version = _required(document, "version", int, "the policy")
    tables = _required(document, "rule", list, "the policy")
    if not 1 <= len(tables) <= RULES_MAX:
        raise ConfigurationError(f"a policy has between 1 and {RULES_MAX} rules.")
    rules = tuple(_read_rule(table, n, networks) for n, table in enumerate(tables, start=1))
    _check_names(rules)
    _check_last(rules[-1])
    _check_dates(rules)
    return Policy(name, version, rules, networks)


def _read_rule(table: object, number: int, networks: Collection[str]) -> Rule:
    where = f"rule {number}"
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where}: it is no table; write each rule under [[rule]].")
    name = _required(table, "name", str, where)
    where = f"rule {name}"
    _check_keys(table, _RULE_KEYS, where)
    text = _required(table, "text", str, where)
    if not text or len(text) > TEXT_MAX:
        raise ConfigurationError(f"{where}: its text has between 1 and {TEXT_MAX} characters.")
    start, until = _day(table, "from", where), _day(table, "until", where)
    if start and until and until <= start:
        raise ConfigurationError(
            f"{where}: until ({until}) is not after from ({start}); "
            f"until is the first day on which the rule no longer holds."
        )
    return Rule(
        name,
        _required(table, "allow", bool, where),
        text,
        regions=_regions(table, where),
        networks=_names(table, "networks", networks, where),
        channels=_names(table, "channels", [each.value for each in Channel], where),
        devices=_names(table, "devices", [each.value for each in Device], where),
        moments=_names(table, "moments", [each.value for each in Moment], where),
        from_date=start,
        until=until,
    )


def _check_keys(table: Mapping[str, object], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigurationError(
                f"{where}: unknown key {key!r}{suggestion(key, known)} "
                f"(there are {', '.join(known)})."
            )


def _required(table: Mapping[str, object], key: str, kind: type[_T], where: str) -> _T:
    value = table.get(key)
    # Exact, since True is an int to isinstance, and `version = true` a mistake.
    if not isinstance(value, kind) or type(value) is not kind:
        raise ConfigurationError(f"{where}: {key!r} must be there, as {_KINDS[kind]}.")
    return value


_KINDS: dict[type, str] = {
    str: 'a text in quotes, such as "ru-network"',
    int: "a whole number",
    bool: "true or false",
    list: "tables under [[rule]]",
}


def _day(table: Mapping[str, object], key: str, where: str) -> date | None:
    value = table.get(key)
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise ConfigurationError(f"{where}: {key!r} is no day; write it without quotes: 2019-08-31.")


def _listed(table: Mapping[str, object], key: str, where: str) -> list[str] | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise ConfigurationError(
            f"{where}: {key!r} is a list of at least one name in quotes; leave it out to mean all."
        )
    return value


def _names(
    table: Mapping[str, object], key: str, known: Collection[str], where: str
) -> frozenset[str] | None:
    values = _listed(table, key, where)
    for value in values or ():
        if value not in known:
            raise ConfigurationError(
                f"{where}: {key} has no {value!r}{suggestion(value, known)} "
                f"(there are {', '.join(sorted(known))})."
            )
    return None if values is None else _selector(values, known)


def _selector(values: Iterable[str], known: Collection[str]) -> frozenset[str] | None:
    """None where every name is listed, so that the same scope always has the same form."""
    chosen = frozenset(values)
    return None if chosen == frozenset(known) else chosen


def _regions(table: Mapping[str, object], where: str) -> frozenset[str] | None:
    try:
        values = _listed(table, "regions", where)
        return None if values is None else frozenset(country(value).alpha2 for value in values)
    except ConfigurationError as error:
        text = str(error)
        raise ConfigurationError(text if text.startswith(where) else f"{where}: {text}") from None


def _check_names(rules: tuple[Rule, ...]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise ConfigurationError(
                f"rule {rule.name}: two rules have this name; decisions name the rule that "
                f"decided, so give each its own."
            )
        seen.add(rule.name)


def _check_last(last: Rule) -> None:
    if any(selector is not None for selector in last.scope) or last.from_date or last.until:
        raise ConfigurationError(
            f"rule {last.name}: the last rule decides what no other does, so it may have neither "
            f"selectors nor dates; add such a rule at the end."
        )


def _check_dates(rules: tuple[Rule, ...]) -> None:
    """Two rules for the very same scope must take turns, or one of them is a mistake."""
    for one, other in combinations(rules, 2):
        if one.scope == other.scope and _overlap(one, other):
            raise ConfigurationError(
                f"rule {other.name}: it selects the same as rule {one.name} on overlapping dates; "
                f"end one (until) on the day on which the other begins (from)."
            )


def _overlap(one: Rule, other: Rule) -> bool:
    def begins_before_end(first: Rule, second: Rule) -> bool:
        return (first.from_date or date.min) < (second.until or date.max)

    return begins_before_end(one, other) and begins_before_end(other, one)
