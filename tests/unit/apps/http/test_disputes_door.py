"""Disputes over HTTP: opened and closed once, and of the token's own debits alone."""

from collections.abc import Iterator

import httpx
import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval
from tests.wallet_lab import TSP_SECRET, in_process
from zheton.adapters.clock import ManualClock
from zheton.adapters.storage.database import Database
from zheton.apps.http.tsp import token_service_app
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.state import Forward
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
    with in_process(token_service_app(bench.desk, {}, "", ManualClock(NOW))) as made:
        made.headers["Authorization"] = f"Bearer {TSP_SECRET}"
        yield made


def test_a_dispute_is_opened_and_closed_once(bench: VaultBench, client: httpx.Client) -> None:
    batch = bench.leased()
    (step,) = authorise(bench.switch, [bench.at_till(batch)], NOW)
    assert isinstance(step, Forward)
    complete(bench.switch, [Answered(step, approval(step.message))], NOW)
    debit = step.line.debit

    def said(token: str, name: str, verb: str) -> tuple[int, bool | None, bool | None]:
        answer = client.post(f"/v1/tokens/{token}/debits/{name}/dispute/{verb}", json={})
        told = answer.json()
        return answer.status_code, told.get("disputed"), told.get("changed")

    own, other = batch.enrolment, bench.enrolled(serial=2)[0].id
    assert said(own, debit, "close") == (200, False, False)
    assert said(own, debit, "open") == (200, True, True)
    assert said(own, debit, "open") == (200, True, False)
    assert said(own, debit, "close") == (200, False, True)
    assert said(other, debit, "open")[0] == 404
    assert said(own, "0" * 32, "open")[0] == 404
    assert said(own, "no id", "open")[0] == 422
