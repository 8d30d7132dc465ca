"""`zheton serve`: all roles as processes on one folder; a card is enrolled and pays through."""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.role_processes import Street, patience, street
from zheton.adapters.merchants_file import load_merchants
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.bands import open_band
from zheton.apps.cli.pos import settle, transaction_of
from zheton.apps.lab.people import cardholder
from zheton.apps.lab.phone import Phone, open_phone
from zheton.apps.lab.till import TracedCard
from zheton.apps.parties import Role
from zheton.apps.trace import Trace
from zheton.apps.wiring import Installation
from zheton.core.money import money
from zheton.roles.element.element import Interface
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import Approved, OnlineRequest

pytestmark = pytest.mark.system
ANNA = cardholder("anna")
# Whoever has peers comes before them: each has to wait for somebody.
ORDER = (Role.WALLET, Role.ACQUIRER, Role.TSP, Role.NETWORK, Role.ISSUER)


def test_roles_as_processes_serve_a_card_from_enrolment_to_history(tmp_path: Path) -> None:
    with street(tmp_path) as town:
        for role in ORDER:
            town.start(role)
        for role in ORDER:
            line = town.running[role].listens()
            assert line.startswith(f"{role} listens at ")
            assert str(town.ports[role]) in line
        town.await_links()
        phone = phone_of(town)
        card = enrolled(town, phone)
        synced = phone.fill(card)
        assert synced is not None
        assert synced.numbers == 64
        tapped = pay_at_a_till(town, phone, card["tokenReference"])
        assert tapped == "00"
        assert pay_in_a_shop(town, phone, card["id"]) == "00"
        states = [debit["state"] for debit in history(phone, card["id"], 2)]
        assert states == ["approved", "approved"]
        phone.close()
        for each in town.running.values():
            assert each.stop() == 0
            assert each.errors.read_text() == ""


def test_a_role_runs_once_in_a_folder_and_never_beside_all_of_them(tmp_path: Path) -> None:
    with street(tmp_path) as town:
        first = town.start(Role.WALLET)
        first.listens()
        second = town.start(Role.WALLET)
        assert second.wait() == 1
        assert "as the wallet of it, is in use" in second.errors.read_text()
        assert first.stop() == 0
        with Installation(tmp_path).held():
            third = town.start(Role.WALLET)
            assert third.wait() == 1


def phone_of(town: Street) -> Phone:
    """Anna's phone and band; both live in this process."""
    on = Installation(town.data)
    wallet = httpx.Client(base_url=town.url(Role.WALLET), trust_env=False)
    band = open_band(on, ANNA.id)
    return open_phone(ANNA.id, town.data / "phones", wallet, band, quiet(on), on.clock)


def quiet(on: Installation) -> Trace:
    """A trace that is off."""
    return Trace(on.clock.elapsed_ms)


def enrolled(town: Street, phone: Phone) -> dict[str, str]:
    """The card, with the code out of the bank's message."""
    keys = Installation(town.data).keys
    expiry = f"{ANNA.expiry[2:]}/{ANNA.expiry[:2]}"
    sealed = phone.type_card(ANNA.pan, expiry, keys.envelope_key(), keys.envelope_thumbprint())
    card = phone.add_card(sealed, "RU", ANNA.holder)
    assert card["status"] == "identifying"
    letter = json.loads((town.data / "letters.jsonl").read_text().splitlines()[-1])
    assert letter["phone"] == ANNA.phone
    found = re.search(r"\b[0-9]{6}\b", letter["text"])
    assert found is not None
    phone.verify(card["id"], found.group())
    return phone.card(card["id"])


def pay_at_a_till(town: Street, phone: Phone, reference: str) -> str:
    """DE39 of a tap."""
    on, place = Installation(town.data), load_merchants().till("moscow")
    phone.arm({"tokenReference": reference})
    till = load_terminal(place.merchant.country, place.merchant.currency)
    band = TracedCard(phone.band.element, quiet(on), on.clock, Interface.NFC)
    outcome = tap(band, till, transaction_of(money("350", place.merchant.currency.code)))
    assert isinstance(outcome, OnlineRequest), outcome
    final, answer = settle(outcome, till, town.url(Role.ACQUIRER))
    assert isinstance(final, Approved), final
    assert answer is not None
    return answer.response_code


def pay_in_a_shop(town: Street, phone: Phone, card: str) -> str:
    """DE39 of a purchase with an online number."""
    shop = next(t for t in load_merchants().tills.values() if t.channel == "online")
    price = money("12", shop.merchant.currency.code)
    given = phone.online_number(card, price, shop.merchant.id)
    body = {
        "channel": "online",
        "terminal": shop.terminal,
        "amount_minor": price.minor,
        "currency": price.currency.code,
        **{name: given[name] for name in ("number", "expiry", "code")},
    }
    answer = httpx.post(f"{town.url(Role.ACQUIRER)}/v1/sales", json=body, timeout=10)
    assert answer.is_success, answer.text
    code: str = answer.json()["response_code"]
    return code


def history(phone: Phone, card: str, count: int) -> list[dict[str, str]]:
    """What the owner sees, once so many debits have come through."""
    for _ in patience():
        if len(seen := phone.history(card)) >= count:
            return seen
    pytest.fail("the wallet did not hear of the debits")
