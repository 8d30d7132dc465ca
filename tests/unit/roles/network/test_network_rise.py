"""An increment takes more than its number was burnt for: it is asked what a debit is asked."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.unit.roles.network.follow_ups import CPL, INC, RFD, Shop, debited, follow_up
from tests.unit.roles.tsp.debits import BAND, NOW, VaultBench, approval
from zheton.core.follow_up import PREAUTHORISED
from zheton.core.iso8583.message import Message
from zheton.core.token.batch import Batch
from zheton.core.token.lifecycle import Actor, Cause, Verb
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.follow_up.conclude import ForwardFollowUp
from zheton.roles.network.follow_up.take import take_follow_ups
from zheton.roles.network.state import Forward
from zheton.roles.tsp.controls import Wish, set_controls
from zheton.roles.tsp.devices import change_device, settle
from zheton.roles.tsp.state import By
from zheton.roles.tsp.suspend import change_batch, change_card

BY = By(Actor.CARDHOLDER, Cause.DEVICE_LOST)
Change = Callable[[VaultBench, Batch, Verb], object]


@pytest.fixture
def shop(bench: VaultBench) -> Shop:
    return Shop(bench)


def changed_batch(bench: VaultBench, batch: Batch, verb: Verb) -> None:
    with bench.vault.transaction() as tx:
        change_batch(tx, batch.enrolment, batch.name, verb, BY, NOW)


def changed_device(bench: VaultBench, _: Batch, verb: Verb) -> None:
    with bench.vault.transaction() as tx:
        change_device(tx, BAND.id, verb, BY, NOW)
    settle(bench.vault, BAND.id, NOW)


def changed_card(bench: VaultBench, batch: Batch, verb: Verb) -> None:
    with bench.vault.transaction() as tx:
        card = tx.card(batch.card)
        assert card is not None
        change_card(tx, card.par, verb, BY, NOW)


CHANGES: tuple[Change, ...] = (
    lambda bench, batch, verb: bench.change(batch.enrolment, verb),
    changed_batch,
    changed_device,
    changed_card,
)


@pytest.mark.parametrize("change", CHANGES, ids=("token", "batch", "device", "card"))
def test_what_is_suspended_rises_no_more_and_lets_money_go(shop: Shop, change: Change) -> None:
    bench, batch = shop.bench, shop.bench.leased()
    original = debited(bench, batch, kind="hold")
    change(bench, batch, Verb.SUSPEND)
    asked = follow_up(original, INC, 1)
    assert shop.ask(asked) == "62"
    change(bench, batch, Verb.UNSUSPEND)
    assert shop.ask(asked) == "00"  # it left nothing that a repeat would be answered by
    change(bench, batch, Verb.SUSPEND)
    assert shop.ask(follow_up(original, CPL, 10_001)) == "00"
    assert shop.ask(follow_up(original, RFD, 1)) == "00"


def test_what_is_deleted_rises_no_more(shop: Shop) -> None:
    batch = shop.bench.leased()
    original = debited(shop.bench, batch, kind="hold")
    shop.bench.change(batch.enrolment, Verb.DELETE)
    assert shop.ask(follow_up(original, INC, 1)) == "62"
    assert shop.ask(follow_up(original, CPL, 10_000)) == "00"


def test_a_lease_that_has_ended_does_not_end_a_stay(shop: Shop) -> None:
    batch = shop.bench.leased()
    original = debited(shop.bench, batch, kind="hold")
    with shop.bench.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE batch SET status = 'resting', until_ms = 0")
    assert shop.ask(follow_up(original, INC, 1), now=NOW + timedelta(days=20)) == "00"


def held_online(bench: VaultBench) -> Message:
    """A preauthorisation by an online number of 1,000.00."""
    request = bench.at_shop(bench.online("1000"), amount_minor=60_000, fields={25: PREAUTHORISED})
    (step,) = authorise(bench.switch, [request], NOW)
    assert isinstance(step, Forward)
    complete(bench.switch, [Answered(step, approval(step.message))], NOW)
    return request


def test_an_online_number_never_comes_to_more_than_it_was_made_for(shop: Shop) -> None:
    original = held_online(shop.bench)
    later = NOW + timedelta(hours=1)  # its minutes are for its one debit, which has begun
    assert shop.ask(follow_up(original, INC, 40_001)) == "61"
    assert shop.ask(follow_up(original, INC, 30_000), now=later) == "00"
    assert shop.ask(follow_up(original, INC, 10_001), now=later) == "61"
    assert shop.sums(original) == (90_000, 0)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"debitMinor": 10_999}, "61"),
        ({"debitMinor": 11_000}, "00"),
        ({"merchants": {"never": ["400001/MSKCOFFEE"]}}, "57"),
        ({"until": f"{NOW:%Y-%m-%d}"}, "57"),
    ],
)
@pytest.mark.parametrize("whole_card", [True, False])
def test_controls_are_asked_about_the_whole_amount(
    shop: Shop, document: dict[str, object], code: str, whole_card: bool
) -> None:
    bench, batch = shop.bench, shop.bench.leased()
    original = debited(bench, batch, kind="hold")
    wish = Wish(batch.enrolment, whole_card, document, 0, BY)
    set_controls(bench.vault, bench.rules, wish, NOW)
    assert shop.ask(follow_up(original, INC, 1_000)) == code


def test_an_increment_that_another_one_overtook_is_asked_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked about a smaller amount is not let in on a larger one."""
    bench = shop.bench
    original = debited(bench, bench.leased(), minor=400_000, kind="hold")
    slow, fast = follow_up(original, INC, 60_000), follow_up(original, INC, 60_000)
    judged = type(bench.tokens).refuse_rise

    def overtaken(*arguments: object) -> object:
        monkeypatch.undo()
        assert shop.ask(fast) == "00"
        return judged(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(bench.tokens), "refuse_rise", overtaken)
    (step,) = take_follow_ups(bench.switch, [slow], NOW)
    assert not isinstance(step, ForwardFollowUp)
    assert shop.sums(original) == (460_000, 0)
    assert shop.ask(slow) == "61"
