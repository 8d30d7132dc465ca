"""The thief of a database, on fewer numbers than the demo's million."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from zheton.apps.cli import stolen_database
from zheton.apps.lab.stolen import steal


def test_an_unkeyed_column_gives_all_cards_away_and_ours_none(tmp_path: Path) -> None:
    theft = steal(tmp_path, candidates=2000, cards=10)
    assert theft.unkeyed.found == 10
    assert [finding.found for finding in theft.keyed] == [0, 0]
    assert theft.found_with_key == 10
    assert theft.as_it_should_be


def test_an_index_that_gives_one_away_is_no_success(tmp_path: Path) -> None:
    theft = steal(tmp_path, candidates=100, cards=2)
    given_away = replace(theft.keyed[0], found=1)
    assert not replace(theft, keyed=(given_away, theft.keyed[1])).as_it_should_be
    assert not replace(theft, found_with_key=0).as_it_should_be
    assert not replace(theft, unkeyed=replace(theft.unkeyed, found=0)).as_it_should_be


def test_the_command_tells_both_results(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen_database.stolen_database(as_json=True, candidates=100)
    told = json.loads(capsys.readouterr().out)
    assert (told["unkeyed"]["found"], told["keyed"][0]["found"]) == (20, 0)
    stolen_database.stolen_database(as_json=False, candidates=100)
    assert "20 of 20" in capsys.readouterr().out
    real = steal
    monkeypatch.setattr(
        stolen_database, "steal", lambda *given: replace(real(*given), found_with_key=0)
    )
    with pytest.raises(typer.Exit):
        stolen_database.stolen_database(as_json=True, candidates=100)
