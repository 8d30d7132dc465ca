"""Clearing files in an X-ray, and the tables behind the meanings."""

import re
from datetime import UTC, datetime

import pytest

from tests.unit.apps.xray.conftest import AMOUNT, PAN, crossing
from tests.unit.roles.element.conftest import MASTERCARD, make_number
from zheton.adapters import ipm
from zheton.apps.xray import emv_meaning
from zheton.apps.xray.decoder import steps
from zheton.apps.xray.saw import Facts, saw
from zheton.apps.xray.tables import table
from zheton.core.clearing import CardAcceptor, ClearingFile, Presentment, ProcessingCode
from zheton.core.decline import RESPONSE_CODE

DAY = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def presentment(number: str, kind: ProcessingCode) -> Presentment:
    shop = CardAcceptor("MSK1", "ZHETON LAB SHOP", "Moscow", "RUS", "5411", "LABTILL1")
    local = DAY.replace(tzinfo=None)
    return Presentment(
        number, "3012", kind, AMOUNT, "400001", shop, "A1B2C3", "632609000123", "000123", local
    )


def file_of(number: str) -> bytes:
    parts = (presentment(number, "000000"), presentment(number, "000000"))
    return ipm.write(ClearingFile("400001", DAY.date(), 1, (*parts, presentment(number, "200000"))))


def test_a_clearing_file_is_counted_and_added_up() -> None:
    number = make_number(MASTERCARD, 64)
    step = steps([crossing("acquirer", "vault", "file", file_of(number), "Clearing")], PAN)[0]
    assert step.summary == "3 presentments, 350.00 RUB"
    assert [each.value for each in step.fields if each.name == "Purchase"] == [number, number]


def test_the_bank_sees_the_card_number_in_its_file_and_the_x_ray_hides_it() -> None:
    crossings = [crossing("vault", "issuer", "file", file_of(PAN.reveal()), "Clearing")]
    step = steps(crossings, PAN)[0]
    assert PAN.reveal() not in str(step.to_json())
    assert PAN.reveal().encode().hex() not in step.hex.lower()
    holders = [each.party for each in saw(crossings, Facts(PAN)) if each.card_number]
    assert holders == ["vault", "issuer"]


def test_bits_are_named_by_byte_and_bit() -> None:
    for name, words in table("emv")["bits"].items():
        assert all(re.fullmatch("[1-5][.][1-8]", each) for each in words), name


def test_every_response_code_of_ours_has_words() -> None:
    assert set(RESPONSE_CODE.values()) <= set(table("messages")["response"])


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        (0x82, "1280", "cardholder verification; on-device cardholder verification; EMV mode"),
        (0x95, "0040000000", "application has expired"),
        (0x95, "0000000000", "nothing set"),
        (0x9B, "E800", "offline data authentication was performed; cardholder verification was "
         "performed; card risk management was performed; terminal risk management was performed"),
        (0x94, "0801010010010200", "file 1, record 1; file 2, records 1 to 2"),
        (0x9F34, "1E0301", "signature, if the terminal supports it: failed"),
        (0x9F27, "40", "TC, approved offline"),
        (0x5F24, "301231", "2030-12-31"),
        (0x5F24, "301331", "no date of the calendar"),
        (0x5F30, "0201", "international, chip; normal authorisation; no restrictions"),
        (0x9C, "20", "refund"),
        (0x8A, "3030", "approved"),
        (0x8A, "5A33", "unable to go online, offline declined"),
        (0x91, "010203040506070830305A"[:20], "ARPC 0102030405060708, response code 00"),
        (0x91, "0102030400800000", "ARPC 01020304, card status update 00800000"),
        (0x9F2A, "02", "kernel 2 (Mastercard)"),
        (0x9F38, "9F1A02", "asks for Terminal Country Code (2)"),
        (0x9F38, "9F1A", ""),
        (0x9F34, "1E", ""),
    ],
)  # fmt: skip
def test_values_have_words(tag: int, value: str, words: str) -> None:
    assert emv_meaning.meaning(tag, bytes.fromhex(value), {}) == words
