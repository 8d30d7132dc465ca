"""Every mistake in a rollout file is named with its rule and with what to do."""

import tomllib

import pytest

from zheton.core.errors import ConfigurationError
from zheton.core.policy.compiled import Policy
from zheton.core.policy.document import RULES_MAX, read_policy

NETWORKS = ("mastercard", "unionpay", "visa")
HEAD = 'name = "p"\nversion = 3\n'
LAST = '[[rule]]\nname = "last"\nallow = false\ntext = "not here"\n'


def rule(lines: str = "", name: str = "ru") -> str:
    return f'[[rule]]\nname = "{name}"\nallow = true\ntext = "works"\n{lines}\n'


def read(text: str) -> Policy:
    return read_policy(tomllib.loads(text), NETWORKS)


def test_names_versions_and_selectors_are_read() -> None:
    policy = read(HEAD + rule('regions = ["RUS", "804"]\nnetworks = ["visa"]') + LAST)
    assert (policy.name, policy.version) == ("p", 3)
    assert policy.rules[0].regions == frozenset({"RU", "UA"})
    assert policy.rules[0].networks == frozenset({"visa"})


def test_a_selector_of_everything_is_no_selector() -> None:
    policy = read(HEAD + rule('regions = ["RU"]\nchannels = ["till", "online"]') + LAST)
    assert policy.rules[0].channels is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rule('region = ["RU"]') + LAST, r"rule ru: unknown key 'region'; perhaps 'regions'"),
        (rule('regions = ["RUZ"]') + LAST, r"rule ru: 'RUZ' is no country code .*perhaps"),
        (rule('networks = ["mastercrad"]') + LAST, r"rule ru: .*perhaps 'mastercard'"),
        (rule('channels = ["tills"]') + LAST, r"rule ru: channels .*perhaps 'till'"),
        (rule('devices = ["bend"]') + LAST, r"rule ru: devices .*perhaps 'band'"),
        (rule('moments = ["enrollment"]') + LAST, r"rule ru: moments .*perhaps 'enrolment'"),
        (rule("channels = []") + LAST, r"rule ru: 'channels' is a list of at least one"),
        (rule("regions = [643]") + LAST, r"rule ru: 'regions' is a list"),
        (rule("from = 2019-08-31\nuntil = 2019-08-31") + LAST, r"rule ru: until .* not after from"),
        (rule('from = "2019-08-31"') + LAST, r"rule ru: 'from' is no day"),
        (rule("from = 2019-08-31T00:00:00") + LAST, r"rule ru: 'from' is no day"),
        (rule('regions = ["RU"]') * 2 + LAST, r"rule ru: two rules have this name"),
        (rule('regions = ["RU"]'), r"rule ru: the last rule .* add such a rule at the end"),
        (rule("until = 2019-08-31"), r"rule ru: the last rule"),
        ('[[rule]]\nname = "x"\ntext = "y"\n', r"rule x: 'allow' must be there, as true or false"),
        ('[[rule]]\nname = "x"\nallow = 1\ntext = "y"\n', r"rule x: 'allow' must be there"),
        ('[[rule]]\nallow = true\ntext = "y"\n', r"rule 1: 'name' must be there, as a text"),
        ('[[rule]]\nname = "x"\nallow = true\ntext = ""\n', r"rule x: its text has between"),
        ("rule = [1]\n", r"rule 1: it is no table"),
        ("rule = []\n", r"between 1 and 1000 rules"),
        ("rule = 1\n", r"the policy: 'rule' must be there, as tables"),
        ("rules = []\n", r"the policy: unknown key 'rules'; perhaps 'rule'"),
    ],
)
def test_a_mistake_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read(HEAD + text)


def test_a_version_is_a_number() -> None:
    with pytest.raises(ConfigurationError, match="the policy: 'version' must be there"):
        read('name = "p"\nversion = true\n' + LAST)


def test_the_same_scope_on_overlapping_dates_is_a_mistake() -> None:
    one = rule('regions = ["RU"]\nfrom = 2019-08-01\nuntil = 2019-09-01', "one")
    other = rule('regions = ["643"]\nfrom = {}', "other")
    with pytest.raises(ConfigurationError, match=r"rule other: it selects the same as rule one"):
        read(HEAD + one + other.format("2019-08-31") + LAST)
    assert len(read(HEAD + one + other.format("2019-09-01") + LAST).rules) == 3


def test_rules_are_bounded() -> None:
    many = {"name": "p", "version": 1, "rule": [{}] * (RULES_MAX + 1)}
    with pytest.raises(ConfigurationError, match="between 1 and 1000"):
        read_policy(many, NETWORKS)
