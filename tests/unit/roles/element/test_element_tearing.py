"""Power goes at every write of a personalisation and of taps: before or after, never between.

First on a disk that can be cut at any byte, then by killing a process, as a check of the disk.
"""

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.power_cut_disk import FOLDER, Disk, running_on
from tests.unit.roles.element.conftest import Bench, tags_of
from zheton.adapters.element_memory import FileMemory, TransientMemory
from zheton.core.emv import tags
from zheton.core.errors import UnreachableError
from zheton.roles.element import image
from zheton.roles.element.arming import Armed

SIZE = 2
KILLS = 8
ARQC, TC = 0x80, 0x40


def pay(bench: Bench, heard: Callable[[bytes], None]) -> None:
    """One tap, to the second cryptogram; the counter of an answered first one is told."""
    bench.arm()
    assert bench.initiate().ok
    heard(tags_of(bench.generate(bytes(33), ARQC))[tags.ATC])
    assert bench.generate(bytes(21), TC).ok


def whole_life(bench: Bench, heard: Callable[[bytes], None]) -> None:
    bench.load(size=SIZE)
    for _ in range(SIZE):
        pay(bench, heard)


@dataclass
class Cut:
    """What a start after a cut finds, and the counters that a till had heard by then."""

    image: bytes
    heard: tuple[bytes, ...]


@dataclass
class Life:
    """A whole life on a disk, and all the cuts that it can meet, one an image and what was heard"""

    cuts: dict[tuple[bytes, int], Cut] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)

    def live(self) -> None:
        manufactured = TransientMemory()
        Bench(memory=manufactured)
        disk = Disk()
        with running_on(disk):
            memory = FileMemory(FOLDER / "element")
            memory.store(manufactured.load() or b"")
            disk.watch = lambda: self._note(disk)
            whole_life(Bench(memory=memory), self.heard.append)

    def _note(self, disk: Disk) -> None:
        for files in disk.cuts():
            with running_on(Disk.holding(files)):
                kept = FileMemory(FOLDER / "element").load()
            assert kept is not None, "the element is gone"
            self.cuts[kept, len(self.heard)] = Cut(kept, tuple(self.heard))


@pytest.fixture(scope="module")
def life() -> Life:
    lived = Life()
    lived.live()
    return lived


def test_cuts_were_met_at_every_write(life: Life) -> None:
    # Manufactured, session, package, passcode set, its try counted (and given back), and for each
    # tap: shown, spent. Each write is met from before and from after, and an answer that was heard
    # lies between two of them.
    images = {image for image, _ in life.cuts}
    assert len(images) == 1 + 2 + 2 + 2 * SIZE
    assert len(life.heard) == SIZE


def test_a_cut_loses_no_credential_silently_and_uses_none_twice(life: Life) -> None:
    for cut in life.cuts.values():
        heard = list(cut.heard)
        bench = Bench(memory=TransientMemory(cut.image))
        if not bench.element.status(bench.now).cards:
            assert not heard
            bench.load(size=SIZE)
        account_for_all(bench, heard)


def account_for_all(bench: Bench, heard: list[bytes]) -> None:
    """Every credential was heard of, is left, or is counted as abandoned; one may be unheard."""
    card = bench.element.status(bench.now).cards[0]
    unheard = SIZE - len(heard) - card.credentials_left - card.abandoned
    assert unheard in (0, 1), "a cryptogram that was made and not heard is spent"
    for _ in range(card.credentials_left):
        pay(bench, heard.append)
    assert len(set(heard)) == len(heard) == SIZE - unheard - card.abandoned


def test_a_reset_that_is_cut_wiped_all_or_nothing() -> None:
    made = Bench()
    made.load(size=SIZE)
    disk, found = Disk(), set()

    def note() -> None:
        for files in disk.cuts():
            with running_on(Disk.holding(files)):
                kept = image.decode(FileMemory(FOLDER / "element").load() or b"")
            found.add((len(kept.cards), kept.resets))

    with running_on(disk):
        memory = FileMemory(FOLDER / "element")
        memory.store(made.memory.load() or b"")
        disk.watch = note
        Bench(memory=memory).element.factory_reset()
    assert found == {(1, 0), (0, 1)}


class FullMemory(TransientMemory):
    """A memory that keeps nothing more."""

    def store(self, image: bytes) -> None:
        raise UnreachableError("The disk is full.")


def test_a_memory_that_keeps_nothing_lets_no_cryptogram_out() -> None:
    bench = Bench()
    bench.load(size=SIZE)
    bench.memory = FullMemory(bench.memory.load())
    bench.restart()
    bench.element.put_on()
    assert isinstance(bench.element.arm(bench.now), Armed)
    assert bench.initiate().sw == 0x6581
    assert bench.element.status(bench.now).cards[0].credentials_left == SIZE


_CHILD = """
import sys
from pathlib import Path
from tests.unit.roles.element.conftest import Bench
from tests.unit.roles.element.test_element_tearing import pay
from zheton.adapters.element_memory import FileMemory
bench = Bench(memory=FileMemory(Path(sys.argv[1])))
if not bench.element.status(bench.now).cards:
    bench.load(size=64)
while bench.element.credentials_left():
    pay(bench, lambda counter: print(counter.hex(), flush=True))
print("end", flush=True)
"""


@pytest.mark.system
def test_a_killed_process_uses_no_credential_twice(tmp_path: Path) -> None:
    """The kill falls at a random answer, so at a random moment of what comes after it."""
    drawn, path, heard = random.Random(4), tmp_path / "element", []
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(drawn.randint(1, 5)):
                heard.append(child.stdout.readline().strip())
            child.send_signal(signal.SIGKILL)
            heard += child.stdout.read().split()
    assert len(set(heard)) == len(heard) >= KILLS
    with suppress(FileNotFoundError):
        path.with_name("element.new").unlink()
    bench = Bench(memory=FileMemory(path))
    card = bench.element.status(bench.now).cards[0]
    unheard = 64 - len(heard) - card.credentials_left - card.abandoned
    assert 0 <= unheard <= KILLS
