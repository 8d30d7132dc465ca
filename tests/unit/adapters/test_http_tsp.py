"""The token service's client before a server that answers badly, late, too much or not at all."""

import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from zheton.adapters.http_tsp import ANSWER_BYTES_MAX, TIMEOUT, HttpTokenService, error_of
from zheton.core.errors import (
    ConflictError,
    DecodeError,
    RefusedError,
    UnreachableError,
    ZhetonError,
)
from zheton.core.money import money
from zheton.core.token.lifecycle import CardStatus, Cause, Verb

CANARY = "5413330089600010"
TOKEN = {
    "tokenUniqueReference": "0" * 32,
    "status": "active",
    "network": "mastercard",
    "panSuffix": "0010",
    "expiry": "2912",
    "paymentAccountReference": "5" * 29,
    "delivery": "",
}


def service(answer: Callable[[httpx.Request], httpx.Response]) -> HttpTokenService:
    client = httpx.Client(transport=httpx.MockTransport(answer))
    return HttpTokenService("http://tsp.example", "secret", client)


def test_the_secret_goes_along_and_the_answer_comes_back() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret"
        assert str(request.url) == "http://tsp.example/v1/tokens/" + "0" * 32
        return httpx.Response(200, json=TOKEN)

    token = service(answer).look_up("0" * 32)
    assert (token.status, token.last4, token.par) == (CardStatus.ACTIVE, "0010", "5" * 29)


@pytest.mark.parametrize("name", sorted(TOKEN))
@pytest.mark.parametrize("value", [None, 7, [CANARY]])
def test_an_answer_of_another_shape_is_an_error_that_quotes_nothing(name: str, value: Any) -> None:
    odd = service(lambda _: httpx.Response(200, json=TOKEN | {name: value}))
    with pytest.raises(DecodeError) as refused:
        odd.look_up("0" * 32)
    assert name in str(refused.value) and CANARY not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={"commands": ["zz"], "numbers": 64}),
        httpx.Response(200, json={"commands": [1], "numbers": 64}),
        httpx.Response(200, json={"commands": ["00"], "numbers": "64"}),
    ],
)
def test_a_package_that_is_none_is_an_error(answer: httpx.Response) -> None:
    with pytest.raises(DecodeError):
        service(lambda _: answer).provision("0" * 32, "1" * 32, 0, 1)


def test_an_online_number_with_a_wrong_date_is_an_error() -> None:
    body = {"number": CANARY, "expiry": "2912", "code": "123456", "expiresAt": "soon"}
    with pytest.raises(DecodeError) as refused:
        service(lambda _: httpx.Response(200, json=body)).transact(
            "0" * 32, "1" * 32, money("1", "RUB"), "", 5
        )
    assert CANARY not in str(refused.value)


def test_an_endless_answer_is_cut_off() -> None:
    big = service(lambda _: httpx.Response(200, content=bytes(ANSWER_BYTES_MAX + 1)))
    with pytest.raises(DecodeError):
        big.look_up("0" * 32)


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets this port
        tokens = HttpTokenService(f"http://127.0.0.1:{taken.getsockname()[1]}", "secret")
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1"):
            tokens.look_up("0" * 32)
        tokens.close()


def test_silence_is_unreachable() -> None:
    assert TIMEOUT.read is not None and TIMEOUT.connect is not None
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        tokens = HttpTokenService(address, "secret", httpx.Client(timeout=0.05))
        with pytest.raises(UnreachableError):
            tokens.look_up("0" * 32)
        tokens.close()


@pytest.mark.parametrize("status", [500, 502, 503, 413, 429])
def test_a_server_in_trouble_is_unreachable_and_not_quoted(status: int) -> None:
    error = error_of({"status": status, "detail": CANARY})
    assert isinstance(error, UnreachableError) and CANARY not in str(error)


def test_a_wrong_secret_is_said_so() -> None:
    error = error_of({"status": 401, "detail": "x"})
    assert isinstance(error, RefusedError) and error.reason == "unauthorised"


@pytest.mark.parametrize("problem", [{}, {"status": "404"}, {"status": 404, "detail": None}])
def test_a_document_that_is_none_is_an_error_all_the_same(problem: dict[str, Any]) -> None:
    assert isinstance(error_of(problem), ZhetonError)


def test_a_standing_that_did_not_change_is_an_error() -> None:
    problem = {"status": 409, "detail": "A card that is deleted can't become active."}
    with pytest.raises(ConflictError, match="deleted"):
        service(lambda _: httpx.Response(409, json=problem)).change_token(
            "0" * 32, Verb.UNSUSPEND, Cause.CARDHOLDER_REQUEST
        )
