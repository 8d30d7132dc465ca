"""`zheton capacity`: the model's answer, in words and as one object."""

import json

import pytest
from typer.testing import CliRunner

from zheton.apps.cli.main import app, main

DESIGN = ["--rate", "5565", "--fill-days", "0", "--unused", "0"]


def asked(*options: str) -> str:
    result = CliRunner().invoke(app, ["capacity", *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_says_how_many_and_why() -> None:
    told = asked(*DESIGN)
    assert "86,546,880,000  rest: 180 days" in told
    assert "19,200,000,000  wait: 3 untouched batches of 64 on each of 100,000,000 devices" in told
    assert "106  BINs of 6 digits, 1,000,000,000 numbers each; a fresh one lasts 2.1 days" in told
    assert "10,575  BINs of 8 digits" in told


def test_json_is_one_object_with_what_was_asked() -> None:
    printed = json.loads(asked(*DESIGN, "--devices", "0", "--json"))
    assert printed["capacity"]["bins_of_6"] == 87
    assert printed["capacity"]["resting_numbers"] == 86_546_880_000
    assert printed["settings"] == {
        "debits_per_s": 5565.0,
        "window_days": 180.0,
        "batch_size": 64,
        "fill_days": 0.0,
        "devices": 0,
        "batches_per_device": 3.0,
        "unused_share": 0.0,
    }


def test_every_option_counts() -> None:
    changes = (
        ["--rate", "6000"],
        ["--window-days", "200"],
        ["--fill-days", "30"],
        ["--devices", "200000000"],
        ["--batches", "5"],
        ["--unused", "0.2"],
        ["--batch-size", "128"],
    )
    plain = json.loads(asked("--json"))["capacity"]["bins_of_6"]
    for change in changes:
        assert json.loads(asked(*change, "--json"))["capacity"]["bins_of_6"] > plain, change


def test_nothing_asked_is_nothing_needed() -> None:
    told = asked("--rate", "0", "--devices", "0")
    assert "0  BINs of 6 digits" in told
    assert "lasts" not in told


@pytest.mark.parametrize("options", [["--unused", "1"], ["--rate", "1e300"]])
def test_nonsense_is_one_sentence(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", *options]) == 1
    assert capsys.readouterr().err.count("\n") == 1
