"""Whatever happens to a debit later moves the end of its batch's rest."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.unit.roles.network.follow_ups import CPL, INC, PART, RFD, Shop, debited, follow_up
from tests.unit.roles.network.follow_ups import reversal_of as taken_back
from tests.unit.roles.network.test_network_resolve import presented
from tests.unit.roles.tsp.debits import NOW, VaultBench, reversal
from zheton.core.decline import Decline
from zheton.core.iso8583.message import Message
from zheton.roles.network.follow_up.undo import reverse_follow_up
from zheton.roles.network.resolve import resolve
from zheton.roles.network.reverse import reverse

LATER = NOW + timedelta(hours=1)
Event = Callable[[Shop, Message], object]


def clears(shop: Shop, message: Message, minor: int) -> None:
    found = resolve(shop.bench.switch, presented(message, minor), "220001", LATER)
    assert not isinstance(found, Decline)


def refund_clears(shop: Shop, original: Message) -> None:
    back = follow_up(original, RFD, 1)
    assert shop.ask(back) == "00"
    clears(shop, back, 1)


def refund_is_taken_back(shop: Shop, original: Message) -> None:
    back = follow_up(original, RFD, 1)
    assert shop.ask(back) == "00"
    assert reverse_follow_up(shop.bench.switch, taken_back(back), LATER).text(39) == "00"


EVENTS: dict[str, tuple[str, Event]] = {
    "increment": ("hold", lambda shop, m: shop.ask(follow_up(m, INC, 1), now=LATER)),
    "completion": ("hold", lambda shop, m: shop.ask(follow_up(m, CPL, 1), now=LATER)),
    "refund": ("sale", lambda shop, m: shop.ask(follow_up(m, RFD, 1), now=LATER)),
    "partial reversal": (
        "sale",
        lambda shop, m: shop.ask(follow_up(m, PART, 10_000, left=1), now=LATER),
    ),
    "reversal": ("sale", lambda shop, m: reverse(shop.bench.switch, reversal(m), LATER)),
    "clearing": ("sale", lambda shop, m: clears(shop, m, 10_000)),
    "clearing of a refund": ("sale", refund_clears),
    "refund taken back": ("sale", refund_is_taken_back),
}


@pytest.mark.parametrize(("of", "event"), EVENTS.values(), ids=EVENTS)
def test_the_rest_of_a_batch_counts_from_it(bench: VaultBench, of: str, event: Event) -> None:
    original = debited(bench, bench.leased(), kind=of)
    event(Shop(bench), original)
    with bench.database.reading() as connection:
        last = connection.exec_driver_sql("SELECT last_event_ms FROM batch").scalar_one()
    assert last == round(LATER.timestamp() * 1000)
