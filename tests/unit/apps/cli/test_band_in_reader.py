"""The band between its wearer and a reader."""

import pytest

from tests.unit.roles.element.conftest import NOW, Bench
from zheton.adapters.clock import ManualClock
from zheton.apps.cli.band import BandInReader
from zheton.core.emv.apdu import Response
from zheton.roles.terminal.entry_point import PPSE

SELECT_PPSE = bytes.fromhex("00A404000E") + PPSE
SELECT_CARD = bytes.fromhex("00A4040007A000000004101000")
OPTIONS = bytes.fromhex("80A8000002830000")
GENERATE = bytes.fromhex("80AE800021") + bytes(33) + b"\0"


@pytest.fixture
def bench() -> Bench:
    """An element with one card of four credentials."""
    made = Bench()
    made.load()
    return made


def in_reader(bench: Bench, *, t0: bool = False) -> tuple[BandInReader, list[str]]:
    said: list[str] = []
    return BandInReader(bench.element, ManualClock(NOW), said.append, t0=t0), said


def test_power_arms_the_band_and_a_debit_tells_no_data(bench: Bench) -> None:
    band, said = in_reader(bench)
    band.events.power_on()
    for command in (SELECT_CARD, OPTIONS, GENERATE):
        assert Response.decode(band.answer(command)).ok
    assert said == [
        "Armed: MASTERCARD, 4 payments left.",
        "SELECT: success",
        "GET PROCESSING OPTIONS: success",
        "GENERATE AC: success",
    ]
    band.events.reset()
    assert said[-1] == "Armed: MASTERCARD, 3 payments left."


def test_a_band_that_is_armed_already_keeps_its_window(bench: Bench) -> None:
    band, said = in_reader(bench)
    band.arm()
    band.events.power_on()
    assert len(said) == 1 and bench.element.credentials_left() == 4


def test_leaving_the_field_ends_the_selection(bench: Bench) -> None:
    band, _ = in_reader(bench)
    band.events.power_on()
    assert Response.decode(band.answer(SELECT_CARD)).ok
    band.events.power_off()
    assert Response.decode(band.answer(OPTIONS)).sw == 0x6985


def test_an_empty_band_says_what_to_do() -> None:
    band, said = in_reader(Bench())
    band.arm()
    assert said == ["There is no such card here: add one in the app."]


def test_as_a_t0_card_it_announces_its_answer(bench: Bench) -> None:
    band, said = in_reader(bench, t0=True)
    announced = Response.decode(band.answer(SELECT_PPSE))
    assert announced.sw >> 8 == 0x61
    fetched = Response.decode(band.answer(bytes((0, 0xC0, 0, 0, announced.sw & 0xFF))))
    assert fetched.ok and PPSE in fetched.data
    assert said[-1] == "GET RESPONSE: success"


def test_noise_from_a_reader_is_answered(bench: Bench) -> None:
    band, _ = in_reader(bench)
    for noise in (b"", b"\0", b"\0\0", b"\xff" * 300):
        assert len(band.answer(noise)) >= 2
