"""A number pays once: replays, repeats, races, changed chip data, lost answers, over real wires."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chain_lab import ANNA, LAUNCHED, Chain, flow
from zheton.adapters.tcp.server import IsoServer, Peer
from zheton.apps.nodes import acquirer as acquirer_node
from zheton.apps.nodes import network as network_node
from zheton.core.emv import tags, tlv
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import Message, decode
from zheton.core.money import money
from zheton.roles.acquirer.state import Status
from zheton.roles.issuer.ledger import Kind, LedgerAccount
from zheton.roles.terminal.outcome import Approved, OnlineRequest

APPROVED, REFUSED, SUSPENDED, ISSUER_SILENT = "00", "63", "62", "91"
HELD = LedgerAccount(Kind.HOLDS, "RUB", "anna")
OWN = LedgerAccount(Kind.CARDHOLDER, "RUB", "anna")
SHORT_S = 0.2  # in place of the seconds that an answer may take; what is lost never comes


def test_a_number_is_not_accepted_twice(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        request = await chain.tapped(await chain.settle(ANNA))
        assert await chain.ask(request) == APPROVED
        ledger = chain.ledger()
        for changes in ({11: "777777"}, {41: "OTHER001"}, {7: "0902235959"}, {32: "400009"}):
            assert await chain.ask(request.with_fields(changes)) == REFUSED
        assert [decline.reason for decline in chain.declines] == ["replay"] * 4
        assert chain.ledger() == ledger
        assert chain.burnt() == 1

    flow(tmp_path, test)


def test_a_repeat_gets_the_stored_answer_and_moves_nothing(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        before = chain.ledger()
        request = await chain.tapped(holding)
        first = await chain.wire(request)
        assert decode(DIALECT, first).text(39) == APPROVED
        after = chain.ledger()
        assert after[HELD] - before.get(HELD, 0) == 35_000
        assert await chain.wire(request) == first
        assert await chain.wire(request.with_fields({}, mti="0101")) == first
        assert chain.ledger() == after
        assert await chain.ask(request.with_fields({4: "000000035001"})) != APPROVED
        assert chain.ledger() == after
        assert len(chain.vault("SELECT debit FROM debit")) == 1

    flow(tmp_path, test)


def test_repeats_while_the_debit_is_under_way_wait_for_its_answer(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        request = await chain.tapped(await chain.settle(ANNA))
        reached, go_on = asyncio.Event(), asyncio.Event()
        heard: list[str] = []

        async def held(message: Message) -> None:
            heard.append(message.mti)
            reached.set()
            await go_on.wait()

        _before_issuer(chain, held)
        asking = [asyncio.create_task(chain.wire(request)) for _ in range(5)]
        await reached.wait()
        go_on.set()
        answers = await asyncio.gather(*asking)
        assert len(set(answers)) == 1
        assert decode(DIALECT, answers[0]).text(39) == APPROVED
        assert heard == ["0100"]
        assert chain.ledger()[HELD] == 35_000

    flow(tmp_path, test)


def test_of_tills_with_one_number_exactly_one_wins(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        for _ in range(5):
            before = chain.ledger().get(HELD, 0)
            request = await chain.tapped(holding)
            tills = [request.with_fields({41: f"TILL{n:04d}"}) for n in range(8)]
            codes = await asyncio.gather(*map(chain.ask, tills))
            assert sorted(codes) == [APPROVED] + [REFUSED] * 7
            assert chain.ledger()[HELD] - before == 35_000
        assert chain.burnt() == 5

    flow(tmp_path, test)


def _digit(element: int, value: str) -> Callable[[Message], Message]:
    return lambda message: message.with_fields({element: value})


def _without(*elements: int) -> Callable[[Message], Message]:
    return lambda message: message.with_fields({}, drop=elements)


def _chip(tag: int, at: int = -1) -> Callable[[Message], Message]:
    """A bit turned in one byte of a chip's data object."""

    def change(message: Message) -> Message:
        nodes = tlv.flat(message.binary(55))
        value = bytearray(nodes[tag])
        value[at] ^= 1
        return message.with_fields({55: tlv.encode_all({**nodes, tag: bytes(value)}.items())})

    return change


def _issuer_data(at: int) -> Callable[[Message], Message]:
    return _chip(tags.ISSUER_APPLICATION_DATA, at)


