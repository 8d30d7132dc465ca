"""The token API over a socket: who may do what, asking twice, and what it says of itself."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest

from tests.wallet_lab import ANNA, BORIS, SERIAL, TSP_SECRET, Lab, certificate, chip_key, lab
from zheton.adapters.entropy import SystemEntropy
from zheton.apps.http.problem import MEDIA_TYPE
from zheton.apps.http.serving import HttpServer
from zheton.core.emv.device_proof import prove
from zheton.roles.tsp.requestors import admit, key_hash
from zheton.roles.tsp.state import Requestor, RequestorKind

pytestmark = pytest.mark.system
PATIENCE_SECONDS = 10.0
DEVICE, SERIAL_HEX = "0c" * 16, SERIAL.hex()
KEYS = {"wallet": TSP_SECRET, "other": "another-wallet-" * 4, "issuer": "its-issuer-here-" * 4}
LOST: dict[str, Any] = {"reason": "device-lost"}


@dataclass
class Api:
    """The token service behind its port, with a bank behind it."""

    lab: Lab
    url: str
    keys: Iterator[int]

    def ask(
        self, method: str, path: str, body: Any = None, who: str = "wallet", key: str | None = None
    ) -> httpx.Response:
        """The answer to a caller."""
        headers = {"Authorization": f"Bearer {KEYS[who]}"}
        headers |= {"Idempotency-Key": key} if key else {}
        return httpx.request(method, self.url + path, json=body, headers=headers)

    def done(self, *asked: Any, **more: Any) -> Any:
        """The JSON of an answer that is a success."""
        answer = self.ask(*asked, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def key(self) -> str:
        """A fresh idempotency key."""
        return f"key-{next(self.keys):08d}"

    def token(self, pan: str = ANNA, expiry: str = "12/29", who: str = "wallet") -> str:
        """An active token of a wallet."""
        body = {"encryptedPayload": self.lab.envelope(pan, expiry), "region": "RU"}
        token = str(self.done("POST", "/v1/tokens", body, who)["tokenUniqueReference"])
        self.done("POST", f"/v1/tokens/{token}/activate", {"code": self.lab.code()}, who)
        return token

    def device(self) -> str:
        """The wallet's band."""
        asked = self.done("POST", "/v1/devices/challenge", {"serial": SERIAL_HEX})
        challenge, key = bytes.fromhex(asked["challenge"]), chip_key()
        proof = prove(key, SERIAL, challenge, SystemEntropy().take(key.public.size))
        body = {
            "deviceId": DEVICE,
            "serial": SERIAL_HEX,
            "deviceClass": "band",
            "certificate": certificate(SERIAL).hex(),
            "challenge": challenge.hex(),
            "proof": proof.hex(),
        }
        return str(self.done("POST", "/v1/devices", body)["deviceId"])


@pytest.fixture(scope="module")
def serving() -> Iterator[tuple[Lab, str]]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    with lab() as made:
        for name, kind in (("other", RequestorKind.WALLET), ("issuer", RequestorKind.ISSUER)):
            admit(made.desk.vault, Requestor(name, kind, name, key_hash(KEYS[name])))
        server = HttpServer(made.tsp)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(PATIENCE_SECONDS)
        yield made, server.url
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(PATIENCE_SECONDS)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_SECONDS)
    loop.close()


_KEYS = count()


