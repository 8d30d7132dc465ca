"""What issuers allow in their absence: the bundled file is modest, and each mistake is named."""

import pytest

from zheton.adapters.issuer_file import bundled
from zheton.adapters.stand_in_file import load_stand_ins
from zheton.core.errors import ConfigurationError
from zheton.core.token.domain import Channel
from zheton.roles.network.allowance import Allowance, StandIn

GOOD = """
[[issuer]]
name = "Bank"
bins = ["541333", "62123456"]
channels = ["till", "online"]
categories_refused = ["7995"]
[issuer.limits.RUB]
debit_max = "10.50"
day_max = "30"
debits_per_day = 5
"""


def test_a_file_says_what_it_allows() -> None:
    allowed = StandIn(frozenset(Channel), frozenset({"7995"}), {"643": Allowance(1_050, 3_000, 5)})
    assert load_stand_ins(GOOD).by_bin == {"541333": allowed, "62123456": allowed}


@pytest.mark.parametrize("text", ["", GOOD.split("[issuer.limits")[0] + "limits = {}"])
def test_an_empty_file_allows_nothing(text: str) -> None:
    assert not any(each.by_currency for each in load_stand_ins(text).by_bin.values())


def test_what_comes_with_the_product_is_less_than_the_bank_would_allow_itself() -> None:
    found, limits = load_stand_ins().by_bin, {c.currency: c for c in bundled().cardholders}
    assert found
    for each in found.values():
        assert each.channels == {Channel.TILL}
        assert each.by_currency["643"].day_max_minor * 10 <= limits["RUB"].daily_limit_minor
        assert each.by_currency["156"].day_max_minor * 10 <= limits["CNY"].daily_limit_minor


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("[[issuer]]", "[[issuers]]", "issuer"),
        ("[[issuer]]", "[[issuer]", "TOML"),
        ('name = "Bank"', "", "name"),
        ('name = "Bank"', 'name = "Bank"\nlimit = "1"', "exactly"),
        ('"541333"', '"54133x"', "BIN"),
        ('"541333"', '"541"', "BIN"),
        ('"541333"', '"62123456"', "BIN"),
        ('"541333"', "541333", "bins"),
        ('"till"', '"moto"', "channel"),
        ('"7995"', '"799"', "category"),
        ("RUB", "RUR", "RUR"),
        ('"10.50"', '"much"', "much"),
        ('"30"', '"-30"', "-30"),
        ("= 5", "= 5.5", "debits_per_day"),
        ("= 5", "= -1", "debits_per_day"),
        ("= 5", "= true", "debits_per_day"),
        ("debits_per_day = 5", "", "exactly"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_stand_ins(GOOD.replace(old, new))
    assert named.lower() in str(caught.value).lower()
