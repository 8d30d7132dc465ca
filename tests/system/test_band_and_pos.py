"""`zheton band` and `zheton pos` as two people type them, with a reader between."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.system.conftest import WAIT_S, PcscService, eventually
from tests.unit.adapters.test_acquirer_http import APPROVAL, DECLINE, acquirer
from tests.unit.roles.element.conftest import MASTERCARD, Bench, make_number
from zheton.adapters.element_memory import FileMemory
from zheton.adapters.pcsc import Reader
from zheton.apps.cli.pos import pos

pytestmark = pytest.mark.system
BAND = "import typer; from zheton.apps.cli.band import band; typer.run(band)"
NUMBER = make_number(MASTERCARD, 64)


@contextmanager
def band(service: PcscService, folder: Path, *options: str) -> Iterator[Path]:
    """A band with one card in the reader; gives the file of what it prints."""
    personalised = Bench()
    personalised.load()
    image = personalised.memory.load()
    assert image is not None
    (folder / "bands").mkdir()
    FileMemory(folder / "bands" / "band.se").store(image)
    printed = folder / "printed"
    with printed.open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, "-c", BAND, "--data", folder, "--port", str(service.port), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        with Reader("Virtual PCD 00 00") as reader:
            eventually(lambda: reader.has_card() or running.poll() is not None, "the insertion")
            assert running.poll() is None, printed.read_text()
            yield printed
            running.terminate()
            running.wait(WAIT_S)
            eventually(lambda: not reader.has_card(), "the removal of the card")
    finally:
        running.kill()
        running.wait(WAIT_S)


def charge(*options: str) -> Result:
    app = typer.Typer()
    app.command()(pos)
    return CliRunner().invoke(app, ["--wait", str(WAIT_S), *options])


@pytest.mark.parametrize("options", [(), ("--t0",)], ids=["T1", "T0"])
def test_the_till_charges_the_band(
    pcsc: PcscService, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with band(pcsc, tmp_path, *options) as printed, acquirer(200, APPROVAL) as (url, seen):
        done = charge("--amount", "350", "--acquirer", url)
        told = printed.read_text()
    assert done.exit_code == 0, done.output
    assert "Approved" in done.output and "350.00 RUB" in done.output
    assert f"MASTERCARD **** {NUMBER[-4:]}" in done.output and NUMBER not in done.output
    assert seen[0]["number"] == NUMBER and seen[0]["chip"].startswith("9f2608")
    assert "Armed: MASTERCARD, 4 payments left." in told and "GENERATE AC" in told
    assert NUMBER not in told


def test_a_decline_and_a_silent_acquirer_are_no_sale(pcsc: PcscService, tmp_path: Path) -> None:
    with band(pcsc, tmp_path):
        with acquirer(200, DECLINE) as (url, _):
            declined = charge("--acquirer", url)
        unheard = charge("--acquirer", "http://127.0.0.1:1")
    assert declined.exit_code == 1 and "response code 51" in declined.output
    assert unheard.exit_code == 1 and "does not answer" in unheard.output
    assert "Not authorised" in unheard.output


def test_readers_are_listed(pcsc: PcscService) -> None:
    assert "Virtual PCD 00 00" in charge("--list").output
