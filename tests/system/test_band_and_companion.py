"""`zheton band` and `zheton companion` as two people type them, without an adapter."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.conftest import WAIT_S, eventually
from tests.unit.roles.element.conftest import Bench
from zheton.adapters.element_memory import FileMemory

pytestmark = pytest.mark.system
ZHETON = "import sys; from zheton.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-c", ZHETON, *map(str, words)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def band(folder: Path, port: int) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A band with one card on an air of its own; gives its process and what it prints."""
    made = Bench()
    made.load()
    image = made.memory.load()
    assert image is not None
    (folder / "bands").mkdir()
    FileMemory(folder / "bands" / "band.se").store(image)
    printed = folder / "printed"
    with printed.open("wb") as out:
        words = command("band", "--data", folder, "--port", "0", "--ble", f"air:127.0.0.1:{port}")
        running = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        eventually(lambda: "on the air" in printed.read_text(), "the band's radio")
        yield running, printed
    finally:
        running.kill()
        running.communicate(timeout=WAIT_S)


def test_a_phone_pairs_and_is_told_and_a_stranger_is_not(tmp_path: Path) -> None:
    port = free_port()
    ble = ("--data", str(tmp_path), "--ble", f"tcp-client:127.0.0.1:{port}")

    def companion(*words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        words = (*words, *ble)
        return subprocess.run(
            command("companion", *words),
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    with band(tmp_path, port) as (running, printed):
        refused = companion("pair", "--no-account", typed="y\n")
        assert refused.returncode == 1 and "pairing mode" in refused.stderr
        assert running.stdin is not None
        running.stdin.write(b"pair\n")
        running.stdin.flush()
        eventually(lambda: "Pairing mode" in printed.read_text(), "pairing mode")
        # The phone's owner looks first; the wearer's answer waits until the band has asked.
        with subprocess.Popen(
            command("companion", "pair", "--no-account", *ble),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as pairing:
            eventually(lambda: "Does the phone show" in printed.read_text(), "the question")
            running.stdin.write(b"yes\n")
            running.stdin.flush()
            said, _ = pairing.communicate("y\n", timeout=WAIT_S)
        number = printed.read_text().partition("Does the phone show ")[2][:6]
        assert pairing.returncode == 0 and number in said
        assert "Paired with mi-band-4-nfc 00010203040506070809." in said
        told = companion("status")
        assert told.returncode == 0 and "4 payments left" in told.stdout, told.stderr
