"""The acquirer's door: a real acquirer behind it, and a bank on a real socket behind that one."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from zheton.adapters.clock import SystemClock
from zheton.adapters.merchants_file import load_merchants
from zheton.adapters.storage.acquirer import AcquirerDatabase
from zheton.adapters.storage.database import Database
from zheton.adapters.tcp.link import IsoLink
from zheton.adapters.tcp.server import IsoServer, Peer
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.http.acquirer import acquirer_app
from zheton.apps.nodes.acquirer import AcquirerNode
from zheton.core.country import country
from zheton.core.emv import tags, tlv
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.match import response_mti
from zheton.core.iso8583.message import Message
from zheton.core.money import currency

NUMBER = "5204730000000014"
TAG_91 = bytes.fromhex("0102030405060708" + "3030")
CHIP = tlv.encode_all([(0x9A, bytes.fromhex("190820")), (0x9F36, b"\x00\x01")])
TILL = {
    "terminal": "MSK00001",
    "amount_minor": 35000,
    "currency": "RUB",
    "number": NUMBER,
    "expiry": "2702",
    "psn": 0,
    "track2": f"{NUMBER}=2702201",
    "chip": CHIP.hex(),
    "channel": "till",
}
ONLINE = {
    "terminal": "MSKWEB01",
    "amount_minor": 9900,
    "currency": "643",
    "number": NUMBER,
    "expiry": "2702",
    "code": "123456",
    "channel": "online",
}


@dataclass
class Bank:
    """The network's place: it answers as it is told and keeps what came."""

    code: str = "00"
    garbles: bool = False
    came: list[Message] = field(default_factory=list)
    reversed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, asked: Message, _peer: Peer) -> Message:
        self.came.append(asked)
        echoed = {n: asked[n] for n in (2, 3, 4, 7, 11, 32, 37, 41, 49)}
        if asked.mti == "0400":
            self.reversed.set()
            return Message(response_mti(asked.mti), {**echoed, 39: "00"})
        if self.garbles:
            echoed[4] = "000000000001"
        more: dict[int, Any] = {39: self.code}
        if self.code == "00":
            more |= {38: "A1B2C3", 56: f"{'5001' + 'Q' * 25}"}
        if 55 in asked:
            more[55] = tlv.encode(tags.ISSUER_AUTHENTICATION_DATA, TAG_91)
        return Message(response_mti(asked.mti), echoed | more)


@asynccontextmanager
async def door(bank: Bank) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the acquirer's door."""
    clock = SystemClock()
    server = IsoServer("127.0.0.1", 0, DIALECT, bank.serve)
    await server.start()
    merchants = load_merchants()
    link = IsoLink("127.0.0.1", server.port, DIALECT, clock.now)
    folder = tempfile.TemporaryDirectory()
    database = Database(f"sqlite:///{folder.name}/acquirer.db")
    node = AcquirerNode(merchants.acquirer, AcquirerDatabase(database), link, clock)
    await node.start()
    transport = httpx.ASGITransport(acquirer_app(node, merchants))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://acquirer") as client:
            yield client
    finally:
        await node.close()
        await server.close()
        database.close()
        folder.cleanup()


def visit(play: Callable[[httpx.AsyncClient], Awaitable[None]], bank: Bank) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), door(bank) as client:
            await play(client)

    asyncio.run(run())


