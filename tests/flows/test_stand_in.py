"""The issuer is away, silent or late: tills are answered, and afterwards all books tell one story.

Every flow ends with the journals of acquirer, network and issuer held against each other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain_lab import ANNA, Chain, flow
from tests.journals import Journals, rows, unsettled
from tests.three_roles import FATES, ThreeRoles
from zheton.adapters.stand_in_file import load_stand_ins
from zheton.adapters.tcp.server import Peer
from zheton.apps.lab.people import Holding, Resident
from zheton.apps.lab.till import Paid
from zheton.apps.nodes import advising
from zheton.apps.nodes import network as network_node
from zheton.core.errors import ConflictError
from zheton.core.follow_up import FollowUpKind
from zheton.core.iso8583.message import Message
from zheton.core.money import Money, currency, money
from zheton.roles.acquirer.follow_up import Wish
from zheton.roles.acquirer.reverse import cancel
from zheton.roles.acquirer.state import Status
from zheton.roles.issuer.ledger import Kind
from zheton.roles.terminal.outcome import Approved, OnlineRequest

SHORT_S = 0.2  # in place of the seconds that an answer may take
BORIS = Resident("boris", "RU")  # has 500 roubles
DAY_MAX, DEBITS_MAX = 300_000, 5  # of `data/stand-in.toml`


@asynccontextmanager
async def issuer_away(chain: Chain) -> AsyncIterator[None]:
    """A while without any issuer."""
    server, link = chain.lab.issuer.server, chain.lab.network.issuer
    await server.close()
    await until(lambda: link.is_away)
    yield
    await server.start()


@asynccontextmanager
async def issuer_mute(chain: Chain) -> AsyncIterator[list[Message]]:
    """A while in which the issuer works and its answers to debits are lost."""
    server, lost = chain.lab.issuer.server, list[Message]()
    serve = server.handler

    async def mute(message: Message, peer: Peer) -> Message | None:
        answer = await serve(message, peer)
        if message.mti != "0100" or answer is None:
            return answer
        lost.append(answer)
        return None

    server.handler = mute
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_node, "ISSUER_TIMEOUT_S", SHORT_S)
        yield lost
    server.handler = serve


@asynccontextmanager
async def issuer_late(chain: Chain) -> AsyncIterator[None]:
    """A while in which the issuer's answers to debits come when the while is over."""
    server, over = chain.lab.issuer.server, asyncio.Event()
    serve = server.handler

    async def late(message: Message, peer: Peer) -> Message | None:
        answer = await serve(message, peer)
        if message.mti == "0100":
            await over.wait()
        return answer

    server.handler = late
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_node, "ISSUER_TIMEOUT_S", SHORT_S)
        yield
    server.handler = serve
    over.set()


@asynccontextmanager
async def issuer_thinking(chain: Chain) -> AsyncIterator[list[Message]]:
    """A while in which the issuer keeps what it is asked, and answers when the while is over."""
    server, over, asked = chain.lab.issuer.server, asyncio.Event(), list[Message]()
    serve = server.handler

    async def think(message: Message, peer: Peer) -> Message | None:
        asked.append(message)
        await over.wait()
        return await serve(message, peer)

    server.handler = think
    yield asked
    server.handler = serve
    over.set()


async def until(condition: Callable[[], bool]) -> None:
    """Let the chain work until something is so; the flow bounds the wait."""
    while not condition():  # noqa: ASYNC110 - the state of another party has no event
        await asyncio.sleep(0.005)


async def pay(chain: Chain, holding: Holding, *amounts: str) -> list[Paid]:
    """Taps one after the other, whose debits then go out all at once."""
    till, counter, taps = chain.lab.merchants.till("moscow"), chain.lab.counter, []
    for amount in amounts:
        await asyncio.to_thread(holding.phone.arm, holding.card)
        charged = money(amount, "RUB")
        outcome = counter.present(holding.phone.band.element, till, charged)
        assert isinstance(outcome, OnlineRequest)
        taps.append((charged, outcome))
    return await asyncio.gather(*(counter.charge(till, *tapped) for tapped in taps))


def approved(paid: Sequence[Paid]) -> set[str]:
    """The references of those that the till has shown as approved."""
    ok = [each.sold for each in paid if isinstance(each.outcome, Approved) and each.sold]
    return {sold.record.rrn for sold in ok}


async def take_back(chain: Chain, paid: Paid) -> None:
    """The shop cancels a sale."""
    node = chain.lab.acquirer
    assert paid.sold is not None
    await node._journal(partial(cancel, paid.sold.record.rrn, node.store))
    node._due.set()


async def settled(chain: Chain, told: Collection[str] = ()) -> Journals:
    """The journals, once everything has its end; they agree."""
    data = chain.lab.installation.data
    await until(lambda: not unsettled(data))
    journals = Journals.read(data)
    journals.check(set(told))
    return journals


