"""No bytes crash the X-ray, and no step shows the card number in any way of writing it."""

import base64
import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.apps.xray.conftest import PAN, crossing
from tests.unit.roles.element.conftest import MASTERCARD, make_number
from zheton.apps.trace import Crossing, Protocol
from zheton.apps.xray.decoder import steps
from zheton.apps.xray.needles import Digits, holds
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, encode

DIGITS = PAN.reveal()
ASCII = DIGITS.encode()
SPELLINGS = {
    "ASCII": ASCII,
    "grouped": b"5413 3300 8960 0010",
    "dashed": b"5413-3300-8960-0010",
    "BCD": bytes.fromhex(DIGITS),
    "track 2": bytes.fromhex(DIGITS + "D29122010000000000"),
    "BCD at an odd nibble": bytes.fromhex("3" + DIGITS + "F"),
    "UTF-16 LE": DIGITS.encode("utf-16-le"),
    "UTF-16 BE": DIGITS.encode("utf-16-be"),
    "EBCDIC": DIGITS.encode("cp500"),
    "hexadecimal": ASCII.hex().encode(),
    "hexadecimal of EBCDIC": DIGITS.encode("cp500").hex().upper().encode(),
    "base64": base64.b64encode(ASCII),
    "base64 shifted": base64.b64encode(b"a" + ASCII),
    "base64 shifted twice": base64.b64encode(b"ab" + ASCII),
    "base64 of BCD": base64.b64encode(bytes.fromhex("5A08" + DIGITS + "5F24")),
    "base64 of hexadecimal": base64.urlsafe_b64encode(ASCII.hex().encode()),
    "hexadecimal of hexadecimal": ASCII.hex().encode().hex().encode(),
}
PROTOCOLS = get_args(Protocol)
PARTIES = st.sampled_from(["element", "terminal", "acquirer", "vault"])
AROUND = st.binary(max_size=24).filter(lambda data: not any(0x30 <= each < 0x3A for each in data))


def shown(crossings: list[Crossing]) -> str:
    return json.dumps([each.to_json() for each in steps(crossings, PAN)], ensure_ascii=False)


def is_hidden(text: str) -> bool:
    """Checked with the needle, and again without it, in the plainest ways."""
    low = text.lower()
    naive = (DIGITS, ASCII.hex(), DIGITS.encode("utf-16-le").hex(), DIGITS.encode("cp500").hex())
    return not holds(text.encode(), Digits(DIGITS)) and not any(each in low for each in naive)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_card_number_is_hidden_however_it_is_written(spelling: str, protocol: Protocol) -> None:
    data = SPELLINGS[spelling]
    wrapped = [data, b"a" + data + b"z", b'{"x": "' + data + b'"}', data.hex().encode()]
    assert all(is_hidden(shown([crossing("wallet", "vault", protocol, each)])) for each in wrapped)


def test_the_test_itself_would_see_it() -> None:
    for data in SPELLINGS.values():
        open_hex = steps([crossing("wallet", "vault", "apdu", data)], None)[0].hex
        assert not is_hidden(open_hex)


def test_every_step_of_a_debit_hides_it(trace: list[Crossing]) -> None:
    text = shown(trace)
    assert is_hidden(text) and "541333******0010" in text


@given(st.sampled_from(sorted(SPELLINGS)), AROUND, AROUND, st.sampled_from(PROTOCOLS), PARTIES)
@settings(max_examples=150, deadline=None)
def test_it_is_hidden_between_any_bytes(
    spelling: str, before: bytes, after: bytes, protocol: Protocol, source: str
) -> None:
    data = before + SPELLINGS[spelling] + after
    assert is_hidden(shown([crossing(source, "wallet", protocol, data)]))


@given(
    st.lists(st.tuples(PARTIES, PARTIES, st.sampled_from(PROTOCOLS), st.binary(max_size=80))),
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_crash_it(parts: list[tuple[str, str, Protocol, bytes]]) -> None:
    crossings = [crossing(*part) for part in parts]
    assert len(steps(crossings, PAN)) == len(crossings)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_changed_byte_of_a_debit_crashes_it(data: st.DataObject, trace: list[Crossing]) -> None:
    changed = []
    for each in trace:
        raw = bytearray(each.data)
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
        changed.append(crossing(each.source, each.target, each.protocol, bytes(raw)))
    assert len(steps(changed, PAN)) == len(trace)


def test_an_online_number_is_hidden_until_it_is_used() -> None:
    number = make_number(MASTERCARD, 7)
    body = json.dumps({"number": number, "dynamicCode": "482915"}).encode()
    told = crossing("wallet", "companion", "http", body)
    used = crossing("acquirer", "vault", "iso8583", encode(DIALECT, Message("0100", {2: number})))
    first, second, third = steps([told, used, told], None)
    assert number not in json.dumps(first.to_json()) and number.encode().hex() not in first.hex
    assert number in json.dumps(second.to_json()) and number in json.dumps(third.to_json())


def test_codes_are_never_shown(trace: list[Crossing]) -> None:
    typed = steps(trace, PAN)[0].to_json()
    assert '"739"' not in json.dumps(typed)
    assert b'"739"'.hex().upper() not in typed["hex"]


@pytest.mark.parametrize("code", ["482915", "пароль", "\ud800 482915"])
def test_a_code_is_hidden_in_the_bytes_however_it_is_escaped(code: str) -> None:
    for ascii_only in (True, False):
        body = json.dumps({"code": code}, ensure_ascii=ascii_only).encode(errors="replace")
        step = steps([crossing("wallet", "vault", "http", body)], None)[0]
        assert body[10:-2].hex().upper() not in step.hex
        assert step.fields[0].value == ""
