"""The file of no-CVM limits: the one that the package brings, and files that are wrong."""

import pytest

from zheton.adapters.no_cvm_file import load_no_cvm
from zheton.core.country import country
from zheton.core.errors import ConfigurationError
from zheton.core.money import currency

GOOD = 'debits = 5\n[limits]\nRU = { currency = "RUB", amount = "1000" }\n'


def test_the_shipped_limits() -> None:
    limits = load_no_cvm()
    assert limits.allows(country("RU").numeric, currency("RUB").numeric, 100_000)
    assert not limits.allows(country("RU").numeric, currency("RUB").numeric, 100_001)
    assert 0 < limits.debits < 10


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("debits = 5", "debits = '5'", "debits"),
        ("debits = 5", "debits = 256", "255"),
        ("debits = 5\n", "", "debits"),
        ("[limits]", "limits = 1\n[other]", "limits"),
        ("RU =", "XX =", "XX"),
        ('"RUB"', '"ROUBLE"', "ROUBLE"),
        ('"1000"', '"-1"', "-1"),
        (', amount = "1000"', "", "RU"),
        ("[limits]", "[limits", "TOML"),
    ],
)
def test_a_file_that_is_wrong_says_where(old: str, new: str, said: str) -> None:
    assert load_no_cvm(GOOD).debits == 5
    with pytest.raises(ConfigurationError, match=said):
        load_no_cvm(GOOD.replace(old, new))
