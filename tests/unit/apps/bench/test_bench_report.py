"""What a bench prints, and that work which was not right never passes for a figure."""

import json
import re

import pytest
import typer

from zheton.apps.bench.report import Check, Report, machine, median_of
from zheton.apps.cli.bench import present

GOOD = Report(
    "tap",
    {"tap_ms_median": 1.23456789, "pcsc_tap_ms_median": None},
    {"taps": 5},
    [Check("every cryptogram is right", True)],
)
BAD = Report("tap", GOOD.figures, GOOD.settings, [Check("every cryptogram is right", False)])


def test_json_is_one_object_of_four_parts(capsys: pytest.CaptureFixture[str]) -> None:
    present(GOOD, as_json=True)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert json.loads(printed.out) == {
        "bench": "tap",
        "figures": {"tap_ms_median": 1.235, "pcsc_tap_ms_median": None},
        "machine": machine(),
        "settings": {"taps": 5},
    }


def test_the_machine_is_described() -> None:
    described = machine()
    assert set(described) == {
        *("cpu", "cores", "platform", "python", "openssl", "sqlite", "zheton"),
    }
    assert all(described.values())
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", str(described["sqlite"]))


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    present(GOOD, as_json=False)
    printed = capsys.readouterr().out
    assert "tap_ms_median" in printed
    assert "not measured" in printed


@pytest.mark.parametrize("as_json", [True, False])
def test_a_check_that_fails_is_told_and_ends_with_1(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        present(BAD, as_json=as_json)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "zheton: not true of this run: every cryptogram is right.\n"


def test_a_figure_that_one_run_lacks_has_no_median() -> None:
    assert median_of([{"a": 1.0}, {"a": None}, {"a": 2.0}]) == {"a": None}
    assert median_of([{"a": 1.0}, {"a": 9.0}, {"a": 2.0}]) == {"a": 2.0}