@pytest.fixture
def api(serving: tuple[Lab, str]) -> Iterator[Api]:
    made, url = serving
    yield Api(made, url, _KEYS)
    with made.databases["vault"].transaction() as connection:  # each test begins anew
        for table in ("enrolment", "batch", "card", "card_index", "device", "kept_answer"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 names of ours


# Asking twice


def test_a_card_is_enrolled_once_however_often_it_is_asked(api: Api) -> None:
    body, key = {"encryptedPayload": api.lab.envelope(ANNA), "region": "RU"}, api.key()
    first = api.ask("POST", "/v1/tokens", body, key=key)
    letters = len(api.lab.outbox.letters())
    again = api.ask("POST", "/v1/tokens", body, key=key)
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(api.lab.outbox.letters()) == letters, "the cardholder hears of it once"
    changed = api.ask("POST", "/v1/tokens", {**body, "region": "CN"}, key=key)
    assert changed.status_code == 422
    assert changed.headers["content-type"] == MEDIA_TYPE
    other = api.ask("POST", "/v1/tokens", body, "other", key)
    assert other.json()["tokenUniqueReference"] != first.json()["tokenUniqueReference"]


def test_a_wrong_code_that_is_sent_again_uses_up_one_try(api: Api) -> None:
    body = {"encryptedPayload": api.lab.envelope(ANNA), "region": "RU"}
    token = api.done("POST", "/v1/tokens", body)["tokenUniqueReference"]
    wrong, key = {"code": f"{(int(api.lab.code()) + 1) % 10**6:06d}"}, api.key()
    refused = [api.ask("POST", f"/v1/tokens/{token}/activate", wrong, key=key) for _ in range(5)]
    assert {answer.status_code for answer in refused} == {403}
    assert {answer.json()["reason"] for answer in refused} == {"identity-not-confirmed"}
    right = {"code": api.lab.code()}
    assert api.done("POST", f"/v1/tokens/{token}/activate", right)["status"] == "active"


def test_a_replenishment_that_is_sent_again_brings_the_same_batches(api: Api) -> None:
    token, device, key = api.token(), api.device(), api.key()
    body = {"deviceId": device, "counter": 0, "batches": 2}
    first = api.ask("POST", f"/v1/tokens/{token}/replenish", body, key=key)
    assert (first.json()["numbers"], first.json()["numbersLeft"]) == (128, 128)
    api.done("POST", f"/v1/tokens/{token}/provisioned")
    again = api.ask("POST", f"/v1/tokens/{token}/replenish", body, key=key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.json()["numbersLeft"] == 128
    listed = api.done("GET", f"/v1/tokens/{token}/batches")["batches"]
    assert [batch["status"] for batch in listed] == ["provisioned"] * 2
    more = api.done("POST", f"/v1/tokens/{token}/replenish", body, key=api.key())
    assert (more["numbers"], more["numbersLeft"]) == (128, 256)


def test_an_online_number_comes_again_and_no_second_one(api: Api) -> None:
    token, device, key = api.token(), api.device(), api.key()
    body = {"deviceId": device, "amountMinor": 99900, "currency": "RUB"}
    path = f"/v1/tokens/{token}/transact"
    first = api.done("POST", path, body, key=key)
    assert api.done("POST", path, body, key=key) == first
    assert api.done("POST", path, body) != first


def test_a_suspension_that_is_sent_again_is_no_conflict(api: Api) -> None:
    token, key = api.token(), api.key()
    first = api.done("POST", f"/v1/tokens/{token}/suspend", LOST, key=key)
    assert api.done("POST", f"/v1/tokens/{token}/suspend", LOST, key=key) == first
    assert api.ask("POST", f"/v1/tokens/{token}/suspend", LOST).status_code == 409
    other = api.ask("POST", f"/v1/tokens/{token}/unsuspend", LOST, key=key)
    assert other.status_code == 422, "the key is of another request"


@pytest.mark.parametrize("key", ["short", "x" * 65, "with space", "quote\"'quote", "a/b/c/d/e"])
def test_a_key_has_a_shape(api: Api, key: str) -> None:
    body = {"encryptedPayload": "a.b.c.d.e", "region": "RU"}
    assert api.ask("POST", "/v1/tokens", body, key=key).status_code == 422


def test_what_is_kept_helps_no_thief(api: Api) -> None:
    token, device = api.token(), api.device()
    body = {"deviceId": device, "counter": 0}
    package = api.done("POST", f"/v1/tokens/{token}/replenish", body, key=api.key())
    sealed = {"encryptedPayload": api.lab.envelope(BORIS, "06/28"), "region": "RU"}
    api.done("POST", "/v1/tokens", sealed, key=api.key())
    with api.lab.databases["vault"].reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM kept_answer").mappings().all()
    kept = " ".join(str(dict(row)) for row in rows)
    assert len(rows) == 2
    for secret in (ANNA, BORIS, api.lab.code(), *package["commands"], sealed["encryptedPayload"]):
        assert secret not in kept


# Who may do what


def operations(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    document = api.done("GET", "/openapi.json")
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_a_wallet_reaches_nothing_of_another_wallets(api: Api) -> None:
    token, device = api.token(), api.device()
    names = {"token": token, "device": device, "batch": "0" * 16, "debit": "0" * 32}
    bodies = {
        "activate": {"code": "123456"},
        "replenish": {"deviceId": device, "counter": 0},
        "transact": {"deviceId": device, "amountMinor": 1, "currency": "RUB"},
        "controls": {"edition": 0, "controls": {}, **LOST},
        "card-controls": {"edition": 0, "controls": {}, **LOST},
        "provisioned": None,
    }
    asked = 0
    for method, path, _ in operations(api):
        if "{token}" not in path and "{device}" not in path:
            continue
        body = bodies.get(path.rsplit("/", 1)[1], LOST) if method != "GET" else None
        answer = api.ask(method, path.format(**names), body, "other")
        assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE), path
        asked += 1
    assert asked > 15
    assert api.done("GET", "/v1/tokens", who="other")["tokens"] == []
    by_device = api.ask("GET", f"/v1/tokens?deviceId={device}", who="other")
    assert by_device.status_code == 404
    assert api.done("GET", f"/v1/tokens/{token}")["status"] == "active"


def test_a_wallet_acts_for_its_cardholders_and_for_nobody_else(api: Api) -> None:
    token = api.token()
    par = api.done("GET", f"/v1/tokens/{token}")["paymentAccountReference"]
    for actor in ("issuer", "token-service"):
        refused = api.ask("POST", f"/v1/tokens/{token}/suspend", {**LOST, "actor": actor})
        assert (refused.status_code, refused.json()["reason"]) == (403, "actor")
    for method, path in (("GET", ""), ("POST", "/suspend"), ("GET", "/history")):
        body = LOST if method == "POST" else None
        assert api.ask(method, f"/v1/cards/{par}{path}", body).status_code == 403
    as_wallet = api.done("POST", f"/v1/tokens/{token}/suspend", {**LOST, "actor": "wallet"})
    assert as_wallet["suspendedBy"] == ["token: wallet"]
    issuers = api.done("POST", f"/v1/cards/{par}/suspend", LOST, "issuer")
    assert issuers["suspendedBy"] == ["issuer"]
    assert api.ask("GET", "/v1/events", who="issuer").status_code == 403
    as_cardholder = {**LOST, "actor": "cardholder"}
    assert api.ask("POST", f"/v1/cards/{par}/unsuspend", as_cardholder, "issuer").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "because"},
        {"reason": "schedule"},
        {**LOST, "actor": "president"},
        {**LOST, "actorId": ANNA},
        {**LOST, "actorId": "x" * 65},
        {**LOST, "more": ANNA},
    ],
)
def test_a_reason_is_one_of_a_few_words_and_nothing_is_quoted(
    api: Api, body: dict[str, Any]
) -> None:
    token = api.token()
    refused = api.ask("POST", f"/v1/tokens/{token}/suspend", body)
    assert (refused.status_code, refused.headers["content-type"]) == (422, MEDIA_TYPE)
    assert ANNA not in refused.text and "president" not in refused.text
    assert api.done("GET", f"/v1/tokens/{token}")["status"] == "active"