def _no_chip(tag: int) -> Callable[[Message], Message]:
    def change(message: Message) -> Message:
        nodes = tlv.flat(message.binary(55))
        return message.with_fields(
            {55: tlv.encode_all((t, v) for t, v in nodes.items() if t != tag)}
        )

    return change


def _both_amounts(message: Message) -> Message:
    nodes = dict(tlv.flat(message.binary(55))) | {tags.AMOUNT_AUTHORISED: bytes(5) + b"\x01"}
    fields: dict[int, Value] = {4: "000000000001", 55: tlv.encode_all(nodes.items())}
    return message.with_fields(fields)


_PROVEN = (
    tags.AMOUNT_AUTHORISED,
    tags.AMOUNT_OTHER,
    tags.TERMINAL_COUNTRY_CODE,
    tags.TERMINAL_VERIFICATION_RESULTS,
    tags.TRANSACTION_CURRENCY_CODE,
    tags.TRANSACTION_DATE,
    tags.TRANSACTION_TYPE,
    tags.UNPREDICTABLE_NUMBER,
    tags.APPLICATION_INTERCHANGE_PROFILE,
    tags.ATC,
    tags.APPLICATION_CRYPTOGRAM,
    tags.CRYPTOGRAM_INFORMATION_DATA,
)
# 9F10 in the manner of M/Chip: the cryptogram proves version and CVR, and nothing behind them.
_ISSUER_DATA_PROVEN = range(1, 8)
_CHANGES: dict[str, Callable[[Message], Message]] = {
    "DE3": _digit(3, "010000"),
    "DE4": _digit(4, "000000034999"),
    "DE13": _digit(13, "0903"),
    "DE14": _digit(14, "9912"),
    "DE19": _digit(19, "156"),
    "DE22 says online": _digit(22, "810"),
    "DE23": _digit(23, "001"),
    "DE35": _digit(35, "5204730000000000=2702201"),
    "DE35 absent": _without(35),
    "DE49": _digit(49, "840"),
    "DE55 absent": _without(55),
    "amount in both": _both_amounts,
    **{f"{tag:04X}": _chip(tag) for tag in _PROVEN},
    **{f"9F10 byte {at}": _issuer_data(at) for at in _ISSUER_DATA_PROVEN},
    "9F10 absent": _no_chip(tags.ISSUER_APPLICATION_DATA),
    **{f"{tag:04X} absent": _no_chip(tag) for tag in _PROVEN},
}