def test_a_sale_at_a_till_is_approved_and_found_again() -> None:
    bank = Bank()

    async def play(client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/sales", json=TILL)
        assert response.status_code == 200
        answer = response.json()
        rrn = answer.pop("rrn")
        assert answer == {
            "approved": True,
            "response_code": "00",
            "auth_code": "A1B2C3",
            "text": "Approved.",
            "issuer_authentication_data": TAG_91.hex(),
            "par": "5001" + "Q" * 25,
        }
        found = (await client.get(f"/v1/sales/{rrn}")).json()
        assert (found["status"], found["approved"]) == ("approved", True)
        assert found["number"] == "************0014"
        assert (found["amount_minor"], found["currency"]) == (35000, "RUB")

    visit(play, bank)
    (asked,) = bank.came
    assert (asked.text(2), asked.text(4), asked.text(49)) == (NUMBER, "000000035000", "643")
    assert (asked.text(13), asked.text(23), asked.binary(55)) == ("0820", "000", CHIP)


def test_a_sale_in_a_web_shop_carries_its_code_and_no_chip() -> None:
    bank = Bank()

    async def play(client: httpx.AsyncClient) -> None:
        answer = (await client.post("/v1/sales", json=ONLINE)).json()
        assert (answer["approved"], answer["issuer_authentication_data"]) == (True, None)

    visit(play, bank)
    (asked,) = bank.came
    assert 55 not in asked
    assert "123456" in asked.text(48)


def test_a_decline_is_an_answer_and_no_error() -> None:
    async def play(client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/sales", json=TILL)
        answer = response.json()
        assert response.status_code == 200
        assert (answer["approved"], answer["response_code"], answer["auth_code"]) == (
            False,
            "51",
            "",
        )
        assert answer["text"] == "Declined (response code 51)."

    visit(play, Bank(code="51"))


def test_an_answer_that_can_not_be_believed_charges_nothing_and_is_reversed() -> None:
    bank = Bank(garbles=True)

    async def play(client: httpx.AsyncClient) -> None:
        answer = (await client.post("/v1/sales", json=TILL)).json()
        assert (answer["approved"], answer["response_code"]) == (False, "")
        assert answer["text"].startswith("Nothing is charged")
        assert answer["issuer_authentication_data"] is None

        await bank.reversed.wait()

    visit(play, bank)


def test_an_approved_sale_is_taken_back_once() -> None:
    bank = Bank()

    async def play(client: httpx.AsyncClient) -> None:
        rrn = (await client.post("/v1/sales", json=TILL)).json()["rrn"]
        taken = await client.post(f"/v1/sales/{rrn}/cancel")
        assert (taken.status_code, taken.json()["status"]) == (200, "reversal-due")
        assert taken.json()["approved"] is False
        again = await client.post(f"/v1/sales/{rrn}/cancel")
        assert again.status_code == 409
        await bank.reversed.wait()

    visit(play, bank)
    assert bank.came[-1].mti == "0400"


def test_unknown_sales_and_tills_are_told() -> None:
    async def play(client: httpx.AsyncClient) -> None:
        missing = [
            await client.get("/v1/sales/932600000001"),
            await client.post("/v1/sales/932600000001/cancel"),
            await client.post("/v1/sales", json={**TILL, "terminal": "NOWHERE1"}),
        ]
        assert [response.status_code for response in missing] == [404, 404, 404]
        assert all(
            response.headers["content-type"] == "application/problem+json" for response in missing
        )

    visit(play, Bank())


@pytest.mark.parametrize(
    ("sale", "wrong"),
    [
        (TILL, {"channel": NUMBER}),
        (TILL, {"channel": None}),
        (TILL, {"number": "520473000000001X"}),
        (TILL, {"number": NUMBER, "expiry": "2713"}),
        (TILL, {"track2": f"{NUMBER}D2702"}),
        (TILL, {"chip": NUMBER + "X"}),
        (TILL, {"chip": "5A08" + NUMBER[:-2]}),
        (TILL, {"chip": "9F36020001"}),
        (TILL, {"chip": "9A03190230"}),
        (TILL, {"amount_minor": 0}),
        (TILL, {"amount_minor": NUMBER}),
        (TILL, {"currency": "EUR"}),
        (TILL, {"terminal": "MSKWEB01"}),
        (TILL, {NUMBER: "1"}),
        (ONLINE, {"code": NUMBER}),
        (ONLINE, {"chip": CHIP.hex()}),
        (ONLINE, {"terminal": "MSK00001"}),
    ],
)
def test_a_wrong_request_is_refused_and_nothing_of_it_comes_back(
    sale: dict[str, Any], wrong: dict[str, Any]
) -> None:
    bank = Bank()

    async def play(client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/sales", json={**sale, **wrong})
        assert response.status_code == 422
        assert NUMBER[:12] not in response.text

    visit(play, bank)
    assert bank.came == []


def test_an_unknown_currency_is_one_sentence() -> None:
    async def play(client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/sales", json={**TILL, "currency": "XXX"})
        assert response.status_code == 400
        assert "no currency" in response.json()["detail"]

    visit(play, Bank())


def test_a_body_without_end_is_cut() -> None:
    async def play(client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/sales", json={**TILL, "chip": "00" * 65_536})
        assert response.status_code == 413

    visit(play, Bank())


def test_the_tills_are_listed_and_the_one_of_pos_is_among_them() -> None:
    async def play(client: httpx.AsyncClient) -> None:
        tills = {till["name"]: till for till in (await client.get("/v1/tills")).json()}
        assert tills["moscow"]["merchant_name"] == "Kofeynya na Tverskoy"
        own = load_terminal(country("RU"), currency("RUB"))
        assert own.terminal_id in {till["terminal"] for till in tills.values()}

    visit(play, Bank())


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("preauthorisations/{rrn}/increments", {"reference": "a b"}, 422),
        ("preauthorisations/{rrn}/increments", {"amount_minor": 0}, 422),
        ("preauthorisations/{rrn}/completion", {"currency": "XXX"}, 400),
        ("preauthorisations/{rrn}/completion", {}, 409),
        ("sales/{rrn}/refunds", {}, 409),
        ("sales/{rrn}/refunds", {"number": NUMBER}, 422),
        ("sales/000000000000/partial-reversals", {}, 404),
        ("sales/x/partial-reversals", {}, 422),
    ],
)
def test_a_wish_that_makes_no_sense_is_a_problem_and_sends_nothing(
    path: str, body: dict[str, Any], status: int
) -> None:
    bank = Bank()

    async def play(client: httpx.AsyncClient) -> None:
        rrn = (await client.post("/v1/sales", json=TILL)).json()["rrn"]
        wish = {"reference": "one", "amount_minor": 100, "currency": "RUB"} | body
        response = await client.post(f"/v1/{path.format(rrn=rrn)}", json=wish)
        assert response.status_code == status, response.json()
        assert response.headers["content-type"] == "application/problem+json"
        assert NUMBER not in response.text
        assert len(bank.came) == 1

    visit(play, bank)
