"""The till out of a file: the shipped one everywhere, and mistakes that name the place."""

from pathlib import Path

import pytest

from zheton.adapters.datafiles import load_schemes
from zheton.adapters.terminal_file import load_terminal
from zheton.core.country import country
from zheton.core.errors import ConfigurationError
from zheton.core.money import BY_CODE, currency

SHIPPED = Path(__file__).parents[3] / "src" / "zheton" / "data" / "terminal.toml"
RUSSIA, ROUBLE = country("RU"), currency("RUB")


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_the_lab_till_has_limits_for_every_currency(code: str) -> None:
    till = load_terminal(RUSSIA, currency(code))
    assert till.currency == currency(code).numeric
    for each in till.combinations:
        limits = each.limits
        assert limits.floor < limits.cvm < limits.transaction < limits.transaction_on_device


def test_limits_are_counted_in_minor_units() -> None:
    limits = {
        code: load_terminal(RUSSIA, currency(code)).combinations[0].limits.cvm
        for code in ("RUB", "JPY", "KWD")
    }
    assert limits == {"RUB": 100_000, "JPY": 10_000, "KWD": 25_000}


def test_the_lab_till_accepts_every_network_that_has_token_ranges() -> None:
    accepted = {
        (each.aid, each.kernel_id, each.application_version)
        for each in load_terminal(RUSSIA, ROUBLE).combinations
    }
    assert accepted == {
        (each.aid, each.kernel_id, each.application_version)
        for each in load_schemes()
        if each.token_bins
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("terminal_type = 0x22", "terminal_typ = 0x22", "'terminal_type' is meant"),
        ('ifd_serial = "ZHETON01"', 'ifd_serial = "Z"', "IFD serial"),
        ('merchant_category = "5411"', 'merchant_category = "54 1"', "digits"),
        ('"002808"', '"00280g"', "hexadecimal"),
        ("kernel_id = 2", 'kernel_id = "2"', "as int"),
        ('tac_denial = "0000000004"', 'tac_denial = "00"', "5 bytes"),
        ("RUB = { floor = 0, cvm = 1000,", "RUB = { floor = 0,", "'cvm' of the limits of RUB"),
        ("RUB = {", "RUR = {", "no limits are set for RUB"),
        ("{ 9F1D =", "{ XX =", "no tag"),
        ("[limits]", "[limits", "no TOML"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = SHIPPED.read_text("utf-8")
    assert old in text
    file = tmp_path / "till.toml"
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ConfigurationError, match=told) as caught:
        load_terminal(RUSSIA, ROUBLE, file)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_terminal(RUSSIA, ROUBLE, tmp_path / "none.toml")
