"""Who saw what is told by the bytes alone."""

import base64
import json

import pytest

from tests.unit.apps.xray.conftest import AMOUNT, PAN, PAR, PHONE, crossing
from tests.unit.apps.xray.test_xray_secrets import SPELLINGS
from tests.unit.roles.element.conftest import MASTERCARD, make_number
from zheton.apps.trace import Crossing
from zheton.apps.xray.saw import PARTIES, Facts, cryptograms_in, saw
from zheton.core.money import money

NUMBER = make_number(MASTERCARD, 64)


def facts(trace: list[Crossing]) -> Facts:
    return Facts(
        pan=PAN,
        numbers=(NUMBER,),
        amount=AMOUNT,
        cryptograms=cryptograms_in(trace),
        session_keys=(bytes(range(16)),),
        par=PAR,
        phone=PHONE,
        merchant="ZHETON LAB SHOP",
    )


def holders(crossings: list[Crossing], what: Facts) -> list[str]:
    return [each.party for each in saw(crossings, what) if each.card_number]


def test_the_card_number_is_seen_by_form_vault_and_issuer(trace: list[Crossing]) -> None:
    found = saw(trace, facts(trace))
    assert tuple(each.party for each in found) == PARTIES
    assert holders(trace, facts(trace)) == ["entry form", "vault", "issuer"]


def test_everything_else_is_seen_where_its_bytes_go(trace: list[Crossing]) -> None:
    by_party = {each.party: set(each.saw) for each in saw(trace, facts(trace))}
    assert by_party["terminal"] == {"one-time number", "amount", "cryptogram", "PAR"}
    assert by_party["issuer"] == {"one-time number", "amount", "merchant name", "PAR"}
    assert by_party["entry form"] == {"phone"}
    assert by_party["wallet"] == by_party["companion"] == set()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_acquirer_that_gets_the_card_number_is_flagged(
    spelling: str, trace: list[Crossing]
) -> None:
    leak = crossing("vault", "acquirer", "internal", b"x" + SPELLINGS[spelling] + b"y")
    assert "acquirer" in holders([*trace, leak], facts(trace))


def test_a_party_nobody_thought_of_is_told_too() -> None:
    leak = crossing("vault", "printer", "internal", PAN.reveal().encode())
    assert holders([leak], Facts(PAN)) == ["vault", "printer"]


def test_another_number_is_not_the_card_number() -> None:
    other = str(int(PAN.reveal()) + 1).encode()
    assert holders([crossing("vault", "acquirer", "http", other)], Facts(PAN)) == []


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ({"amount": 35000}, True),
        ({"amount": "350.00"}, True),
        ({"amount": {"minor": 35000, "currency": "RUB"}}, True),
        ({"amountMinor": 350001}, False),
        ({"amount": 3500}, False),
        ({"count": 35000}, False),
    ],
)
def test_an_amount_is_told_from_other_figures(body: dict[str, object], seen: bool) -> None:
    said = crossing("wallet", "companion", "http", json.dumps(body).encode())
    found = saw([said], Facts(amount=money("350", "RUB")))
    assert all(("amount" in each.saw) == seen for each in found if each.party == "wallet")


def test_a_key_is_found_in_base64() -> None:
    key = bytes(range(16))
    body = json.dumps({"k": base64.urlsafe_b64encode(b"\x01" + key).decode()}).encode()
    found = saw([crossing("wallet", "companion", "http", body)], Facts(session_keys=(key,)))
    assert [each.party for each in found if "session key" in each.saw] == ["wallet", "companion"]