def test_what_was_changed_after_the_chip_is_refused_and_burns_nothing(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        request = await chain.tapped(await chain.settle(ANNA))
        other = await chain.tapped(await chain.settle(ANNA))
        ledger = chain.ledger()
        changes = {**_CHANGES, "DE2": _digit(2, other.text(2))}
        for stan, (name, change) in enumerate(changes.items(), start=1000):
            # Each by a till of its own, or the first dozen would have their till shut.
            changed = change(request).with_fields({11: f"{stan:06d}", 41: f"TILL{stan}"})
            assert await chain.ask(changed) != APPROVED, name
            assert chain.burnt() == 0, name
        assert len(chain.declines) == len(changes)
        assert "throttled" not in {decline.reason for decline in chain.declines}
        assert chain.ledger() == ledger
        assert chain.vault("SELECT debit FROM debit") == []
        assert await chain.ask(request) == APPROVED
        assert await chain.ask(other) == APPROVED
        assert chain.burnt() == 2

    flow(tmp_path, test)


def test_the_burn_is_on_the_disk_before_the_issuer_hears(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        request = await chain.tapped(await chain.settle(ANNA))
        found: list[tuple[int, list[str]]] = []

        async def look(_message: Message) -> None:
            journal = chain.vault("SELECT state FROM debit")
            found.append((chain.burnt(), [line["state"] for line in journal]))

        _before_issuer(chain, look)
        assert chain.burnt() == 0
        assert await chain.ask(request) == APPROVED
        assert found == [(1, ["pending"])]
        assert chain.vault("SELECT state FROM debit") == [{"state": "approved"}]

    flow(tmp_path, test)


def test_a_silent_issuer_hears_a_reversal_and_the_money_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It booked the debit and its answer was lost: the worst of its silences."""
    monkeypatch.setattr(network_node, "ISSUER_TIMEOUT_S", SHORT_S)

    async def test(chain: Chain) -> None:
        beyond = "1500"  # what the bank allows in stand-in
        request = await chain.tapped(await chain.settle(ANNA), amount=beyond)
        before = chain.ledger()
        lost, heard = _losing_answers(chain.lab.issuer.server, "0100"), asyncio.Event()

        async def note(message: Message) -> None:
            if message.mti.startswith("04"):
                heard.set()

        _before_issuer(chain, note)
        assert await chain.ask(request) == ISSUER_SILENT
        assert [answer.text(39) for answer in lost] == [APPROVED]
        await heard.wait()
        await _until(lambda: chain.ledger() == before)
        assert chain.burnt() == 1
        assert await chain.ask(request.with_fields({11: "888888"})) == REFUSED

    flow(tmp_path, test)


def test_an_acquirer_that_gives_up_gets_the_money_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acquirer_node, "ANSWER_TIMEOUT_S", SHORT_S)

    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        before = chain.ledger()
        lost = _losing_answers(chain.lab.network.server, "0100")
        told = await chain.debit(holding, "moscow", "350")
        assert not told.approved
        assert told.sold is not None
        assert told.sold.record.status is Status.REVERSAL_DUE
        await _until(lambda: bool(lost) and chain.ledger() == before)
        assert [answer.text(39) for answer in lost] == [APPROVED]
        await _until(lambda: chain.vault("SELECT state FROM debit") == [{"state": "reversed"}])
        assert chain.burnt() == 1

    flow(tmp_path, test)


def test_a_tap_before_midnight_is_charged_after_it(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        chain.clock.moment = LAUNCHED.replace(hour=23, minute=59, second=59)
        holding = await chain.settle(ANNA)
        await asyncio.to_thread(holding.phone.arm, holding.card)
        till, amount = chain.lab.merchants.till("moscow"), money("350", "RUB")
        outcome = chain.lab.counter.present(holding.phone.band.element, till, amount)
        assert isinstance(outcome, OnlineRequest)
        chain.clock.advance(timedelta(seconds=2))
        paid = await chain.lab.counter.charge(till, amount, outcome)
        assert isinstance(paid.outcome, Approved)

    flow(tmp_path, test)


def test_a_suspended_card_is_refused_at_its_next_debit(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        ready = await chain.tapped(holding)  # the number left the band before
        assert await chain.ask(await chain.tapped(holding)) == APPROVED
        ledger = chain.ledger()
        await _standing(chain, holding.card["id"], "suspend")
        assert await chain.ask(ready) == SUSPENDED
        assert await chain.ask(await chain.tapped(holding)) == SUSPENDED
        assert chain.ledger() == ledger
        assert chain.burnt() == 1
        await _standing(chain, holding.card["id"], "resume")
        assert await chain.ask(ready) == APPROVED

    flow(tmp_path, test)


async def _standing(chain: Chain, card: str, verb: str) -> None:
    phone = chain.people.phone("anna")
    answer = await asyncio.to_thread(phone._wallet.post, f"/v1/creditCards/{card}/{verb}")
    assert answer.is_success, answer.text


def _before_issuer(chain: Chain, look: Callable[[Message], Awaitable[None]]) -> None:
    """Let `look` run whenever a message has reached the issuer, before the issuer works on it."""
    server = chain.lab.issuer.server
    serve = server.handler

    async def watched(message: Message, peer: Peer) -> Message | None:
        await look(message)
        return await serve(message, peer)

    server.handler = watched


def _losing_answers(server: IsoServer, mti: str) -> list[Message]:
    """Let a server work and lose its answers to messages of one type; returns those lost."""
    lost: list[Message] = []
    serve = server.handler

    async def losing(message: Message, peer: Peer) -> Message | None:
        answer = await serve(message, peer)
        if message.mti != mti or answer is None:
            return answer
        lost.append(answer)
        return None

    server.handler = losing
    return lost


async def _until(condition: Callable[[], bool]) -> None:
    """Let the chain work until something is so; the flow bounds the wait."""
    while not condition():  # noqa: ASYNC110 - the state of another party has no event
        await asyncio.sleep(0.005)