def held(chain: Chain) -> int:
    """What the issuer holds, in minor units."""
    return sum(minor for account, minor in chain.ledger().items() if account.kind is Kind.HOLDS)


def advised(chain: Chain) -> list[str]:
    """How far the advices have come, in the order of their debits."""
    query = "SELECT advice FROM debit WHERE advice <> '' ORDER BY received_ms"
    return [row["advice"] for row in rows(chain.lab.installation.data, "vault", query)]


def test_a_debit_while_the_issuer_is_away_is_approved_and_advised(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        async with issuer_away(chain):
            (paid,) = await pay(chain, holding, "350")
            assert isinstance(paid.outcome, Approved)
            assert paid.sold is not None and paid.sold.record.auth_code.startswith("S")
            assert not held(chain)
        journals = await settled(chain, approved([paid]))
        assert advised(chain) == ["heard"]
        assert len(journals.holds) == 1
        again = await pay(chain, holding, "350")
        await settled(chain, approved([paid, *again]))
        assert advised(chain) == ["heard"]

    flow(tmp_path, test)


def test_an_answer_that_was_lost_is_one_debit_with_its_advice(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        async with issuer_mute(chain) as lost:
            paid = await pay(chain, holding, "350")
        assert [answer.text(39) for answer in lost] == ["00"]
        told = approved(paid)
        assert len(told) == 1
        assert len((await settled(chain, told)).holds) == 1
        assert advised(chain) == ["heard"]

    flow(tmp_path, test)


@pytest.mark.parametrize(("resident", "code"), [(ANNA, "00"), (BORIS, "51")])
def test_an_answer_that_comes_late_changes_nothing(
    tmp_path: Path, resident: Resident, code: str
) -> None:
    """Boris has no 900 roubles: his bank says so too late, and bears it by its own allowance."""

    async def test(chain: Chain) -> None:
        holding = await chain.settle(resident)
        late: list[str] = []
        chain.lab.network.issuer._on_unmatched = lambda message: late.append(message.text(39))
        async with issuer_late(chain):
            paid = await pay(chain, holding, "900")
            told = approved(paid)
            assert len(told) == 1
        await until(lambda: bool(late))
        assert late == [code]
        journals = await settled(chain, told)
        assert [hold["minor"] for hold in journals.holds.values()] == [90_000]

    flow(tmp_path, test)


@pytest.mark.parametrize("amount", ["700", "100"])
def test_of_debits_at_once_exactly_those_within_the_allowance_are_approved(
    tmp_path: Path, amount: str
) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        async with issuer_away(chain):
            paid = await pay(chain, holding, *[amount] * (DEBITS_MAX + 3))
        told = approved(paid)
        assert len(told) == min(DAY_MAX // (int(amount) * 100), DEBITS_MAX)
        codes = {each.sold.record.response_code for each in paid if each.sold}
        assert codes == {"00", "91"}
        journals = await settled(chain, told)
        assert advised(chain) == ["heard"] * len(told)
        assert len(journals.holds) == len(told)

    flow(tmp_path, test)


def test_beyond_the_allowance_a_silent_issuer_hears_reversals_and_of_the_rest_advices(
    tmp_path: Path,
) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        async with issuer_mute(chain) as lost:
            paid = await pay(chain, holding, "900", "1100", "900", "900", "900")
        assert len(lost) == 5
        told = approved(paid)
        assert len(told) == 3
        journals = await settled(chain, told)
        kept = sorted(hold["status"] for hold in journals.holds.values())
        assert kept == ["held"] * 3 + ["released"] * 2

    flow(tmp_path, test)


@pytest.mark.parametrize(
    ("advice", "known"),
    [
        ("never sent", False),
        ("overtaken", False),
        ("overtaken", True),
        ("heard", False),
        ("heard", True),
    ],
)
def test_a_reversal_before_or_after_the_advice_leaves_nothing_held(
    tmp_path: Path, advice: str, known: bool
) -> None:
    """`known`: the issuer holds the debit, and its answer was lost."""

    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        arrived, reversed_ = asyncio.Event(), asyncio.Event()
        if advice == "overtaken":
            advice_waits(chain, arrived, reversed_)
        async with issuer_mute(chain) if known else issuer_away(chain):
            paid = await pay(chain, holding, "350")
            if advice == "never sent":
                await take_back(chain, paid[0])
                await until(lambda: advised(chain) == ["dropped"])
        if advice == "overtaken":
            await arrived.wait()
        elif advice == "heard":
            await settled(chain, approved(paid))
        if advice != "never sent":
            await take_back(chain, paid[0])
        await until(lambda: bool(chain.vault("SELECT 1 FROM debit WHERE state = 'reversed'")))
        journals = await settled(chain)
        assert advised(chain) == ["heard" if advice == "heard" else "dropped"]
        assert not held(chain)
        assert [row["debits"] for row in journals.stood_in] == [0]

    flow(tmp_path, test)


def advice_waits(chain: Chain, arrived: asyncio.Event, reversed_: asyncio.Event) -> None:
    """Let the issuer look at an advice after a reversal that was sent later."""
    server = chain.lab.issuer.server
    serve = server.handler

    async def waiting(message: Message, peer: Peer) -> Message | None:
        if message.mti.startswith("012"):
            arrived.set()
            await reversed_.wait()
        answer = await serve(message, peer)
        if message.mti.startswith("04"):
            reversed_.set()
        return answer

    server.handler = waiting


def test_advices_of_a_card_arrive_in_order_and_again_until_they_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "ANSWER_TIMEOUT_S", SHORT_S)
    monkeypatch.setattr(network_node, "BACKGROUND_EVERY_S", SHORT_S)

    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        server, heard = chain.lab.issuer.server, list[tuple[str, str]]()
        serve = server.handler

        async def losing(message: Message, peer: Peer) -> Message | None:
            answer = await serve(message, peer)
            if not message.mti.startswith("012"):
                return answer
            heard.append((message.mti, message.text(4).lstrip("0")))
            return answer if len(heard) > 2 else None

        async with issuer_away(chain):
            paid: list[Paid] = []
            for amount in ("300", "200", "100"):
                paid += await pay(chain, holding, amount)
                chain.clock.advance(timedelta(seconds=1))
            server.handler = losing
        await settled(chain, approved(paid))
        # A slow machine may lose more answers than these two.
        again = [("0121", "30000")] * (heard.count(("0121", "30000")) - 2)
        lost = [("0120", "30000"), ("0121", "30000"), ("0121", "30000"), *again]
        assert heard[: len(lost)] == lost
        firsts = [amount for mti, amount in heard if mti == "0120"]
        assert firsts == ["30000", "20000", "10000"]
        assert [amount for _, amount in heard] == sorted((a for _, a in heard), key=int)[::-1]

    flow(tmp_path, test)


def test_a_debit_that_was_stood_in_for_reaches_its_owner_and_clears(tmp_path: Path) -> None:
    async def test(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        async with issuer_away(chain):
            assert (await chain.debit(holding, "moscow", "350")).approved
            await until(lambda: not chain.vault("SELECT 1 FROM debit WHERE NOT told"))
            shown = await chain.front.history(holding.card["id"])
            assert [debit["state"] for debit in shown] == ["approved"]
        await settled(chain)
        assert held(chain) == 35_000
        cleared = await chain.lab.close_day(chain.clock.now().date())
        assert [file.report.accepted for file in cleared] == [1]
        assert [file.posted.flagged for file in cleared if file.posted] == [()]
        assert not held(chain)

    flow(tmp_path, test)


STEP = st.tuples(
    st.sampled_from([*FollowUpKind, "deliver", "advise", "crash", "cancel"]),
    st.integers(1, 12_000),
    st.sampled_from(["", "", *FATES]),
)


@given(
    st.sampled_from(["issuer away", "issuer's answer lost"]),
    st.booleans(),
    st.lists(STEP, max_size=8),
)
@settings(max_examples=12, deadline=None)
def test_whatever_follows_a_debit_that_was_stood_in_for_the_three_agree(
    silence: str, preauthorised: bool, steps: list[tuple[FollowUpKind | str, int, str]]
) -> None:
    with ThreeRoles(stand_ins=load_stand_ins()) as roles:
        record = roles.sell(0, 10_000, held=preauthorised, fate=silence)
        assert record.status is Status.APPROVED
        for number, (what, minor, fate) in enumerate(steps):
            with suppress(ConflictError):
                if isinstance(what, FollowUpKind):
                    wish = Wish(what, f"wish-{number}", Money(minor, currency("RUB")))
                    roles.ask(record.rrn, wish, fate)
                elif what == "deliver":
                    roles.deliver(fate)
                elif what == "advise":
                    roles.advise(fate)
                elif what == "crash":
                    roles.crash()
                else:
                    cancel(record.rrn, roles.acquirer)
        for last in (roles.settle, roles.clear, roles.settle):
            last()
        assert unsettled(roles.databases) == 0
        roles.check()


def test_references_that_are_in_use_are_no_reason_to_stand_in(tmp_path: Path) -> None:
    async def play(chain: Chain) -> None:
        holding = await chain.settle(ANNA)
        first, second = [await chain.tapped(holding) for _ in range(2)]
        alike = second.with_fields({number: first[number] for number in (7, 11, 37)})
        async with issuer_thinking(chain) as asked:
            answer = asyncio.create_task(chain.ask(first))
            await until(lambda: bool(asked))
            assert await chain.ask(alike) == "91"
        assert await answer == "00"
        await until(lambda: not unsettled(chain.lab.installation.data))
        assert len(asked) == 1  # nor was the first one reversed by references that are its own

    flow(tmp_path, play)
