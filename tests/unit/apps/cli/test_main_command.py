"""`zheton` as a whole: one sentence and a status for everything that can go wrong."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import typer
from typer.testing import CliRunner

from zheton.apps.cli import main as cli
from zheton.apps.cli import policy
from zheton.core.errors import ConflictError

CARD = "5413330089020011"
SHIPPED = Path(__file__).parents[4] / "policy" / "mi-pay-2019.toml"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Incidents of these tests go to a folder of their own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `zheton policy check` end by an error, as any command could."""

    def check() -> NoReturn:
        raise error

    broken = typer.Typer()
    broken.command("check")(check)
    broken.command("other")(check)
    monkeypatch.setattr(policy, "app", broken)


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zheton.apps.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_names_the_commands_that_are_there() -> None:
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    assert "Check, explain and compare rollout files." in result.output


def test_help_imports_no_role_and_no_adapter_of_weight() -> None:
    script = (
        "import sys; from zheton.apps.cli.main import main; main(['--help']); "
        "sys.exit(' '.join(m for m in ('sqlalchemy', 'fastapi', 'zheton.roles') if m in "
        "sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "\n"  # what sys.exit says when nothing was found


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == "zheton 0.1.0\n"


def test_a_sub_command_does_its_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["policy", "check", str(SHIPPED)]) == 0
    assert "no mistakes" in capsys.readouterr().out


def test_an_error_is_its_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(ConflictError("The band is held by another process;\n  end it."), monkeypatch)
    assert cli.main(["policy", "check"]) == 1
    told = capsys.readouterr()
    assert told.err == "zheton: The band is held by another process; end it.\n"
    assert told.out == ""


def test_a_file_that_can_not_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(PermissionError(13, "Permission denied", "/there/vault.keys"), monkeypatch)
    assert cli.main(["policy", "check"]) == 1
    told = "zheton: /there/vault.keys can't be used (Permission denied).\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_ours_tells_an_incident_and_no_value(
    debug: bool,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = KeyError(CARD)
    error.__cause__ = ValueError(f"number {CARD}")
    fail_with(error, monkeypatch)
    assert cli.main([*(["--debug"] if debug else []), "policy", "check"]) == 70
    told, log = capsys.readouterr().err, state / "zheton" / "incidents.log"
    noted = log.read_text()
    incident = told.rpartition("incident ")[2][:12]
    assert incident in noted
    assert str(log) in told
    assert ("File " in told) is debug
    assert "KeyError\n" in noted
    assert "ValueError\n" in noted
    assert CARD not in told + noted
    assert log.stat().st_mode & 0o077 == 0


def test_a_fault_is_told_even_where_the_log_can_not_be_written(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (state / "zheton").write_text("a file stands where the folder should")
    fail_with(RuntimeError(), monkeypatch)
    assert cli.main(["policy", "check"]) == 70
    assert "the log could not be written" in capsys.readouterr().err


def test_an_interruption_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(KeyboardInterrupt(), monkeypatch)
    assert cli.main(["policy", "check"]) == 130
    assert capsys.readouterr().err == ""


def test_a_prompt_without_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(EOFError(), monkeypatch)
    assert cli.main(["policy", "check"]) == 1
    assert "nothing was entered" in capsys.readouterr().err


def test_a_status_that_a_command_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(typer.Exit(5), monkeypatch)
    assert cli.main(["policy", "check"]) == 5


@pytest.mark.parametrize(
    "arguments", [[CARD], ["policy", "check", "a", CARD], ["policy", "check", CARD]]
)
def test_a_card_number_typed_at_the_wrong_place_is_not_repeated(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) in (1, 2)
    told = capsys.readouterr()
    assert CARD not in told.err + told.out
    assert "****" in told.err


def test_a_bad_policy_file_is_one_sentence(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(SHIPPED.read_text().replace("networks", "netwrks", 1))
    done = process("policy", "check", str(wrong))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"zheton: {wrong}")
    assert "netwrks" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_command_gets_a_suggestion() -> None:
    done = process("polcy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'policy'?" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "zheton.apps.cli.main", "policy", "check", str(SHIPPED)]
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
