"""Every no in problem+json, there and back, and never with what the caller sent."""

import json
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace

from tests.wallet_lab import InProcess
from zheton.adapters.http_tsp import error_of
from zheton.apps.http.door import door
from zheton.apps.http.fields import Body, Envelope, Id
from zheton.apps.http.problem import of_decline, of_error
from zheton.core.decline import Decline, Reason
from zheton.core.errors import (
    ConfigurationError,
    ConflictError,
    DecodeError,
    EncodeError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    VerificationError,
    ZhetonError,
)

CANARY = "5413330089600010"
ERRORS = [
    (DecodeError("it holds no card", field="envelope", offset=0), 422),
    (EncodeError("the expiry date is written MM/YY", field="expiry"), 422),
    (VerificationError("The envelope does not open."), 400),
    (ConfigurationError("'XXX' is no currency."), 400),
    (NotFoundError("There is no such card."), 404),
    (ConflictError("The card is active."), 409),
    (RefusedError("chip", "The chip refused."), 403),
    (UnreachableError("The issuer does not answer."), 503),
]


class Entered(Body):
    """A body with every kind of field that can be wrong."""

    envelope: Envelope
    id: Id
    count: int
    nested: list[Id]


def opened(raises: Exception | None = None) -> httpx.Client:
    app = door("of a test")

    @app.post("/enter")
    def enter(body: Entered) -> dict[str, bool]:
        if raises is not None:
            raise raises
        return {"done": True}

    return httpx.Client(transport=InProcess(app), base_url="http://in-process")


GOOD: dict[str, Any] = {"envelope": "eyJh.b.c.d.e", "id": "0" * 32, "count": 1, "nested": []}


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda e: type(e).__name__)
def test_an_error_is_a_document_and_comes_back_as_the_error(
    error: ZhetonError, status: int
) -> None:
    answer = opened(error).post("/enter", json=GOOD)
    document = answer.json()
    assert answer.status_code == document["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert set(document) >= {"type", "title", "status", "detail"}
    assert document["detail"] == str(error)
    back = error_of(document)
    if not isinstance(error, UnreachableError):
        assert str(back) == str(error)
    expected = EncodeError if isinstance(error, DecodeError) else type(error)
    assert type(back) is expected


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("rule", [None, "ru-network"])
def test_a_decline_tells_reason_and_rule(reason: Reason, rule: str | None) -> None:
    document = of_decline(Decline(reason, "Mastercard only.", rule))
    assert document["status"] == 403 and document["reason"] == reason.value
    assert document.get("rule") == rule
    back = error_of(json.loads(json.dumps(document)))
    assert isinstance(back, RefusedError) and back.reason == reason.value
    assert str(back) == "Mastercard only." + (" (rule ru-network)" if rule else "")


def test_an_error_of_no_known_kind_is_a_fault() -> None:
    assert of_error(ZhetonError("Something."))["status"] == 500


def test_a_fault_tells_nothing_but_an_id_not_even_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "zheton.http"):
        answer = opened(RuntimeError(f"row of {CANARY}")).post("/enter", json=GOOD)
    assert answer.status_code == 500
    assert answer.json()["requestId"] in caplog.text
    assert "RuntimeError" in caplog.text and "test_problem.py" in caplog.text
    assert CANARY not in caplog.text + answer.text and "row of" not in caplog.text + answer.text


WRONG = st.one_of(
    st.sampled_from([CANARY, int(CANARY), float(CANARY), [CANARY], {CANARY: CANARY}, None, True]),
    st.text(max_size=20).map(lambda text: text + CANARY),
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*GOOD, CANARY, f"x{CANARY}"]), WRONG, max_size=6),
    st.booleans(),
)
def test_what_was_sent_never_comes_back(changes: dict[str, Any], nested: bool) -> None:
    body = GOOD | changes | ({"nested": [changes]} if nested else {})
    answer = opened().post("/enter", json=body)
    assert answer.status_code in (200, 422)
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "content", [f'{{"id": "{CANARY}', CANARY, f"[{CANARY}", f'"{CANARY}"', "", "\udcff" * 3]
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", CANARY])
def test_a_body_that_is_no_json_never_comes_back(content: str, kind: str) -> None:
    raw = content.encode("utf-8", "surrogateescape")
    answer = opened().post("/enter", content=raw, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/enter", 405), ("GET", "/x", 404)])
def test_a_path_that_is_not_there_is_a_problem_too(method: str, path: str, status: int) -> None:
    answer = opened().request(method, f"{path}?pan={CANARY}")
    assert answer.status_code == answer.json()["status"] == status
    assert CANARY not in answer.text


class Listening(trace.NoOpTracerProvider):
    """A tracer of another library in the same process."""


def test_the_framework_hands_no_body_to_whoever_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its telemetry keeps bodies and sends faults with their texts, where a tracer is around."""
    monkeypatch.setattr(trace, "get_tracer_provider", Listening)
    assert FastAPI()._native_telemetry.enabled()  # or the question would be the wrong one
    assert not door("of a test")._native_telemetry.enabled()
