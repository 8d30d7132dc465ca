"""A stay at a hotel over every real wire: the band is tapped once, and the rest is messages."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from tests.chain_lab import ANNA, Chain, flow
from tests.journals import Journals, unsettled
from zheton.apps.lab.people import Holding
from zheton.core.money import money
from zheton.roles.issuer.ledger import Kind
from zheton.roles.terminal.outcome import OnlineRequest


async def preauthorised(chain: Chain, shop: httpx.AsyncClient, holding: Holding) -> dict[str, Any]:
    """What the desk hears of a hold of 3,500 roubles."""
    await asyncio.to_thread(holding.phone.arm, holding.card)
    place, amount = chain.lab.merchants.till("moscow"), money("3500", "RUB")
    outcome = chain.lab.counter.present(holding.phone.band.element, place, amount)
    assert isinstance(outcome, OnlineRequest), outcome
    sale = outcome.sale
    body = {
        "channel": "till",
        "terminal": place.terminal,
        "amount_minor": sale.amount_minor,
        "currency": sale.currency,
        "number": sale.number,
        "expiry": sale.expiry,
        "psn": sale.psn,
        "track2": sale.track2,
        "chip": sale.chip.hex(),
    }
    answer: dict[str, Any] = (await shop.post("/v1/preauthorisations", json=body)).json()
    return answer


async def told(chain: Chain) -> None:
    """When the issuer has heard of everything."""
    for _ in range(400):
        if not unsettled(chain.lab.installation.data):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the issuer has not heard of everything")


async def owner_reads(holding: Holding, **wanted: object) -> None:
    """When the owner's history says that of the newest debit."""
    found: dict[str, Any] = {}
    for _ in range(400):
        newest = (await asyncio.to_thread(holding.phone.history, holding.card["id"]))[0]
        found = {name: newest[name] for name in wanted}
        if found == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(found)


def kinds(chain: Chain) -> dict[Kind, int]:
    sums: dict[Kind, int] = {}
    for ledger, minor in chain.ledger().items():
        sums[ledger.kind] = sums.get(ledger.kind, 0) + minor
    return sums


def test_a_stay_is_held_raised_lowered_paid_and_partly_given_back(tmp_path: Path) -> None:
    async def stay(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        before = kinds(chain)[Kind.CARDHOLDER]
        async with httpx.AsyncClient(base_url=chain.lab.acquiring.url) as shop:
            hold = await preauthorised(chain, shop, holding)
            assert hold["approved"], hold
            rrn, burnt = hold["rrn"], chain.burnt()

            async def wish(path: str, reference: str, minor: int) -> httpx.Response:
                body = {"reference": reference, "amount_minor": minor, "currency": "RUB"}
                return await shop.post(f"/v1/{path}", json=body)

            for _ in range(2):  # the desk's line broke, and it asks again
                night = await wish(f"preauthorisations/{rrn}/increments", "night-2", 100_000)
                assert night.json()["approved"], night.json()
            other = await wish(f"preauthorisations/{rrn}/increments", "night-2", 1)
            assert other.status_code == 409
            assert "something else" in other.json()["detail"]
            over = await wish(f"preauthorisations/{rrn}/completion", "bill", 450_001)
            assert over.status_code == 409
            lowered = await wish(f"sales/{rrn}/partial-reversals", "minibar", 440_000)
            assert lowered.json()["approved"], lowered.json()
            await told(chain)
            assert kinds(chain)[Kind.HOLDS] == 440_000
            bill = await wish(f"preauthorisations/{rrn}/completion", "bill-7", 420_000)
            assert bill.json()["status"] == "approved"
            await owner_reads(holding, amountMinor=350_000, heldMinor=420_000, refundedMinor=0)
            early = await wish(f"sales/{rrn}/refunds", "towels", 1)
            assert early.status_code == 409
            await told(chain)
            assert kinds(chain)[Kind.HOLDS] == 420_000
            Journals.read(chain.lab.installation.data).check({rrn})

            (cleared,) = await chain.lab.close_day(chain.clock.now().date())
            assert cleared.report.rejections == ()
            back = await wish(f"sales/{rrn}/refunds", "towels", 20_000)
            assert back.json()["approved"], back.json()
            assert (await wish(f"sales/{rrn}/refunds", "all", 400_001)).status_code == 409
            (refunded,) = await chain.lab.close_day(chain.clock.now().date())
            assert refunded.report.rejections == ()
            found = (await shop.get(f"/v1/sales/{rrn}")).json()
            looked_up = (await shop.get(f"/v1/sales/{rrn}/follow-ups/towels")).json()
            assert (await shop.get(f"/v1/sales/{rrn}/follow-ups/none")).status_code == 404
        assert (found["held_minor"], found["refunded_minor"]) == (420_000, 20_000)
        assert (looked_up["kind"], looked_up["status"]) == ("refund", "approved")
        assert kinds(chain)[Kind.CARDHOLDER] == before - 400_000
        assert not {Kind.HOLDS, Kind.SUSPENSE, Kind.NETWORK} & {
            k for k, v in kinds(chain).items() if v
        }
        assert chain.burnt() == burnt
        await owner_reads(holding, state="approved", heldMinor=420_000, refunded="200.00 RUB")
        await told(chain)
        Journals.read(chain.lab.installation.data).check({rrn})

    flow(tmp_path, stay)


def test_without_its_issuer_nothing_is_raised_but_the_guest_can_leave(tmp_path: Path) -> None:
    async def stay(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        async with httpx.AsyncClient(base_url=chain.lab.acquiring.url, timeout=30) as shop:
            rrn = (await preauthorised(chain, shop, holding))["rrn"]
            await chain.lab.issuer.server.close()
            body = {"reference": "night-2", "amount_minor": 100, "currency": "RUB"}
            night = await shop.post(f"/v1/preauthorisations/{rrn}/increments", json=body)
            assert (night.json()["approved"], night.json()["response_code"]) == (False, "91")
            body = {"reference": "bill", "amount_minor": 300_000, "currency": "RUB"}
            bill = await shop.post(f"/v1/preauthorisations/{rrn}/completion", json=body)
            assert bill.json()["approved"], bill.json()
            await chain.lab.issuer.server.start()
            await told(chain)
        assert kinds(chain)[Kind.HOLDS] == 300_000
        Journals.read(chain.lab.installation.data).check({rrn})

    flow(tmp_path, stay)