# Reading


def test_what_the_issuer_does_reaches_the_wallet_as_an_event(api: Api) -> None:
    start = api.done("GET", "/v1/events")
    while start["events"]:
        start = api.done("GET", f"/v1/events?after={start['cursor']}")
    token = api.token()
    par = api.done("GET", f"/v1/tokens/{token}")["paymentAccountReference"]
    body = {"reason": "fraud-suspected", "actorId": "clerk-7"}
    api.done("POST", f"/v1/cards/{par}/suspend", body, "issuer")
    page = api.done("GET", f"/v1/events?after={start['cursor']}")
    assert [(one["subject"], one["after"]) for one in page["events"]] == [
        ("token", "identifying"),
        ("token", "active"),
        ("card", "suspended"),
    ]
    last = page["events"][-1]
    assert (last["actor"], last["actorId"], last["reason"]) == ("issuer", "", "fraud-suspected")
    assert last["tokenUniqueReference"] == token
    assert api.done("GET", f"/v1/events?after={page['cursor']}")["events"] == []
    assert api.done("GET", f"/v1/tokens/{token}")["suspendedBy"] == ["card: issuer"]
    (line,) = api.done("GET", f"/v1/cards/{par}/history", who="issuer")["changes"]
    own = [api.done("GET", f"/v1/tokens/{token}/history", who=who) for who in ("wallet", "issuer")]
    assert [each["changes"][-1]["actorId"] for each in own] == ["", "clerk-7"]
    assert line["actorId"] == "clerk-7"
    for cursor in ("ff", "0" * 641, "f" * 642):
        assert api.ask("GET", f"/v1/events?after={cursor}").status_code == 422


