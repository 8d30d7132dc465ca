"""Wallet and token service as servers on loopback, meeting over sockets only."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.wallet_lab import ANNA, NOTIFIER_SECRET, NOW, TSP_SECRET, App, Lab, app_key, lab
from zheton.adapters.app_key import public_part
from zheton.adapters.http_tsp import HttpTokenService, ask
from zheton.apps.companion import Companion, Owner, entry_form
from zheton.apps.http.serving import HttpServer
from zheton.apps.http.wallet import wallet_app
from zheton.core.errors import RefusedError, UnreachableError

pytestmark = pytest.mark.system
PATIENCE_SECONDS = 10.0


class Servers:
    """Applications on ports of their own, in an event loop of a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._running: list[HttpServer] = []

    def start(self, app: FastAPI) -> str:
        """The address of an application that answers."""
        server = HttpServer(app)
        asyncio.run_coroutine_threadsafe(server.start(), self._loop).result(PATIENCE_SECONDS)
        self._running.append(server)
        return server.url

    def stop(self) -> None:
        """Stop what runs, the newest first."""
        while self._running:
            closing = self._running.pop().close()
            asyncio.run_coroutine_threadsafe(closing, self._loop).result(PATIENCE_SECONDS)

    def close(self) -> None:
        """Stop and end the thread."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()


@dataclass
class Town:
    """A lab whose wallet and token service meet over sockets."""

    lab: Lab
    servers: Servers
    tsp_url: str
    wallet_url: str
    wallet: FastAPI


@pytest.fixture
def town() -> Iterator[Town]:
    with lab() as world:
        servers = Servers()
        tsp_url = servers.start(world.tsp)
        tokens = HttpTokenService(tsp_url, TSP_SECRET)
        desk = replace(world.wallet_desk, tokens=tokens)
        app = wallet_app(desk, world.clock, NOTIFIER_SECRET)
        yield Town(world, servers, tsp_url, servers.start(app), app)
        app.state.hub.close()
        servers.close()
        tokens.close()


@pytest.fixture
def anna(town: Town) -> Iterator[App]:
    made = httpx.post(f"{town.wallet_url}/v1/users", json={"name": "Anna"}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    with httpx.Client(base_url=town.wallet_url, headers=headers) as client:
        yield App(town.lab, made["id"], client)


def notice(town: Town, app: App, card: str, **changes: Any) -> dict[str, Any]:
    with town.lab.wallet_desk.store.transaction() as tx:
        found = tx.card(card)
    assert found is not None
    return {
        "debitId": "d1",
        "tokenUniqueReference": found.token.reference,
        "at": NOW.isoformat(),
        "merchantName": "Кофе",
        "amountMinor": 35000,
        "heldMinor": 30000,
        "refundedMinor": 10000,
        "currency": "643",
        "state": "approved",
        "edition": 0,
        "responseCode": "00",
        "reason": "",
        "numberLast4": "1234",
    } | changes


def notify(town: Town, *notices: dict[str, Any], secret: str = NOTIFIER_SECRET) -> httpx.Response:
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"{town.wallet_url}/v1/notifications"
    return httpx.post(url, json=list(notices), headers=headers)


def test_a_band_is_filled_over_sockets(town: Town, anna: App) -> None:
    key = anna.get("/v1/encryption-key")
    band = town.lab.band()
    owner = Owner(band.serial.hex(), public_part(app_key()))
    sealed = entry_form(ANNA, "12/29", owner, key["jwk"], town.lab.keys.envelope_thumbprint())
    body = {"encryptedData": sealed, "region": "RU", "title": "Зарплатная"}
    card = anna.post(f"/v1/users/{anna.user}/creditCards", body, 201)
    assert (card["status"], card["last4"], card["title"]) == ("identifying", "0010", "Зарплатная")
    assert card["delivery"] == "SMS +7 *** ***-12-34"
    verified = anna.post(f"/v1/creditCards/{card['id']}/verify", {"code": town.lab.code()})
    assert verified["status"] == "active"
    device = anna.register(band)
    assert [each["id"] for each in anna.get(f"/v1/users/{anna.user}/devices")] == [device]
    companion = Companion(anna.http, band.transmit)
    assert companion.counter() == 0
    assert companion.sync(device, 0, card["id"]) is not None
    assert companion.counter() == 1
    assert companion.sync(device, band.element.credentials_left(), card["id"]) is None
    assert band.element.credentials_left() == 64


def test_a_debit_is_pushed_once_and_listed(town: Town, anna: App) -> None:
    card = anna.active_card()
    with anna.http.stream("GET", f"/v1/users/{anna.user}/events", timeout=PATIENCE_SECONDS) as s:
        assert s.headers["content-type"].startswith("text/event-stream")
        lines = s.iter_lines()
        assert next(lines).startswith(":")
        told = notice(town, anna, card)
        assert notify(town, told, told).json() == {"recorded": 1}
        assert notify(town, told).json() == {"recorded": 0}
        assert notify(town, told | {"state": "reversed", "edition": 1}).json() == {"recorded": 1}
        pushed: list[dict[str, Any]] = []
        while len(pushed) < 2:
            line = next(lines)
            if line.startswith("data: "):
                pushed.append(json.loads(line.removeprefix("data: ")))
    assert [event["state"] for event in pushed] == ["approved", "reversed"]
    assert (pushed[0]["amount"], pushed[0]["held"]) == ("350.00 RUB", "300.00 RUB")
    assert (pushed[0]["refunded"], pushed[0]["refundedMinor"]) == ("100.00 RUB", 10_000)
    (listed,) = anna.get(f"/v1/creditCards/{card}/transactions")
    assert listed == pushed[-1]
    assert (listed["amount"], listed["merchantName"]) == ("350.00 RUB", "Кофе")


def test_a_notice_comes_from_the_token_service_or_not_at_all(town: Town, anna: App) -> None:
    card = anna.active_card()
    assert notify(town, notice(town, anna, card), secret="x" * 40).status_code == 401
    assert httpx.post(f"{town.wallet_url}/v1/notifications", json=[]).status_code == 401
    for wrong in (
        {"at": "2019-09-02T09:00:00"},  # without a zone
        {"merchantName": "two\nlines"},
        {"numberLast4": ANNA},
        {"amountMinor": -1},
    ):
        refused = notify(town, notice(town, anna, card, **wrong))
        assert refused.status_code == 422 and ANNA not in refused.text
    unknown = notify(town, notice(town, anna, card, currency="XXX"))
    assert unknown.status_code == 400
    assert anna.get(f"/v1/creditCards/{card}/transactions") == []


def test_users_do_not_see_each_other(town: Town, anna: App) -> None:
    card, band = anna.active_card(), town.lab.band()
    device = anna.register(band)
    made = httpx.post(f"{town.wallet_url}/v1/users", json={"name": "Eve"}).json()
    online = {"deviceId": device, "amountMinor": 1, "currency": "RUB"}
    asked: list[tuple[str, str, Any]] = [
        ("GET", f"/v1/users/{anna.user}/devices", None),
        ("GET", f"/v1/users/{anna.user}/creditCards", None),
        ("GET", f"/v1/users/{anna.user}/events", None),
        ("POST", f"/v1/users/{anna.user}/devices/challenge", {"serial": "0" * 20}),
        (
            "POST",
            f"/v1/users/{anna.user}/devices",
            {
                "serial": "0" * 20,
                "profile": "ring",
                **dict.fromkeys(("certificate", "challenge", "proof"), "00"),
            },
        ),
        (
            "POST",
            f"/v1/users/{anna.user}/creditCards",
            {"encryptedData": "eyJh.b.c.d.e", "region": "RU"},
        ),
        ("GET", f"/v1/creditCards/{card}", None),
        ("GET", f"/v1/creditCards/{card}/transactions", None),
        ("POST", f"/v1/creditCards/{card}/verify", {"code": "123456"}),
        *(("POST", f"/v1/creditCards/{card}/{verb}", None) for verb in VERBS),
        *(("POST", f"/v1/devices/{device}/{verb}", None) for verb in VERBS[:2]),
        ("POST", f"/v1/devices/{device}/unpair", None),
        ("POST", f"/v1/creditCards/{card}/transact", online),
        ("POST", f"/v1/devices/{device}/commits", {"counter": 0, "unspent": 0}),
        ("POST", f"/v1/devices/{device}/commits/1/acknowledge", {"statuses": ["9000"]}),
    ]
    paths = town.wallet.openapi()["paths"]
    open_to_all = {"/v1/encryption-key", "/v1/users", "/v1/notifications"}
    assert len(asked) == sum(len(paths[path]) for path in set(paths) - open_to_all)
    for token, status in ((made["token"], 404), ("0" * 64, 401), ("", 401)):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=town.wallet_url, headers=headers) as stranger:
            for method, path, body in asked:
                answer = stranger.request(method, path, json=body)
                assert answer.status_code == status, (method, path, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
    assert anna.get(f"/v1/creditCards/{card}")["status"] == "active"


VERBS = ("suspend", "resume", "delete")


def test_standing_is_changed_over_both_doors(town: Town, anna: App) -> None:
    card = anna.active_card()
    for verb, status in zip(VERBS, ("suspended", "active", "deleted"), strict=True):
        assert anna.post(f"/v1/creditCards/{card}/{verb}")["status"] == status
    gone = anna.http.post(f"/v1/creditCards/{card}/resume")
    assert gone.status_code == 409 and "deleted" in gone.json()["detail"]


def test_a_refusal_passes_both_doors_with_its_rule(town: Town, anna: App) -> None:
    body = {"encryptedData": town.lab.envelope("4111111111111111"), "region": "RU"}
    path = f"/v1/users/{anna.user}/creditCards"
    refused = anna.http.post(path, json=body)
    assert refused.status_code == 403 and refused.json()["reason"] == "policy"
    assert "ru-network" in refused.json()["detail"]
    with pytest.raises(RefusedError, match="Mastercard only"):
        ask(anna.http, "POST", path, body)


def test_every_door_of_the_token_service_wants_the_secret(town: Town) -> None:
    paths = town.lab.tsp.openapi()["paths"]
    assert len(paths) > 20
    for path, methods in paths.items():
        for method in methods:
            for headers in ({}, {"Authorization": "Bearer " + "x" * 40}):
                answer = httpx.request(method, town.tsp_url + path, headers=headers, content=b"{")
                assert answer.status_code == 401, path
    assert httpx.get(f"{town.tsp_url}/openapi.json").status_code == 401


def test_a_token_service_that_is_gone_is_said_so_and_comes_back(town: Town, anna: App) -> None:
    sealed = town.lab.envelope(ANNA)
    town.lab.link.reachable = False
    path = f"/v1/users/{anna.user}/creditCards"
    body = {"encryptedData": sealed, "region": "RU"}
    refused = anna.http.post(path, json=body)
    assert refused.status_code == 503
    with pytest.raises(UnreachableError):
        ask(anna.http, "POST", path, body)
    town.lab.link.reachable = True
    assert anna.http.post(path, json=body).status_code == 201


def test_both_doors_describe_themselves(town: Town) -> None:
    for app in (town.lab.tsp, town.wallet):
        document = app.openapi()
        assert document["openapi"].startswith("3.1")
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                assert operation["description"], (path, method)
                assert path.startswith("/v1/")


def test_a_body_that_does_not_end_is_refused(town: Town) -> None:
    answer = httpx.post(f"{town.wallet_url}/v1/users", json={"name": "x" * 100_000})
    assert answer.status_code == 413
