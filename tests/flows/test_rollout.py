"""The rollout of 2019 over the whole chain: which card may do what, where, and from when."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chain_lab import ANNA, LAUNCHED, LI, PRIYA, Chain, flow
from zheton.apps.lab.people import Resident
from zheton.core.decline import Reason
from zheton.core.emv import tags, tlv
from zheton.core.errors import RefusedError
from zheton.core.iso8583.message import Message

BEFORE = datetime(2019, 8, 30, 23, 59, tzinfo=UTC)
NOT_PERMITTED = "57"


def test_a_visa_card_is_refused_in_russia_by_name_of_the_rule(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        with pytest.raises(RefusedError) as refused:
            await chain.settle(Resident("gleb", "RU"))
        assert refused.value.reason == "policy"
        assert "Mastercard only" in str(refused.value)
        assert "ru-network" in str(refused.value)
        assert await chain.people.holdings() == []
        assert chain.vault("SELECT * FROM card") == []

    flow(tmp_path, test)


def test_an_indian_card_pays_online_and_not_at_a_till(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        priya = await chain.settle(PRIYA)
        with pytest.raises(RefusedError, match="in-till"):
            await asyncio.to_thread(priya.phone.fill, priya.card)
        assert priya.phone.band.element.credentials_left() == 0
        online = await chain.debit(priya, "mumbai-web", "900")
        assert online.approved, online.text
        anna = await chain.settle(ANNA)
        at_till = await chain.debit(anna, "mumbai", "900")
        assert not at_till.approved
        assert at_till.sold is not None
        assert at_till.sold.record.response_code == NOT_PERMITTED
        (decline,) = chain.declines
        assert (decline.reason, decline.rule) == (Reason.POLICY, "in-till")
        assert "online only, not at the till" in decline.text

    flow(tmp_path, test)


def test_a_debit_in_germany_is_refused(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        anna = await chain.settle(ANNA)
        told = await chain.debit(anna, "berlin", "5")
        assert not told.approved
        assert told.sold is not None
        assert told.sold.record.response_code == NOT_PERMITTED
        assert [d.rule for d in chain.declines] == ["elsewhere"]
        assert "not available in this country" in chain.declines[0].text

    flow(tmp_path, test)


def test_russia_begins_on_the_day_of_its_launch(tmp_path: Path) -> None:
    """A card of China, where everything works already, travels to Moscow."""

    async def test(chain: Chain) -> None:
        anna = await chain.settle(Resident("anna", "CN"))
        ledger = chain.ledger()
        early = await chain.debit(anna, "moscow", "350")
        assert not early.approved
        assert early.sold is not None
        assert early.sold.record.response_code == NOT_PERMITTED
        assert chain.ledger() == ledger
        (decline,) = chain.declines
        assert decline.reason is Reason.POLICY
        assert "2019-08-31" in decline.text or "31 August 2019" in decline.text
        chain.clock.advance(timedelta(minutes=2))
        late = await chain.debit(anna, "moscow", "350")
        assert late.approved, late.text
        assert late.number != early.number

    flow(tmp_path, test, moment=BEFORE)


def test_a_card_in_russia_is_told_from_when(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        with pytest.raises(RefusedError) as refused:
            await chain.settle(ANNA)
        assert "2019-08-31" in str(refused.value) or "31 August 2019" in str(refused.value)
        chain.clock.moment = LAUNCHED
        assert (await chain.settle(ANNA)).card["status"] == "active"

    flow(tmp_path, test, moment=BEFORE)


def test_the_second_network_pays_in_china_with_its_own_cryptogram(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        li = await chain.settle(LI)
        sent: list[Message] = []
        serve = chain.lab.network.server.handler

        async def watching(message: Message, peer: object) -> Message | None:
            sent.append(message)
            return await serve(message, peer)  # type: ignore[arg-type]

        chain.lab.network.server.handler = watching
        told = await chain.debit(li, "beijing", "48.50")
        assert told.approved, told.text
        assert told.number.startswith("62355312")
        (request,) = (message for message in sent if message.mti == "0100")
        issuer_data = tlv.flat(request.binary(55))[tags.ISSUER_APPLICATION_DATA]
        # EMV Book 3, C7.1: length, then the common core identifier, whose format A6 says AES
        assert issuer_data[:2] == b"\x0f\xa6"
        # What the till paid with is proven by AES alone: one bit less and it is refused.
        spoiled = await chain.tapped(li, "beijing", "48.50")
        chip = tlv.flat(spoiled.binary(55))
        arqc = chip[tags.APPLICATION_CRYPTOGRAM]
        bad = spoiled.binary(55).replace(arqc, arqc[:-1] + bytes((arqc[-1] ^ 1,)))
        assert await chain.ask(spoiled.with_fields({55: bad})) == "63"
        assert await chain.ask(spoiled) == "00"

    flow(tmp_path, test)
