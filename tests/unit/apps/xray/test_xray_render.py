"""The X-ray on a terminal: what it says, in how many columns, and without colour."""

import io
import json

from rich.console import Console

from tests.unit.apps.xray.conftest import AMOUNT, PAN, PAR, PHONE
from zheton.apps.trace import Crossing
from zheton.apps.xray.render import render
from zheton.apps.xray.saw import Facts
from zheton.apps.xray.step import XRay
from zheton.apps.xray.whole import xray


def whole(trace: list[Crossing]) -> XRay:
    return xray("Debit of 350.00 RUB", trace, Facts(PAN, (), AMOUNT, par=PAR, phone=PHONE))


def printed(trace: list[Crossing], *, every_field: bool = False) -> str:
    stream = io.StringIO()
    render(Console(file=stream, width=140, no_color=True), whole(trace), every_field=every_field)
    return stream.getvalue()


def test_one_line_a_step_and_who_saw_the_card_number(trace: list[Crossing]) -> None:
    text = printed(trace)
    assert "terminal → element  GENERATE AC" in text
    assert "350.00 RUB" in text
    sentence = "The card number was seen by: entry form, vault, issuer. By nobody else."
    assert sentence in text
    assert "element → terminal" in text.partition("Time by hop")[2]


def test_it_fits_a_hundred_columns(trace: list[Crossing]) -> None:
    for every_field in (False, True):
        lines = printed(trace, every_field=every_field).splitlines()
        assert max(len(line.rstrip()) for line in lines) <= 100


def test_every_field_is_there_when_asked_for(trace: list[Crossing]) -> None:
    assert "9F1A Terminal Country Code" not in printed(trace)
    assert "9F1A Terminal Country Code" in printed(trace, every_field=True)


def test_it_is_json_and_has_figures(trace: list[Crossing]) -> None:
    told = json.loads(json.dumps(whole(trace).to_json()))
    assert told["figures"]["steps"] == len(told["steps"]) == len(trace)
    assert told["figures"]["apdus"] == sum(each.protocol == "apdu" for each in trace)
    assert told["figures"]["element_ms"] == 7 * 0.25
    cryptogram = [each["party"] for each in told["parties"] if "cryptogram" in each["saw"]]
    assert cryptogram == ["vault", "element", "terminal", "acquirer"]
    assert PAN.reveal() not in json.dumps(told)
