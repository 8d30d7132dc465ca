"""A rogue till guesses over real wires: it is shut out, others pay, and it comes back."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chain_lab import ANNA, LI, Chain, flow
from zheton.adapters.throttle_file import load_throttling
from zheton.core.emv import tags, tlv
from zheton.core.iso8583.message import Message

APPROVED, NOT_PROVEN, THROTTLED = "00", "63", "58"
SHIPPED = load_throttling()


def guess(request: Message, number: int) -> Message:
    """The same debit under another trace number, with a cryptogram out of nowhere."""
    nodes = tlv.flat(request.binary(55)) | {tags.APPLICATION_CRYPTOGRAM: number.to_bytes(8)}
    return request.with_fields({11: f"{number:06d}", 55: tlv.encode_all(nodes.items())})


def test_a_rogue_till_is_shut_out_alone_and_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "zheton.apps.nodes.closings")

    async def test(chain: Chain) -> None:
        holding, other = await chain.settle(ANNA), await chain.settle(LI)
        victim = await chain.tapped(holding)
        codes = [await chain.ask(guess(victim, n)) for n in range(1, 15)]
        burst = SHIPPED.terminal.burst
        assert codes == [NOT_PROVEN] * burst + [THROTTLED] * (14 - burst)
        assert chain.burnt() == 0
        assert {row["status"] for row in chain.vault("SELECT status FROM card")} == {"active"}
        assert "suspended" not in {r["status"] for r in chain.vault("SELECT status FROM batch")}
        # The same till is shut, also to an honest debit, and nothing of it is burnt.
        assert await chain.ask(victim) == THROTTLED
        # Others go on: another till of the same acquirer, another acquirer with the same till's
        # name, and the lab's own shops.
        assert await chain.ask((await chain.tapped(holding)).with_fields({41: "OTHER001"})) == (
            APPROVED
        )
        assert await chain.ask((await chain.tapped(holding)).with_fields({32: "400003"})) == (
            APPROVED
        )
        assert (await chain.debit(other, "beijing", "35")).approved
        assert chain.burnt() == 3
        chain.clock.advance(timedelta(seconds=SHIPPED.terminal.seconds))
        assert await chain.ask(victim) == APPROVED
        assert chain.burnt() == 4

    flow(tmp_path, test)
    (told,) = (record.getMessage() for record in caplog.records if "closed" in record.getMessage())
    assert "'400002'" in told
    assert not any(len(word) >= 12 and word.isdigit() for word in told.replace("'", " ").split())
