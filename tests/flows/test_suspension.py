"""Suspending a token, a batch, a device or a card: the next tap is refused, and nothing else."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chain_lab import ANNA, LI, Chain, flow
from zheton.apps.lab.people import Holding

APPROVED, SUSPENDED = "00", "62"


class Api:
    """The token API as a wallet and as the issuer have it, over its own port."""

    def __init__(self, chain: Chain) -> None:
        on = chain.lab.installation
        self._url = chain.lab.tsp.url
        self._keys = {"wallet": on.wallet_secret(), "issuer": on.issuer_secret()}

    async def ask(self, method: str, path: str, who: str = "wallet", **body: Any) -> Any:
        """The JSON that answers."""
        headers = {"Authorization": f"Bearer {self._keys[who]}"}
        async with httpx.AsyncClient(base_url=self._url, headers=headers) as client:
            answer = await client.request(method, path, json=body or None)
        assert answer.is_success, answer.text
        return answer.json()

    async def change(self, path: str, verb: str, who: str = "wallet") -> Any:
        """Suspend, unsuspend or delete."""
        return await self.ask("POST", f"{path}/{verb}", who, reason="device-lost")


async def subject(chain: Chain, api: Api, holding: Holding, what: str) -> tuple[str, str]:
    """The path of what is to be suspended, and who does it."""
    token = holding.card["tokenReference"]
    match what:
        case "token":
            return f"/v1/tokens/{token}", "wallet"
        case "device":
            return f"/v1/devices/{holding.phone.account.device}", "wallet"
        case "card":
            par = (await api.ask("GET", f"/v1/tokens/{token}"))["paymentAccountReference"]
            return f"/v1/cards/{par}", "issuer"
    listed = (await api.ask("GET", f"/v1/tokens/{token}/batches"))["batches"]
    (batch,) = (each["batch"] for each in listed if each["channel"] == "till")
    return f"/v1/tokens/{token}/batches/{batch}", "wallet"


@pytest.mark.parametrize("what", ["token", "batch", "device", "card"])
def test_the_next_tap_is_refused_and_nothing_else_changes(tmp_path: Path, what: str) -> None:
    async def test(chain: Chain) -> None:
        holding, api = await chain.settle(ANNA), Api(chain)
        assert await chain.ask(await chain.tapped(holding)) == APPROVED
        ready = await chain.tapped(holding)  # it left the band before; the band hears of nothing
        path, who = await subject(chain, api, holding, what)
        ledger, burnt = chain.ledger(), chain.burnt()

        assert (await api.change(path, "suspend", who))["status"] == "suspended"
        assert await chain.ask(ready) == SUSPENDED
        assert await chain.ask(await chain.tapped(holding)) == SUSPENDED
        assert (chain.ledger(), chain.burnt()) == (ledger, burnt)

        assert (await api.change(path, "unsuspend", who))["status"] == "active"
        assert await chain.ask(ready) == APPROVED
        assert chain.burnt() == burnt + 1

    flow(tmp_path, test)


def test_a_lost_band_is_one_word_in_the_app_and_nobody_elses_band(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        anna, li = await chain.settle(ANNA), await chain.settle(LI)
        phone = anna.phone
        path = f"/v1/devices/{phone.account.device}"
        lost = await asyncio.to_thread(phone._wallet.post, f"{path}/suspend")
        assert lost.json()["status"] == "suspended"
        assert await chain.ask(await chain.tapped(anna)) == SUSPENDED
        assert await chain.ask(await chain.tapped(li, "beijing", "25")) == APPROVED
        found = await asyncio.to_thread(phone._wallet.post, f"{path}/resume")
        assert found.json()["status"] == "active"
        assert await chain.ask(await chain.tapped(anna)) == APPROVED

    flow(tmp_path, test)


def test_a_cardholder_does_not_lift_what_the_issuer_has_suspended(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding, api = await chain.settle(ANNA), Api(chain)
        path, _ = await subject(chain, api, holding, "token")
        await api.change(path, "suspend", "issuer")
        assert (await api.change(path, "suspend"))["suspendedBy"] == [
            "token: cardholder",
            "token: issuer",
        ]
        assert (await api.change(path, "unsuspend"))["suspendedBy"] == ["token: issuer"]
        assert await chain.ask(await chain.tapped(holding)) == SUSPENDED
        assert (await api.change(path, "unsuspend", "issuer"))["status"] == "active"
        assert await chain.ask(await chain.tapped(holding)) == APPROVED

    flow(tmp_path, test)


def test_a_deleted_card_pays_no_more_and_its_history_says_who(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding, api = await chain.settle(ANNA), Api(chain)
        assert await chain.ask(await chain.tapped(holding)) == APPROVED
        path, who = await subject(chain, api, holding, "card")
        gone = await api.ask("POST", f"{path}/delete", who, reason="account-closed", actorId="ops")
        assert (gone["status"], gone["tokens"]) == ("deleted", 0)
        assert gone["numberKeptUntil"] == "2020-03-31"  # 210 days after it paid last
        assert await chain.ask(await chain.tapped(holding)) == SUSPENDED
        token = holding.card["tokenReference"]
        lines = (await api.ask("GET", f"/v1/tokens/{token}/history"))["changes"]
        told = [(one["subject"], one["before"], one["after"], one["reason"]) for one in lines]
        assert told == [
            ("token", None, "identifying", "enrolled"),
            ("token", "identifying", "active", "identified"),
            ("batch", None, "offered", "replenished"),
            ("batch", "offered", "provisioned", "replenished"),
            ("card", "active", "deleted", "account-closed"),
            ("token", "active", "deleted", "account-closed"),
            ("batch", "active", "deleted", "account-closed"),
        ]
        assert {one["actor"] for one in lines[4:]} == {"issuer"}

    flow(tmp_path, test)
