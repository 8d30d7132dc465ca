"""Steps of a real debit: names, meanings, lists answered, and the console's shape."""

import json
from dataclasses import replace

import pytest

from tests.unit.apps.xray.conftest import JWE, crossing, tapped
from tests.unit.roles.element.conftest import (
    HOST_CHALLENGE,
    MASTERCARD,
    UNIONPAY,
    Bench,
    make_number,
    make_package,
    make_profile,
)
from zheton.apps.trace import Crossing
from zheton.apps.xray.decoder import FIELDS_MAX, HEX_BYTES_MAX, Decoder, steps
from zheton.apps.xray.step import Field, Step
from zheton.core.emv import perso
from zheton.core.scheme import Scheme
from zheton.core.scp03.host import initialize_update


def field(step: Step, tag: str) -> Field:
    return next(each for each in step.fields if each.tag == tag)


def named(step: Step, name: str) -> Field:
    return next(each for each in step.fields if each.name.strip() == name)


def titled(opened: list[Step], title: str) -> Step:
    return next(step for step in opened if step.title.startswith(title))


def test_a_tap_reads_like_the_standard() -> None:
    opened = steps(tapped()[0], None)
    assert [step.title for step in opened if step.target == "element"] == [
        "SELECT",
        "SELECT",
        "GET PROCESSING OPTIONS",
        "READ RECORD",
        "READ RECORD",
        "READ RECORD",
        "GENERATE AC",
    ]
    assert opened[0].summary == "choose 2PAY.SYS.DDF01, the contactless directory (PPSE)"
    options = titled(opened, "GET PROCESSING OPTIONS: success")
    assert "on-device cardholder verification; EMV mode" in field(options, "82").meaning
    assert field(options, "94").meaning == "file 1, record 1; file 2, records 1 to 2"
    assert field(options, "SW1 SW2").meaning == "success"


@pytest.mark.parametrize("scheme", [MASTERCARD, UNIONPAY], ids=lambda scheme: scheme.name)
def test_what_answers_a_list_is_split_by_the_list_the_card_sent(scheme: Scheme) -> None:
    opened = steps(tapped(scheme)[0], None)
    options = titled(opened, "GET PROCESSING OPTIONS")
    assert field(options, "9F35").value == "22"
    generate = titled(opened, "GENERATE AC")
    assert field(generate, "9F02").meaning == "350.00 RUB"
    assert field(generate, "9F1A").meaning == "Russia"
    relay = "; relay resistance was not performed" if scheme is MASTERCARD else ""  # Book C-2 alone
    assert field(generate, "95").meaning == (
        f"offline data authentication was not performed; amount exceeds the floor limit{relay}"
    )
    assert field(generate, "9F34").meaning == "no verification performed, always: successful"
    answer = titled(opened, "GENERATE AC: success")
    assert field(answer, "9F27").meaning.startswith("ARQC")
    results = named(answer, "Card Verification Results").meaning
    assert results == "ARQC returned; verification on the device succeeded"
    assert named(answer, "Derivation Key Index").value == "01"


def test_without_the_cards_list_the_data_stay_bytes() -> None:
    generate = next(each for each in tapped()[0] if each.data[:2] == b"\x80\xae")
    only = steps([generate], None)[0]
    assert field(only, "Data").meaning == "33 bytes"


def test_a_one_time_number_is_shown_whole_in_the_tap() -> None:
    record = next(s for s in steps(tapped()[0], None) if any(f.tag == "5A" for f in s.fields))
    assert field(record, "5A").value == make_number(MASTERCARD, 64)


def test_a_refusal_says_why() -> None:
    refused = steps(
        [
            crossing("terminal", "element", "apdu", bytes.fromhex("00A4040005A00000009900")),
            crossing("element", "terminal", "apdu", b"\x6a\x82"),
        ],
        None,
    )
    assert refused[1].title == "SELECT refused: file or application not found"


def test_a_secure_channel_is_named_and_its_body_is_ciphertext() -> None:
    bench = Bench()
    bench.select_domain()
    hello = initialize_update(HOST_CHALLENGE)
    answer = bench.host(hello)
    session = bench.open_session()
    block = perso.store_data_commands(make_package(make_profile(MASTERCARD), MASTERCARD))[0]
    begin = b"\x84\x82\x03\x00\x10" + bytes(16)
    opened = steps(
        [
            crossing("companion", "element", "apdu", hello.encode()),
            crossing("element", "companion", "apdu", answer.encode()),
            crossing("companion", "element", "apdu", begin),
            crossing("element", "companion", "apdu", b"\x90\x00"),
            crossing("companion", "element", "apdu", session.wrap(block).encode()),
        ],
        None,
    )
    assert named(opened[1], "Card cryptogram").value == answer.data[21:29].hex().upper()
    assert opened[2].summary.endswith("C-MAC and C-DECRYPTION")
    assert opened[4].title == "STORE DATA" and opened[4].summary == "personalise, block 1"
    assert field(opened[4], "Data").meaning == (
        "ciphertext for the chip alone, 240 bytes, and C-MAC (8 bytes)"
    )


def test_messages_are_opened_to_the_last_element(trace: list[Crossing]) -> None:
    opened = steps(trace, None)
    asked = titled(opened, "0100")
    assert field(asked, "DE3").meaning == "purchase, from default account, to default account"
    assert field(asked, "DE22").meaning.startswith("contactless chip")
    assert field(asked, "DE43").meaning == "ZHETON LAB SHOP, Moscow, Russia"
    assert field(asked, "9F02").meaning == "350.00 RUB"
    bank = next(step for step in opened if step.target == "issuer")
    assert field(bank, "DE48.33").meaning.endswith("expires 2030-12, token requestor 50110030273")
    answer = titled(opened, "0110")
    assert answer.title == "0110 authorisation response: approved"
    original = [each for each in titled(opened, "0400").fields if each.tag == "DE90"]
    assert [each.value for each in original[1:]] == ["0100", "000123", "1122093000", "400001", ""]


def test_envelopes_and_packages_are_counted(trace: list[Crossing]) -> None:
    opened = steps(trace, None)
    assert "ciphertext, 10 bytes" in named(opened[1], "encryptedPayload").meaning
    assert JWE not in json.dumps([each.to_json() for each in opened[1].fields])
    assert named(opened[3], "commands").meaning == "package of 1 APDU, 45 bytes"


def test_a_step_has_the_consoles_shape(trace: list[Crossing]) -> None:
    last = steps([replace(trace[-1], took_ms=1.5)], None)[0].to_json()
    assert set(last) == {
        *("n", "title", "at_ms", "took_ms", "from", "to", "protocol", "summary", "hex", "fields")
    }
    assert set(last["fields"][0]) == {"name", "tag", "value", "meaning"}
    assert (last["n"], last["from"], last["took_ms"]) == (1, "acquirer", 1.5)
    assert bytes.fromhex(last["hex"]) == trace[-1].data


def test_fed_one_by_one_it_says_the_same(trace: list[Crossing]) -> None:
    decoder = Decoder(None)
    assert [decoder.feed(each) for each in trace] == steps(trace, None)


def test_what_it_shows_is_bounded() -> None:
    body = json.dumps({f"key{n}": "v" * 5_000 for n in range(1_000)}).encode()
    step = steps([crossing("wallet", "vault", "http", body)], None)[0]
    assert len(step.hex) == 2 * HEX_BYTES_MAX and len(step.fields) <= FIELDS_MAX
