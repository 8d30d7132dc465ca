"""Controls over HTTP: read, set, an edition that is old, and problems that name the field."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench
from tests.wallet_lab import TSP_SECRET, in_process
from zheton.adapters.clock import ManualClock
from zheton.adapters.storage.database import Database
from zheton.apps.http.tsp import token_service_app
from zheton.roles.tsp.requestors import admit, key_hash
from zheton.roles.tsp.state import Requestor, RequestorKind


@pytest.fixture
def bench() -> Iterator[VaultBench]:
    database = Database("sqlite://")
    yield VaultBench(database)
    database.close()


@pytest.fixture
def client(bench: VaultBench) -> Iterator[httpx.Client]:
    kind = RequestorKind.TOKEN_SERVICE
    admit(bench.vault, Requestor("operator", kind, "the operator", key_hash(TSP_SECRET)))
    app = token_service_app(bench.desk, {}, "", ManualClock(NOW))
    with in_process(app) as made:
        made.headers["Authorization"] = f"Bearer {TSP_SECRET}"
        yield made


@pytest.fixture
def token(bench: VaultBench) -> str:
    return bench.enrolled()[0].id


def put(client: httpx.Client, path: str, edition: int = 0, **controls: Any) -> httpx.Response:
    body = {"edition": edition, "controls": controls, "reason": "cardholder-request"}
    return client.put(f"/v1/tokens/{path}", json=body)


def test_what_is_set_is_read_with_who_why_and_when(client: httpx.Client, token: str) -> None:
    before = client.get(f"/v1/tokens/{token}/controls").json()
    assert (before["edition"], before["card"], before["token"]) == (0, None, None)
    card = {"from": "2019-09-01", "velocity": {"debits": 3, "minutes": 10}, "dayCount": 5}
    assert put(client, f"{token}/card-controls", 0, **card).status_code == 200
    own = {"regions": {"only": ["RU"]}, "channels": ["till"]}
    after = put(client, f"{token}/controls", 1, **own).json()
    assert after == client.get(f"/v1/tokens/{token}/controls").json()
    assert after["edition"] == 2
    assert after["card"]["controls"] == card
    assert after["token"]["controls"] == own
    told = (after["token"]["actor"], after["token"]["reason"], after["token"]["at"][:19])
    assert told == ("token-service", "cardholder-request", "2019-09-10T09:30:15")
    assert after["limits"]["dayCount"] == 5
    assert (after["limits"]["velocityDebits"], after["limits"]["velocityMinutes"]) == (3, 10)


@pytest.mark.parametrize(
    ("path", "controls", "field"),
    [
        ("controls", {"regions": {"only": ["RU", "XX"]}}, "regions.only.1"),
        ("controls", {"dayCount": 5}, "controls.?"),
        ("controls", {"colour": "red"}, "controls.?"),
        ("card-controls", {"velocity": {"debits": 99, "minutes": 1}}, "velocity.debits"),
        ("card-controls", {"dayMinor": 999_999_999}, "dayMinor"),
        ("card-controls", {"until": "2019-02-30"}, "until"),
        ("card-controls", {"merchants": {"never": ["5204730000000014"]}}, "merchants.never.0"),
    ],
)
def test_a_problem_names_the_field_and_repeats_nothing(
    client: httpx.Client, token: str, path: str, controls: dict[str, Any], field: str
) -> None:
    answer = put(client, f"{token}/{path}", 0, **controls)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in answer.json()["detail"]
    assert not {"XX", "colour", "red", "5204730000000014"} & set(answer.text.split('"'))


def test_of_two_who_set_at_once_the_second_is_told(client: httpx.Client, token: str) -> None:
    assert put(client, f"{token}/controls", 0, channels=["till"]).status_code == 200
    late = put(client, f"{token}/card-controls", 0, channels=["online"])
    assert (late.status_code, late.json()["type"]) == (409, "urn:zheton:problem:conflict")


def test_a_token_that_is_not_there(client: httpx.Client) -> None:
    assert client.get(f"/v1/tokens/{'0' * 32}/controls").status_code == 404
    assert client.get("/v1/tokens/5204730000000014/controls").status_code == 422
