"""`zheton up` and `zheton demo` given what is wrong: a sentence, a status, and nothing half-done.

Every command here has a data folder of its own; what starts well is a process of its own too.
"""

import io
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from zheton.apps.cli.main import main

pytestmark = pytest.mark.system
LIMIT_S = 60
FAILED, USAGE, INTERRUPTED_QUIETLY = 1, 2, 0
TYPO = """
name = "typo"
version = 1
[[rule]]
name = "all"
allow = true
regoins = ["RU"]
text = "everywhere"
"""


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def zheton(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that is expected to fail soon, without the time that a new process takes."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


@contextmanager
def running(data: Path) -> Iterator[subprocess.Popen[str]]:
    """`zheton up` on ports of the system's choice, up to the line that says that it is up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "zheton.apps.cli.main", "up", "--data", str(data), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        else:
            pytest.fail(f"zheton up ended: {process.communicate()[1]}")
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that a `zheton up` has filled and left in order."""
    data = tmp_path_factory.mktemp("settled") / "a folder with spaces"
    with running(data) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == INTERRUPTED_QUIETLY
    return data


def complains(done: subprocess.CompletedProcess[str], *parts: str, status: int = FAILED) -> None:
    """One sentence on standard error that holds these parts, and the status."""
    assert done.returncode == status, done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("zheton: ")
    for part in parts:
        assert part in done.stderr
    assert "incident" not in done.stderr


def test_a_policy_with_a_typo_is_told_before_anything_is_made(tmp_path: Path) -> None:
    policy = tmp_path / "typo.toml"
    policy.write_text(TYPO)
    data = tmp_path / "data"
    done = zheton("up", "--data", str(data), "--policy", str(policy))
    complains(done, str(policy), "rule all", "'regoins'", "'regions'")
    assert [path.name for path in data.iterdir()] == ["lock"]
    complains(zheton("demo", "--policy", str(policy)), "'regoins'")
    complains(zheton("demo", "--policy", str(tmp_path / "none.toml")), "none.toml")


@pytest.mark.parametrize("port", ["-1", "65531", "70000", "http"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    complains(zheton("up", "--data", str(tmp_path), "--port", port), "--port", status=USAGE)


def test_a_busy_port(tmp_path: Path) -> None:
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = zheton("up", "--data", str(tmp_path / "data"), "--port", str(port - 1))
        complains(done, f"ort {port}")
    with running(tmp_path / "data"):
        pass  # what the failed start left behind does no harm


def test_two_on_one_folder(settled: Path) -> None:
    with running(settled):
        complains(zheton("up", "--data", str(settled), "--port", "0"), "in use by another process")


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for data in (file, file / "data"):
        complains(zheton("up", "--data", str(data)), str(data))


def _garbage(name: str) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        _only(data / name).write_bytes(bytes(range(256)) * 64)

    return spoil


def _only(path: Path) -> Path:
    """A database without the log beside it, which would mend it."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path


def _unversioned(data: Path) -> None:
    _in_vault(data, "DROP TABLE vault_revision")


def _newer(data: Path) -> None:
    _in_vault(data, "UPDATE vault_revision SET version_num = '9999'")


def _in_vault(data: Path, statement: str) -> None:
    with closing(sqlite3.connect(data / "vault.db")) as connection, connection:
        connection.execute(statement)


def _readable(name: str) -> Callable[[Path], None]:
    return lambda data: (data / name).chmod(0o644)


def _cut(name: str) -> Callable[[Path], None]:
    def cut(data: Path) -> None:
        whole = (data / name).read_bytes()
        (data / name).write_bytes(whole[: len(whole) // 2])

    return cut


def _gone(name: str) -> Callable[[Path], None]:
    return lambda data: (data / name).unlink()


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (_garbage("vault.db"), ("vault.db", "back-up")),
        (_garbage("issuer.db"), ("issuer.db", "back-up")),
        (_garbage("wallet.db"), ("wallet.db", "back-up")),
        (_garbage("acquirer.db"), ("acquirer.db", "back-up")),
        (_unversioned, ("vault.db", "another version")),
        (_newer, ("vault.db", "a newer Zheton")),
        (_cut("vault.keys"), ("vault.keys", "back-up")),
        (_cut("issuer.key"), ("issuer.key", "back-up")),
        (_readable("vault.keys"), ("vault.keys", "chmod 600")),
        (_readable("issuer.key"), ("issuer.key", "chmod 600")),
        (_gone("vault.keys"), ("vault.keys is gone", "back-up")),
        (_gone("issuer.key"), ("issuer.key is gone", "back-up")),
        (_cut("bands/anna.se"), ("anna.se", "damaged", "remove the device")),
        (_cut("phones/anna.json"), ("anna.json", "damaged")),
    ],
)
def test_a_damaged_installation(
    settled: Path, tmp_path: Path, damage: Callable[[Path], None], parts: tuple[str, ...]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(settled, data)
    damage(data)
    complains(zheton("up", "--data", str(data), "--port", "0"), *parts)


def test_a_lost_key_file_is_not_replaced(settled: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(settled, data)
    (data / "vault.keys").unlink()
    zheton("up", "--data", str(data), "--port", "0")
    assert not (data / "vault.keys").exists()
    shutil.copy2(settled / "vault.keys", data)
    with running(data):
        pass


def test_killed_and_started_again(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.kill()
        process.wait(LIMIT_S)
    with running(tmp_path):
        for party in ("vault", "issuer", "wallet", "acquirer"):
            with closing(sqlite3.connect(tmp_path / f"{party}.db")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with closing(sqlite3.connect(tmp_path / "vault.db")) as connection:
            debits = connection.execute("SELECT state FROM debit").fetchall()
    assert debits == [("approved",)]  # the first debit is done once, whatever happened after it


def test_a_reader_of_the_output_that_goes_away() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "zheton.apps.cli.main", "demo"]
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False
    )
    os.close(writing)
    assert done.returncode == FAILED
    assert done.stderr == b""
