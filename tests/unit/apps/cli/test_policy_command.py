"""`zheton policy` as somebody types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from zheton.apps.cli.policy import app
from zheton.core.errors import ConfigurationError

SHIPPED = Path(__file__).parents[4] / "policy" / "mi-pay-2019.toml"


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_check_tells_what_a_file_holds() -> None:
    result = run("check", SHIPPED)
    assert result.exit_code == 0
    assert result.output.startswith("mi-pay-2019, version 1: 8 rules for 4 named countries")


def test_explain_says_the_words_and_the_rule() -> None:
    asked = ("--region", "RUS", "--network", "visa", "--on", "2019-09-01", "--moment", "enrolment")
    assert run("explain", *asked).output == "refused: Russia: Mastercard only (rule ru-network)\n"


def test_explain_a_debit_before_and_after_the_launch() -> None:
    asked = ("--region", "RU", "--network", "mastercard", "--channel", "till", "--device", "band")
    before = run("explain", *asked, "--on", "2019-07-01", "--file", SHIPPED).output
    after = run("explain", *asked, "--on", "2019-09-01", "--file", SHIPPED).output
    assert before.startswith("refused: Russia opens on 2019-08-31")
    assert after.startswith("allowed: Russia")


def test_an_unknown_country_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigurationError, match="'XX' is no country code"):
        run("explain", "--region", "XX", "--network", "visa", "--on", "2019-09-01")


def test_diff_shows_the_outcomes_that_change(tmp_path: Path) -> None:
    new = tmp_path / "new.toml"
    text = SHIPPED.read_text().replace("from = 2019-08-31", "from = 2019-09-15", 1)
    new.write_text(text.replace('regions = ["CN"]', 'regions = ["CN"]\ndevices = ["band"]'))
    lines = run("diff", SHIPPED, new).output.splitlines()
    assert (
        "RU Russia, mastercard, debit (till), every device: "
        "refused from 2019-08-31 until 2019-09-15 (ru-launch -> ru-launch)" in lines
    )
    assert (
        "CN China, unionpay, debit (online), watch and ring and phone: "
        "refused on every day (cn-open -> elsewhere)" in lines
    )
    assert not any(line.startswith("UA") for line in lines)


def test_diff_of_a_file_with_itself_is_empty() -> None:
    assert run("diff", SHIPPED, SHIPPED).output == "No outcome changes.\n"
