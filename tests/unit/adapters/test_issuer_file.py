"""The issuer's file: the bundled one is whole, and each mistake is named without a card number."""

import pytest

from zheton.adapters.issuer_file import bundled, parse
from zheton.core.errors import ConfigurationError

GOOD = """
name = "Bank"
participant = "330001"
[rates]
"CNY/RUB" = "9.35"
[[cardholder]]
id = "anna"
holder = "Anna"
pan = "5413330089600010"
expiry = "2912"
currency = "RUB"
opening = "100"
credit_limit = "0"
debit_limit = "50"
daily_limit = "150"
phone = "+7 916 123-12-34"
"""


def test_the_bundled_bank_is_whole() -> None:
    file = bundled()
    assert len({c.id for c in file.cardholders}) == len(file.cardholders) == 6
    assert len({c.pan for c in file.cardholders}) == 6
    anna = file.cardholders[0]
    assert (anna.opening_minor, anna.currency, anna.pan.last4) == (25_000_000, "RUB", "0010")
    assert "5413330089600010" not in repr(file) and "916" not in repr(file)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("0010", "0011", "Luhn"),
        ("2912", "2913", "expiry"),
        ("RUB", "RUR", "RUR"),
        ('"100"', "100", "opening"),
        ('"100"', '"-1"', "opening"),
        ('"50"', '"much"', "debit_limit"),
        ("+7 916", "8916", "phone"),
        ('id = "anna"', 'id = "Anna S"', "id"),
        ('holder = "Anna"', "", "holder"),
        ('holder = "Anna"', 'holder = "Anna"\ncolour = "red"', "colour"),
        ('holder = "Anna"', 'holder = "Anna"\nstatus = "gone"', "status"),
        ("330001", "bank", "participant"),
        ("9.35", "much", "CNY/RUB"),
        ("9.35", "0", "CNY/RUB"),
        ("[rates]", "[rates", "TOML"),
        ('name = "Bank"', "", "name"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, named: str) -> None:
    assert parse(GOOD).cardholders
    with pytest.raises(ConfigurationError) as caught:
        parse(GOOD.replace(old, new))
    assert named in str(caught.value)
    assert "541333" not in str(caught.value)
