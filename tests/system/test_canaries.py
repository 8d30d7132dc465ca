"""Canary cards live through everything, and are then hunted through all that is left of it.

Each party is a process at debug level (`tests/hunt`). The hunt goes through logs, files, packets
and the memory of every process; it has to find each secret where it may be before it is believed
that the secret is nowhere else.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest

from tests.hunt import secrets
from tests.hunt.finder import Finder
from tests.hunt.needles import Needle
from tests.hunt.story import LAWS, Cast, Story
from tests.hunt.town import PASSPHRASE, Town, town
from tests.hunt.wire import may_capture
from tests.system.conftest import require_right

pytestmark = pytest.mark.system
TAPS_MAX, BETWEEN_TAPS_S = 40, 0.1  # the band has a batch of 64 numbers


def test_no_secret_is_where_it_should_not_be(tmp_path: Path) -> None:
    require_right(may_capture(), "to capture packets (CAP_NET_RAW; root has it)")
    cast = Cast()
    with town(tmp_path, cast.accounts) as (made, capture):
        story = Story(made, cast)
        assert dumping(made) == []
        story.enrol()
        ring_before = list(secrets.of_ring(made.on.key_file, PASSPHRASE))
        story.pay()
        finder = Finder(needles(story, ring_before))
        with paying(story):
            made.search_memory(finder)
        made.search_files(finder)
        story.enter_wrongly()
        story.spill()
        story.spill_inside()
        story.be_refused()
        story.close_the_day()
        story.rotate()
        story.crash()
        story.break_inside()
        finder = Finder(needles(story, ring_before))
        made.search_memory(finder)
    made.search_files(finder)
    made.search_packets(finder, capture)
    assert capture.dropped == 0, "packets were lost: what they held is not known"
    evidence = made.evidence
    faults = [*evidence.missing(LAWS), *evidence.escaped(LAWS)]
    assert faults == [], "\n".join(("", *faults, "", evidence.table()))


def dumping(made: Town) -> list[str]:
    """Roles of which the kernel would write a core file."""
    limits = {
        role: Path(f"/proc/{each.process.pid}/limits").read_text()
        for role, each in made.street.running.items()
    }
    return [role for role, text in limits.items() if not re.search("core file size +0 ", text)]


def needles(story: Story, ring_before: list[Needle]) -> Iterator[Needle]:
    """Every secret of the town, those of keys that were rotated away among them."""
    on, cast = story.town.on, story.cast
    enrolments = [card["tokenReference"] for card in story.cards.values()]
    yield from chain(
        secrets.of_cards(cast.typed, cast.spilled, cast.misplaced),
        secrets.of_credentials(on, enrolments),
        ring_before,
        secrets.of_ring(on.key_file, PASSPHRASE),
        secrets.of_others(on, story.signed_up["owner"][0], PASSPHRASE),
    )


@contextmanager
def paying(story: Story) -> Iterator[None]:
    """Taps go on, one after the other, until the block ends."""
    ended, codes = threading.Event(), list[str]()

    def pay() -> None:
        while not ended.wait(BETWEEN_TAPS_S) and len(codes) < TAPS_MAX:
            codes.append(story.tap("payer").split()[0])

    thread = threading.Thread(target=pay)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert set(codes) == {"00"}
