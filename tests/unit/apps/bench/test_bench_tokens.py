"""`bench tokens` does its work, and its checks see numbers that are wrong."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from zheton.apps.bench.tokens import Made, checks_of
from zheton.apps.cli.main import app
from zheton.core.token.number import TokenRange

RANGE = TokenRange("520473", bytes(range(32)))
MADE = Made(RANGE, 100, RANGE.numbers(100, 10), took_s=1.0)
INDEXES: list[int | None] = list(range(100, 110))


def broken(made: Made, indexes: list[int | None] = INDEXES) -> list[str]:
    return [check.claim for check in checks_of(made, indexes) if not check.held]


def test_it_prints_its_figures() -> None:
    arguments = ["--count", "200", "--runs", "2", "--cards", "3", "--batches", "2", "--json"]
    result = CliRunner().invoke(app, ["bench", "tokens", *arguments])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.output)
    assert printed["bench"] == "tokens"
    figures, settings = printed["figures"], printed["settings"]
    assert {"allocated_per_s", "resolve_us", "bytes_per_live_number"} <= set(figures)
    assert all(figure > 0 for figure in figures.values())
    assert settings["live_numbers"] == 3 * 2 * 64
    kept = figures["bytes_per_live_number"] * settings["live_numbers"]
    assert kept == pytest.approx(settings["vault_bytes"], rel=0.001)


def test_right_numbers_pass() -> None:
    assert broken(MADE) == []


def test_a_number_that_comes_twice_is_seen() -> None:
    twice = replace(MADE, numbers=[*MADE.numbers[:-1], MADE.numbers[0]])
    assert broken(twice) == ["all numbers are distinct"]


def test_a_wrong_luhn_digit_is_seen() -> None:
    first = MADE.numbers[0]
    wrong = first[:-1] + str((int(first[-1]) + 1) % 10)
    changed = replace(MADE, numbers=[wrong, *MADE.numbers[1:]])
    assert broken(changed) == ["all have 16 digits and their Luhn digit"]


def test_numbers_that_resolve_elsewhere_are_seen() -> None:
    assert broken(MADE, [*INDEXES[:-1], None]) == ["all resolve to their index"]
    assert broken(MADE, INDEXES[::-1]) == ["all resolve to their index"]
    assert broken(MADE, INDEXES[:-1]) == ["all resolve to their index"]


def test_no_numbers_are_no_success() -> None:
    assert broken(replace(MADE, numbers=[]), []) == ["all numbers are distinct"]
