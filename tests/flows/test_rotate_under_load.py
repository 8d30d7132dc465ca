"""Every key that rotates, rotated while debits run: none is lost and none is refused."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.unit.roles.tsp.debits import LIMITS, NOW, RULES, VaultBench, approval, card_number
from zheton.adapters.keys import renewal
from zheton.adapters.keys.opening import KeySettings, open_keys
from zheton.adapters.keys.ring import Purpose
from zheton.adapters.storage.database import Database
from zheton.apps.passphrase import AskedPassphrase
from zheton.core.token.batch import BATCH_SIZE, Batch
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.state import Forward
from zheton.roles.tsp import identify, rotate
from zheton.roles.tsp.rotate import Rotation, reindex_cards, reseal_cards
from zheton.roles.tsp.service import TokenService

CARDS = 8
RICH = replace(LIMITS, day_max_minor=10**11, debits_per_day=10_000)
BINS = {each: s.cryptogram.cipher for s in RULES.schemes for each in s.token_bins}


@dataclass
class Till:
    """Debits, one after the other, until it is told to stop; it leases batches as it goes."""

    bench: VaultBench
    stop: threading.Event = field(default_factory=threading.Event)
    debits: int = 0
    versions: set[int] = field(default_factory=set)
    faults: list[object] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                serial = self.debits // 4 % CARDS + 1
                batch = self.bench.leased(serial=serial)
                for place in range(min(4, BATCH_SIZE)):
                    self._debit(batch, place, serial)
        except Exception as error:  # a thread's exception would be lost
            self.faults.append(error)
        finally:
            with self.news:
                self.news.notify_all()

    def _debit(self, batch: Batch, place: int, serial: int) -> None:
        message = self.bench.at_till(batch, place, amount_minor=100)
        step = authorise(self.bench.switch, [message], NOW)[0]
        if not isinstance(step, Forward):
            self.faults.append(step)
            return
        if step.message.text(2) != card_number(serial=serial).reveal():
            self.faults.append("another card was debited")
        answer = complete(self.bench.switch, [Answered(step, approval(step.message))], NOW)[0]
        if answer.text(39) != "00":
            self.faults.append(answer.text(39))
        self.versions.add(batch.key_version)
        with self.news:
            self.debits += 1
            self.news.notify_all()

    def wait_for(self, more: int) -> None:
        """Until so many further debits have gone through."""
        with self.news:
            goal = self.debits + more
            self.news.wait_for(lambda: self.debits >= goal or bool(self.faults), 60)


@contextmanager
def till(bench: VaultBench) -> Iterator[Till]:
    made = Till(bench)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.stop.set()
        thread.join()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultBench]:
    """A vault whose key ring is a file, so that another process can rotate it."""
    monkeypatch.setattr(rotate, "GROUP_MAX", 3)
    monkeypatch.setattr(identify, "CLAIMS_MAX", 1_000_000)  # each lease is of a new claim here
    database = Database(f"sqlite:///{tmp_path / 'vault.db'}")
    made = VaultBench(database, replace(RULES, limits={"": RICH}))
    made.keys = open_keys(tmp_path / "vault.keys", KeySettings(BINS, "2019", AskedPassphrase()))
    made.desk = replace(made.desk, keys=made.keys, vault=made.vault)
    made.tokens = TokenService(made.keys, made.vault, made.rules)
    made.switch = replace(made.switch, tokens=made.tokens)
    for serial in range(1, CARDS + 1):
        made.enrolled(serial=serial)
    yield made
    database.close()


def test_no_debit_is_lost_while_every_key_rotates(bench: VaultBench, tmp_path: Path) -> None:
    operator = open_keys(
        tmp_path / "vault.keys", KeySettings(BINS, "2019", AskedPassphrase())
    )  # the process of `zheton keys`: nobody tells the one that debits
    before = bench.envelope(card_number())

    def renew(purpose: Purpose, token_bin: str = "") -> None:
        operator.change(
            lambda ring, on: renewal.with_new_version(ring, on, purpose, token_bin, "2019")
        )

    def drop(purpose: Purpose) -> None:
        operator.change(lambda ring, _: renewal.without_older(ring, purpose))

    rotation = Rotation(operator, bench.vault, "keys", lambda: NOW)
    with till(bench) as running:
        running.wait_for(4)
        for _ in range(2):
            renew(Purpose.ISSUER, "520473")
            running.wait_for(6)  # at least one more batch is leased, under the new key
            for purpose, work in ((Purpose.DATA, reseal_cards), (Purpose.INDEX, reindex_cards)):
                renew(purpose)
                while list(work(rotation))[-1].changed:
                    running.wait_for(2)
            renew(Purpose.ENVELOPE)
            renew(Purpose.AUDIT)
            running.wait_for(6)
        drop(Purpose.DATA)
        drop(Purpose.INDEX)
        running.wait_for(8)

    assert running.faults == []
    assert running.versions == {1, 2, 3}
    with bench.database.reading() as connection:
        states = connection.exec_driver_sql("SELECT state, count(*) FROM debit GROUP BY 1").all()
        versions = connection.exec_driver_sql("SELECT DISTINCT pan_key_version FROM card").all()
    assert [tuple(row) for row in states] == [("approved", running.debits)]
    assert [tuple(row) for row in versions] == [(3,)]
    assert bench.vault.count_cards() == CARDS
    assert bench.keys.audit_signer().public == operator.audit_epochs()[2].public
    assert bench.keys.open_envelope(before)
