"""The till's line to its acquirer, against an HTTP server on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from zheton.adapters.acquirer_http import authorise
from zheton.core.errors import DecodeError, RefusedError, UnreachableError
from zheton.roles.terminal.outcome import Sale

SALE = Sale(
    amount_minor=35000,
    currency="643",
    number="5204730000000013",
    expiry="2512",
    psn=0,
    track2="5204730000000013=2512201",
    chip=bytes.fromhex("9F370401020304"),
    aid=bytes.fromhex("A0000000041010"),
    label="MASTERCARD",
    tvr=bytes(5),
    cvm_results=bytes(3),
    signature=False,
)
APPROVAL = {
    "approved": True,
    "response_code": "00",
    "auth_code": "123456",
    "rrn": "924412000001",
    "text": "Approved",
    "issuer_authentication_data": "0102030405060708",
}
DECLINE = {"approved": False, "response_code": "51", "auth_code": None, "rrn": "1", "text": "No"}


@contextmanager
def acquirer(status: int, body: object) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a server that gives one answer, and the requests that came."""
    seen: list[dict[str, Any]] = []
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the server's own name for it
            length = int(self.headers["Content-Length"])
            seen.append(json.loads(self.rfile.read(length)) | {"path": self.path})
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            """Keep the tests' output quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", seen
        finally:
            server.shutdown()
            thread.join()


def test_an_approval_comes_back_with_what_the_receipt_needs() -> None:
    with acquirer(200, APPROVAL) as (url, seen):
        answer = authorise(url, "LABTILL1", SALE)
    assert (answer.response_code, answer.auth_code, answer.rrn) == ("00", "123456", "924412000001")
    assert answer.issuer_authentication_data == bytes(range(1, 9))
    assert seen == [
        {
            "path": "/v1/sales",
            "terminal": "LABTILL1",
            "amount_minor": 35000,
            "currency": "643",
            "number": SALE.number,
            "expiry": "2512",
            "psn": 0,
            "track2": SALE.track2,
            "chip": "9f370401020304",
            "channel": "till",
        }
    ]


def test_a_decline_is_an_answer() -> None:
    with acquirer(200, DECLINE) as (url, _):
        answer = authorise(url, "LABTILL1", SALE)
    assert (answer.response_code, answer.auth_code) == ("51", "")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        [],
        APPROVAL | {"approved": False},
        DECLINE | {"approved": True},
        APPROVAL | {"approved": "yes"},
        APPROVAL | {"response_code": 0},
        APPROVAL | {"issuer_authentication_data": "xyz"},
        APPROVAL | {"issuer_authentication_data": 7},
        {},
    ],
)
def test_a_malformed_answer_is_never_an_approval(body: object) -> None:
    with acquirer(200, body) as (url, _), pytest.raises(DecodeError) as caught:
        authorise(url, "LABTILL1", SALE)
    assert SALE.number not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [(403, {"reason": "policy", "detail": "not here"}, "policy"), (500, b"oops", "http-500")],
)
def test_a_refused_request_says_why(status: int, body: object, reason: str) -> None:
    with acquirer(status, body) as (url, _), pytest.raises(RefusedError) as caught:
        authorise(url, "LABTILL1", SALE)
    assert caught.value.reason == reason


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[", "ftp://x"])
def test_an_acquirer_that_is_not_there_is_told(url: str) -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        authorise(url, "LABTILL1", SALE)
