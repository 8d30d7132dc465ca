"""Every sub-command that is listed can be imported and has help; mistakes in arguments are told."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from zheton.apps.cli.main import COMMANDS, app


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"zheton {name}" in result.output or f"root {name}" in result.output


def test_an_unknown_currency_is_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zheton.apps.cli.main", "pos", "--currency", "XXX"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("zheton: 'XXX' is no currency that Zheton knows")
    assert done.stderr.count("\n") == 1
