"""Each control refuses exactly what it says, and the first of several in the documented order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.errors import ConflictError, DecodeError, EncodeError
from zheton.core.money import money
from zheton.core.token.control_sheet import (
    TOKENS_MAX,
    ControlSheet,
    Setting,
    decode_sheet,
    encode_sheet,
    refuse_by_sheet,
)
from zheton.core.token.controls import Circumstances, Controls, refuse
from zheton.core.token.controls_document import ENTRIES_MAX, Counts, read_controls
from zheton.core.token.domain import Channel, Counted, Device, Limits, refuse_counted

DAY = date(2019, 9, 10)
NOW = datetime(2019, 9, 10, 9, 30, tzinfo=UTC)
PAID = Circumstances(
    DAY, Channel.TILL, Device.BAND, "RU", "RUB", "400001/MSKCOFFEE", "5814", 35_000
)
# For each control: a document that lets PAID pass, one that refuses it, and the refusal.
CASES: Mapping[str, tuple[dict[str, Any], dict[str, Any], Reason, str]] = {
    "dates": ({"until": "2019-09-11"}, {"until": "2019-09-10"}, Reason.DOMAIN_DATES, "57"),
    "channels": (
        {"channels": ["till"]},
        {"channels": ["online"]},
        Reason.DOMAIN_CHANNEL,
        "57",
    ),
    "devices": (
        {"devices": ["phone", "band"]},
        {"devices": ["phone", "ring"]},
        Reason.DOMAIN_DEVICE,
        "57",
    ),
    "regions": (
        {"regions": {"never": ["CN"]}},
        {"regions": {"only": ["CN", "IN"]}},
        Reason.DOMAIN_REGION,
        "62",
    ),
    "currencies": (
        {"currencies": {"only": ["RUB"]}},
        {"currencies": {"never": ["RUB"]}},
        Reason.DOMAIN_CURRENCY,
        "57",
    ),
    "merchants": (
        {"merchants": {"only": ["0400001/MSKCOFFEE"]}},
        {"merchants": {"only": ["400002/MSKCOFFEE", "400001/MSKTEA"]}},
        Reason.DOMAIN_MERCHANT,
        "57",
    ),
    "categories": (
        {"categories": {"never": ["5812-5813", "7995"]}},
        {"categories": {"never": ["5812-5814"]}},
        Reason.DOMAIN_CATEGORY,
        "57",
    ),
    "debitMinor": ({"debitMinor": 35_000}, {"debitMinor": 34_999}, Reason.AMOUNT_LIMIT, "61"),
}


def controls(document: dict[str, Any]) -> Controls:
    return read_controls(document, counted=True)[0]


@pytest.mark.parametrize("name", CASES)
def test_a_control_refuses_what_it_names_and_nothing_else(name: str) -> None:
    passing, refusing, reason, code = CASES[name]
    assert refuse(controls(passing), "card", PAID) is None
    refusal = refuse(controls(refusing), "token", PAID)
    assert refusal is not None
    assert (refusal.reason, refusal.rule) == (reason, f"token.{name}")
    assert refusal.response_code == code


@given(st.sets(st.sampled_from(list(CASES))))
def test_of_several_the_first_in_the_documented_order_refuses(failing: set[str]) -> None:
    """Whatever else passes: every control is named, some of them refuse."""
    document: dict[str, Any] = {}
    for name, (passing, refusing, _, _) in CASES.items():
        document |= refusing if name in failing else passing
    refusal = refuse(controls(document), "card", PAID)
    first = next((name for name in CASES if name in failing), None)
    assert (refusal.rule if refusal else None) == (first and f"card.{first}")


def test_a_day_is_inside_from_its_first_to_before_its_last() -> None:
    inside = controls({"from": "2019-09-10", "until": "2019-09-12"})
    passed = [
        refuse(inside, "card", replace(PAID, day=DAY + timedelta(days=n))) is None
        for n in range(-1, 3)
    ]
    assert passed == [False, True, True, False]


@given(
    st.lists(st.integers(0, 9999), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999)), max_size=5),
    st.integers(0, 9999),
)
def test_only_and_never_are_opposites(
    single: list[int], spans: list[tuple[int, int]], asked: int
) -> None:
    ordered = [sorted(span) for span in spans]
    entries = [f"{n:04d}" for n in single] + [f"{low:04d}-{high:04d}" for low, high in ordered]
    named = asked in single or any(low <= asked <= high for low, high in ordered)
    seen = replace(PAID, category=f"{asked:04d}")
    only = refuse(controls({"categories": {"only": entries}}), "card", seen)
    never = refuse(controls({"categories": {"never": entries}}), "card", seen)
    assert (only is None, never is None) == (named, not named)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "controls"),
        ({"colour": "red"}, "controls"),
        ({"from": "2019-9-1"}, "from"),
        ({"from": 20190901}, "from"),
        ({"from": "2019-09-10", "until": "2019-09-10"}, "until"),
        ({"channels": []}, "channels"),
        ({"channels": "till"}, "channels"),
        ({"channels": ["till", "atm"]}, "channels.1"),
        ({"devices": ["band", 7]}, "devices.1"),
        ({"regions": ["RU"]}, "regions"),
        ({"regions": {}}, "regions"),
        ({"regions": {"only": ["RU"], "never": ["CN"]}}, "regions"),
        ({"regions": {"only": ["RU", "XX"]}}, "regions.only.1"),
        ({"regions": {"only": ["643"]}}, "regions.only.0"),
        ({"regions": {"only": ["RU"] * (ENTRIES_MAX + 1)}}, "regions.only"),
        ({"currencies": {"never": ["643"]}}, "currencies.never.0"),
        ({"merchants": {"only": ["MSKCOFFEE"]}}, "merchants.only.0"),
        ({"merchants": {"only": ["400001/" + "M" * 16]}}, "merchants.only.0"),
        ({"categories": {"only": ["581"]}}, "categories.only.0"),
        ({"categories": {"only": ["5814-5812"]}}, "categories.only.0"),
        ({"debitMinor": -1}, "debitMinor"),
        ({"dayMinor": True}, "dayMinor"),
        ({"dayCount": 1.5}, "dayCount"),
        ({"velocity": 3}, "velocity"),
        ({"velocity": {"debits": 3}}, "velocity.minutes"),
        ({"velocity": {"debits": 33, "minutes": 1}}, "velocity.debits"),
        ({"velocity": {"debits": 3, "minutes": 1, "seconds": 1}}, "velocity"),
    ],
)
def test_a_wrong_document_is_refused_by_the_name_of_its_field(document: Any, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        read_controls(document, counted=True)
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["dayMinor", "dayCount", "velocity"])
def test_a_token_alone_counts_nothing(name: str) -> None:
    with pytest.raises(EncodeError, match="controls"):
        read_controls({name: 1}, counted=False)


def test_what_a_card_counts() -> None:
    document = {
        "debitMinor": 1,
        "dayMinor": 2,
        "dayCount": 3,
        "velocity": {"debits": 4, "minutes": 5},
    }
    assert read_controls(document, counted=True)[1] == Counts(1, 2, 3, 4, 5)
    assert read_controls({}, counted=True) == (Controls(), Counts())


def test_the_documented_order_and_codes_are_those_of_the_code() -> None:
    page = Path(__file__).parents[4] / "docs" / "domain-controls.md"
    rows = [line.split("|") for line in page.read_text().splitlines() if "| `card." in line]
    told = {row[2].strip(" `"): (row[3].strip(" `"), row[4].split()[0]) for row in rows}
    assert [name for name in told if name.split(".")[1] in CASES] == [f"card.{n}" for n in CASES]
    for name, (_, _, reason, code) in CASES.items():
        assert told[f"card.{name}"] == (reason, code)
    counts = {"dayMinor": Reason.DAY_AMOUNT, "dayCount": Reason.DAY_COUNT}
    for name, counted in counts.items():
        assert told[f"card.{name}"] == (counted, RESPONSE_CODE[counted])


# The sheet on the card's row


def setting(**document: Any) -> Setting:
    return Setting(document, "cardholder", "going abroad", NOW)


def test_a_sheet_comes_back_as_it_was_written() -> None:
    sheet = ControlSheet().with_setting(None, setting(channels=["till"], dayCount=3))
    sheet = sheet.with_setting("aa", setting(regions={"only": ["RU"]}))
    assert decode_sheet(encode_sheet(sheet)) == sheet
    assert (encode_sheet(ControlSheet()), decode_sheet("")) == ("", ControlSheet())


def test_the_card_comes_before_the_token_and_other_tokens_do_not_count() -> None:
    sheet = ControlSheet().with_setting("aa", setting(channels=["online"]))
    seen = encode_sheet(sheet)
    refusal = refuse_by_sheet(seen, "aa", PAID)
    assert refusal is not None
    assert refusal.rule == "token.channels"
    assert refuse_by_sheet(seen, "bb", PAID) is None
    both = encode_sheet(sheet.with_setting(None, setting(debitMinor=1)))
    refusal = refuse_by_sheet(both, "aa", PAID)
    assert refusal is not None
    assert refusal.rule == "card.debitMinor"


def test_a_sheet_has_room_for_so_many_tokens() -> None:
    sheet = ControlSheet()
    for n in range(TOKENS_MAX):
        sheet = sheet.with_setting(f"{n:032x}", setting(channels=["till"]))
    with pytest.raises(ConflictError, match="free one"):
        sheet.with_setting("ff", setting(channels=["till"]))
    again = sheet.with_setting(f"{0:032x}", setting())
    assert len(again.with_setting("ff", setting(channels=["till"])).tokens) == TOKENS_MAX


@given(st.text(max_size=40) | st.sampled_from(["[]", "{}", '{"format":2}', "null", "[" * 100_000]))
def test_a_damaged_sheet_lets_nothing_pay(damaged: str) -> None:
    refusal = refuse_by_sheet(damaged, "aa", PAID)
    assert (refusal is None) == (damaged == "")
    assert refusal is None or refusal.reason is Reason.SUSPENDED
    if damaged:
        with pytest.raises(DecodeError):
            decode_sheet(damaged)


# What is counted


LIMITS = Limits("643", 500_000, 1_000_000, 5, velocity_debits=2, velocity_minutes=10)


@pytest.mark.parametrize(
    ("counted", "reason", "rule"),
    [
        (Counted(False, LIMITS, 0, 0, 0, ()), Reason.SUSPENDED, None),
        (Counted(True, LIMITS, 20190910, 965_001, 9, ()), Reason.DAY_AMOUNT, "card.dayMinor"),
        (Counted(True, LIMITS, 20190910, 965_000, 5, ()), Reason.DAY_COUNT, "card.dayCount"),
        (Counted(True, LIMITS, 20190910, 965_000, 4, (NOW, NOW)), Reason.VELOCITY, "card.velocity"),
        (Counted(True, LIMITS, 20190909, 999_999, 9, (NOW, NOW)), Reason.VELOCITY, "card.velocity"),
    ],
)
def test_the_first_count_without_room_refuses(
    counted: Counted, reason: Reason, rule: str | None
) -> None:
    refusal = refuse_counted(counted, money("350", "RUB"), NOW)
    assert (refusal.reason, refusal.rule) == (reason, rule)


def test_every_reason_has_a_code_of_de39() -> None:
    assert set(RESPONSE_CODE) == set(Reason)
    assert all(len(code) == 2 and code.isdigit() for code in RESPONSE_CODE.values())