def test_a_search_goes_by_what_a_wallet_knows(api: Api) -> None:
    tokens = sorted([api.token(), api.token(BORIS, "06/28")])
    device = api.device()
    api.done("POST", f"/v1/tokens/{tokens[0]}/suspend", LOST)
    one = api.done("GET", f"/v1/tokens/{tokens[1]}")

    def found(query: str) -> list[str]:
        page = api.done("GET", f"/v1/tokens?{query}")
        return [token["tokenUniqueReference"] for token in page["tokens"]]

    assert sorted(found("")) == tokens
    assert found("status=suspended") == tokens[:1]
    assert found(f"paymentAccountReference={one['paymentAccountReference']}") == tokens[1:]
    assert found(f"panSuffix={one['panSuffix']}&status=active") == tokens[1:]
    assert sorted(found(f"deviceId={device}")) == tokens
    assert found("updatedSince=2099-01-01T00:00:00Z") == []
    first = api.done("GET", "/v1/tokens?limit=1")
    assert found(f"limit=1&after={first['next']}") != [first["tokens"][0]["tokenUniqueReference"]]
    for query in ("status=gone", "limit=0", "limit=101", "panSuffix=12", "after=zz"):
        assert api.ask("GET", f"/v1/tokens?{query}").status_code == 422


def test_a_history_is_paged(api: Api) -> None:
    token = api.token()
    for verb in ("suspend", "unsuspend", "suspend"):
        api.done("POST", f"/v1/tokens/{token}/{verb}", LOST)
    seen: list[str] = []
    after = "0"
    while after:
        page = api.done("GET", f"/v1/tokens/{token}/history?limit=2&after={after}")
        seen += [change["after"] for change in page["changes"]]
        after = page["next"] or ""
    assert seen == ["identifying", "active", "suspended", "active", "suspended"]
    device = api.device()
    api.done("POST", f"/v1/devices/{device}/suspend", LOST)
    assert api.done("GET", f"/v1/devices/{device}")["settled"] is True
    (change,) = api.done("GET", f"/v1/devices/{device}/history")["changes"]
    assert (change["subject"], change["actor"]) == ("device", "cardholder")


# What it says of itself


def test_the_description_is_whole(api: Api) -> None:
    document = api.done("GET", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    names = [operation["operationId"] for _, _, operation in operations(api)]
    assert len(names) == len(set(names)) > 30
    for method, path, operation in operations(api):
        assert operation["summary"] and operation["description"], path
        assert operation["security"] == [{"HTTPBearer": []}], path
        for status in ("4XX", "5XX"):
            content = operation["responses"][status]["content"]
            assert content.keys() == {MEDIA_TYPE}, path
        parameters = {one["name"] for one in operation.get("parameters", [])}
        assert set(re.findall(r"{(\w+)}", path)) <= parameters, path
        if method == "POST":
            assert "Idempotency-Key" in parameters, path
    for schema in document["components"]["schemas"].values():
        assert schema.get("description") or "enum" in schema, schema["title"]


def test_every_reference_leads_somewhere_and_no_example_is_a_card(api: Api) -> None:
    document = api.done("GET", "/openapi.json")
    text = json.dumps(document)
    for reference in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', text):
        assert reference in document["components"]["schemas"]
    for digits in re.findall(r"[0-9]{13,19}", text):
        assert not _luhn(digits), digits


def _luhn(digits: str) -> bool:
    odd, even = digits[-1::-2], digits[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(d), 10)) for d in even)) % 10 == 0
