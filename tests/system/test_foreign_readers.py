"""Readers that other people wrote get through the band: they list it, start it and read it.

Each does something that our terminal does not: `emv` knows T=0 alone, asks for the directory of
contact cards, then guesses AIDs and reads every file before GET PROCESSING OPTIONS; Cardpeek resets
the card between two applications, answers the PDOL with a country of its own and reads past the end
of every file; `smartcard` repeats a command after 6Cxx with the Le at its end. `make readers`
installs the first and the last, each in a folder of its own.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests.system.conftest import PcscService, require
from tests.system.test_pcsc import PROTOCOLS, SELECT_PPSE, in_reader, loaded, tapped
from tests.unit.roles.element.conftest import MASTERCARD, Bench, make_number
from zheton.core.emv import tags, tlv
from zheton.roles.element.transport import Protocol

pytestmark = pytest.mark.system
HERE = Path(__file__).parent / "readers"
INSTALLED = Path(__file__).parents[2] / ".readers"
EMVTOOL = INSTALLED / "emv" / "bin" / "emvtool"
SMARTCARD = INSTALLED / "node_modules"
RESOURCES = "/com/pannetrat/cardpeek"
SECONDS_MAX = 60  # a desktop program starts, on a machine that has other work
NUMBER = make_number(MASTERCARD, 64)
EXPIRY = "301231"
COMMANDS = [
    SELECT_PPSE.hex(),
    "00A4040007A000000004101000",
    "80A8000002830000",
    "00B2010C00",
    "00B2011400",
    "00B2021400",
    "80AE800021" + "00" * 33 + "00",
]


def armed() -> Bench:
    bench = loaded(MASTERCARD)
    bench.arm()
    return bench


def read_by(
    service: PcscService, bench: Bench, protocol: Protocol, *command: str | Path, **further: str
) -> tuple[str, str]:
    """What a program prints on either stream while the band is in the reader; it has to succeed."""
    with in_reader(service, bench, protocol):
        with tapped():  # pcscd has seen the card once somebody could connect to it
            pass
        done = subprocess.run(
            # `timeout` ends what the program started, too.
            ("timeout", str(SECONDS_MAX), *command),
            env={**service.environment, **further},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


def emvtool(service: PcscService, bench: Bench, *command: str) -> tuple[str, list[str]]:
    """The tables that `emv` prints, and the status words that its log shows."""
    require(EMVTOOL, "make readers")
    tables, log = read_by(service, bench, Protocol.T0, EMVTOOL, "--loglevel", "debug", *command)
    return tables, re.findall(r"SW1: (\w\w, SW2: \w\w)", log)


def test_emv_lists_the_band_by_guessing(pcsc: PcscService) -> None:
    tables, statuses = emvtool(pcsc, loaded(MASTERCARD), "listapps")
    assert '"MASTERCARD"' in tables and "A0 00 00 00 04 10 10" in tables
    assert statuses[0] == "6a, SW2: 82"  # 1PAY.SYS.DDF01 is for contact cards


def test_emv_dumps_a_band_that_is_not_armed_and_learns_no_number(pcsc: PcscService) -> None:
    bench = loaded(MASTERCARD)
    tables, statuses = emvtool(pcsc, bench, "info")
    assert "Application Template" in tables and "FCI Issuer Discretionary Data" in tables
    assert "2PAY.SYS.DDF01 not available" not in tables
    assert statuses.count("69, SW2: 85") == 2 * 30  # every file of the directory and of the card
    assert "atc" not in tables and NUMBER not in tables.replace(" ", "")


def test_emv_reads_an_armed_band(pcsc: PcscService) -> None:
    bench = armed()
    tables, _ = emvtool(pcsc, bench, "appdata", "0")
    assert NUMBER in tables and "30/12/31" in tables
    assert "Card Risk Management Data Object List 1" in tables
    assert bench.element.credentials_left() == 3  # a number that was shown is nobody's again


def test_cardpeek_reads_an_armed_band(pcsc: PcscService, tmp_path: Path) -> None:
    for program, package in (("cardpeek", "cardpeek"), ("xvfb-run", "xvfb"), ("xauth", "xauth")):
        require(program, package)
    require("gresource", "libglib2.0-bin")
    home = tmp_path / ".cardpeek"
    home.mkdir()
    # What a first start would unpack after asking in a window.
    unpack = ("gresource", "extract", "/usr/bin/cardpeek", f"{RESOURCES}/dot_cardpeek.tar.gz")
    packed = subprocess.run(unpack, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(("tar", "-xz", "-C", home), input=packed, check=True)
    bench = armed()
    options = ("--reader", "pcsc://Virtual PCD 00 00", "--exec", (HERE / "read.lua").read_text())
    printed, log = read_by(
        pcsc, bench, Protocol.T1, "xvfb-run", "-a", "cardpeek", *options, HOME=str(tmp_path)
    )
    assert re.findall(r"80A8\w+ (\w{4})\n", log) == ["9000"]
    assert shown(printed, "4F") == MASTERCARD.aid.hex().upper()
    assert shown(printed, "5A") == NUMBER and shown(printed, "5F24") == EXPIRY
    assert shown(printed, "8C") is not None
    assert bench.element.credentials_left() == 3


def shown(printed: str, tag: str) -> str | None:
    """The value of the first data object with this tag in Cardpeek's window."""
    found = re.search(rf'"id">{tag}<.*?"val" encoding="bytes">8:(\w+)<', printed, re.DOTALL)
    return found[1] if found else None


@PROTOCOLS
def test_smartcard_of_node_makes_a_debit(pcsc: PcscService, protocol: Protocol) -> None:
    require("node", "nodejs")
    require(SMARTCARD / "smartcard" / "build", "make readers")
    bench = armed()
    script = HERE / "debit.js"
    printed, _ = read_by(pcsc, bench, protocol, "node", script, *COMMANDS, NODE_PATH=str(SMARTCARD))
    assert_debited(bench, [bytes.fromhex(line) for line in printed.split()])


@PROTOCOLS
def test_opensc_makes_a_debit(pcsc: PcscService, protocol: Protocol) -> None:
    require("opensc-tool", "opensc")
    bench = armed()
    options = ["--reader", "0", "--card-driver", "default"]
    for command in COMMANDS:
        options += ("--send-apdu", command)
    printed, _ = read_by(pcsc, bench, protocol, "opensc-tool", *options)
    answers = []
    for dump in printed.split("Received (")[1:]:
        status = bytes.fromhex("".join(re.findall(r"SW\d=0x(\w\w)", dump)))
        lines = [line[:47] for line in dump.splitlines()[1:] if re.match(r"\w\w ", line)]
        answers.append(bytes.fromhex("".join(lines)) + status)
    assert_debited(bench, answers)


def assert_debited(bench: Bench, answers: list[bytes]) -> None:
    """The answers to COMMANDS hold a whole debit, and the band has one number less."""
    assert [answer[-2:] for answer in answers] == [b"\x90\x00"] * len(COMMANDS)
    values = [tlv.flat(answer[:-2]) for answer in answers]
    assert values[0][tags.ADF_NAME] == MASTERCARD.aid == values[1][tags.DF_NAME]
    assert values[4][tags.PAN].hex() == NUMBER
    assert values[4][tags.APPLICATION_EXPIRATION_DATE].hex() == EXPIRY
    assert values[6][tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x80"
    assert bench.element.credentials_left() == 3
