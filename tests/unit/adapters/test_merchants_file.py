"""The file of merchants and tills: the lab's, and files with mistakes in them."""

from pathlib import Path

import pytest

from zheton.adapters.merchants_file import load_merchants
from zheton.core.errors import ConfigurationError
from zheton.core.token.domain import Channel

GOOD = """
acquirer = "400001"
[tills.moscow]
terminal = "MSK00001"
merchant = "MSKCOFFEE"
name = "Kofeynya"
city = "Moscow"
country = "RU"
category = "5814"
currency = "RUB"
channel = "till"
"""


def test_the_lab_sells_where_the_rollout_needs_it() -> None:
    lab = load_merchants()
    places = {
        (till.merchant.country.alpha2, till.merchant.currency.code, till.channel)
        for till in lab.tills.values()
    }
    assert places >= {
        ("RU", "RUB", Channel.TILL),
        ("UA", "UAH", Channel.TILL),
        ("CN", "CNY", Channel.TILL),
        ("IN", "INR", Channel.TILL),
        ("DE", "EUR", Channel.TILL),
        ("RU", "RUB", Channel.ONLINE),
        ("IN", "INR", Channel.ONLINE),
    }
    assert lab.till("moscow").merchant.city == "Moscow"
    with pytest.raises(ConfigurationError, match="No till is called 'paris'; there are moscow,"):
        lab.till("paris")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"400001"', "400001", "`acquirer` is text"),
        ('"400001"', '"bank"', "An acquirer's id"),
        ("acquirer", "aquirer", "perhaps 'acquirer' is meant"),
        ("[tills.moscow]", "[till.moscow]", "perhaps 'tills' is meant"),
        ("terminal =", "terminals =", "perhaps 'terminal' is meant"),
        ('city = "Moscow"', "", "till moscow lacks `city`"),
        ('"Moscow"', '""', "`city` is text and not empty"),
        ('"MSK00001"', '"MSK000001"', "DE41"),
        ('"Kofeynya"', '"Кофейня"', "DE43"),
        ('"5814"', "5814", "`category` is text"),
        ('"RU"', '"ZZ"', "till moscow: "),
        ('"RUB"', '"XXX"', "till moscow: 'XXX' is no currency"),
        ('"till"', '"phone"', "`channel` is till or online"),
        ("[tills.moscow]", "tills = 1\n[other]", "unknown"),
        ('"RUB"', "", "it is no TOML"),
        (GOOD, 'acquirer = "1"\n[tills]', "it has no tills"),
        (GOOD, 'acquirer = "1"\n[tills]\nmoscow = 1', "is a table"),
        (GOOD, GOOD + GOOD.split("\n", 2)[2].replace("moscow", "spb"), "the same terminal"),
        (GOOD, "#" * 1_000_001, "longer than"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_file_and_place(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    path = tmp_path / "merchants.toml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_merchants(path)
    assert str(caught.value).startswith(f"{path}: ") and problem in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_merchants(tmp_path / "none.toml")
