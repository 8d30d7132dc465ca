"""A tiny range goes round and round: no number has two lives, whatever happens in whatever order.

Two cards share a bucket in which three batches are left, so each soon gets what the other had. The
model beside the vault remembers every lease and every debit there ever was, and asks at each step
what an engineer of a card network would: is this number live or disputable for somebody else?
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text

from tests.unit.roles.tsp.debits import BAND, NOW, RULES, VaultBench, approval, card_number
from tests.unit.roles.tsp.debits import LIMITS as SOME
from tests.unit.roles.tsp.debits import reversal as reversal_of
from zheton.adapters.keys import renewal
from zheton.adapters.keys.ring import Purpose
from zheton.adapters.storage.database import Database
from zheton.core.clearing import CardAcceptor, Presentment
from zheton.core.debit import DebitState
from zheton.core.decline import Decline
from zheton.core.emv import tags
from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.iso8583.message import Message
from zheton.core.token.batch import BATCH_SIZE, Batch
from zheton.core.token.domain import Channel
from zheton.core.token.lifecycle import BatchStatus
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete, reversal_heard
from zheton.roles.network.resolve import resolve
from zheton.roles.network.reverse import reverse
from zheton.roles.network.state import Forward
from zheton.roles.tsp.age import age_all
from zheton.roles.tsp.dispute import close_dispute, open_dispute
from zheton.roles.tsp.lease import Use, lease, leasing
from zheton.roles.tsp.state import Enrolment

NETWORK, BIN = "unionpay", "62355312"  # a BIN of 8 digits: 10^7 numbers
BATCHES_LEFT = 3
WINDOW = timedelta(days=12)
STEPS = 600
RICH = replace(SOME, debits_per_day=10_000)
SHOP = CardAcceptor("MSKCOFFEE", "Kofeynya", "Moskva", "RUS", "5814", "MSK1")


@dataclass
class Paid:
    """A debit that went to its issuer: whose it is, and when something last happened to it."""

    request: Message
    step: Forward
    batch: Batch
    last: datetime
    answered: bool = False
    disputed: bool = False
    standing: bool = True  # approved, and not reversed


@dataclass
class Leased:
    """A lease, with all that came of it; `over` once somebody ended it."""

    batch: Batch
    over: bool = False
    suspended: bool = False
    debits: list[Paid] = field(default_factory=list)

    def is_live(self, now: datetime) -> bool:
        """Whether its numbers pay."""
        return not (self.over or self.suspended) and now < self.batch.until

    def is_disputable(self, now: datetime) -> bool:
        """Whether one of its debits may still be named by somebody."""
        return any(
            paid.disputed or not paid.answered or now < paid.last + WINDOW for paid in self.debits
        )


class Recycling:
    """A vault, its two cards, and what cardholders, shops, issuers and thieves do."""

    def __init__(self, seed: int) -> None:
        self.choice = Random(seed)
        self.bench = VaultBench(Database("sqlite://"), replace(RULES, limits={"": RICH}), seed)
        self.now, self.keys_seen = NOW, set[bytes]()
        self.leases: list[Leased] = []
        self.current: dict[int, Leased] = {}
        self.expiries: set[tuple[int, str]] = set()
        self.cards = self._neighbours()
        self._leave_few()

    def _neighbours(self) -> list[tuple[Enrolment, int]]:
        """Two cards that share a bucket."""
        by_bucket: dict[int, tuple[Enrolment, int]] = {}
        for serial in range(1, 99):
            enrolment, card = self.bench.enrolled(NETWORK, serial)
            if card.bucket in by_bucket:
                return [by_bucket[card.bucket], (enrolment, serial)]
            by_bucket[card.bucket] = enrolment, serial
        raise AssertionError("no two cards share a bucket")

    def _leave_few(self) -> None:
        bucket = self.cards[0][0].bucket
        all_of_bucket = (10**7 // BATCH_SIZE - bucket + 63) // 64
        with self.bench.database.transaction() as connection:
            connection.execute(
                text("INSERT INTO batch_counter (bucket, bin, next_ordinal) VALUES (:b, :r, :n)"),
                {"b": bucket, "r": BIN, "n": all_of_bucket - BATCHES_LEFT},
            )

    # What happens

    def lease(self) -> None:
        """Somebody fills a device."""
        enrolment = self.choice.choice(self.cards)[0]
        bench, use = self.bench, Use(BAND.id, BAND.device, Channel.TILL)
        scheme = bench.rules.schemes.named(NETWORK)
        try:
            batches = leasing(
                bench.vault,
                lambda tx: lease(tx, bench.keys, scheme, enrolment, use, 1, self.now),
            )
        except ConflictError:
            return  # all are out, or rest
        for batch in batches:
            self._check_fresh(batch)
            self.leases.append(Leased(batch))
            self.current[batch.batch] = self.leases[-1]

    def _check_fresh(self, batch: Batch) -> None:
        before = self.current.get(batch.batch)
        if before is not None:
            assert not before.is_live(self.now), "two lessees have one number"
            assert not before.is_disputable(self.now), "a number is leased that may be disputed"
            assert batch.generation == before.batch.generation + 1
            assert batch.key_version > before.batch.key_version
        assert batch.burnt == 0
        assert (batch.batch, batch.expiry) not in self.expiries, "a number and expiry came twice"
        self.expiries.add((batch.batch, batch.expiry))
        keys = {self.bench.key(batch, place) for place in range(BATCH_SIZE)}
        assert len(keys) == BATCH_SIZE
        assert not keys & self.keys_seen, "a session key came twice"
        self.keys_seen |= keys

    def pay(self) -> None:
        """A number is presented: a live one, or one that somebody has kept from any lease."""
        if not self.leases:
            return
        kept = self.choice.random() < 0.3
        leased = self.choice.choice(self.leases if kept else list(self.current.values()))
        place = self.choice.randrange(BATCH_SIZE)
        request = self._tap(leased.batch, place)
        (step,) = authorise(self.bench.switch, [request], self.now)
        if not isinstance(step, Forward):
            return
        assert self.current[leased.batch.batch] is leased, "a number of a lease that is over pays"
        assert leased.is_live(self.now)
        assert step.line.card == leased.batch.card
        taken = {paid.step.line.at for paid in leased.debits}
        assert step.line.at not in taken, "a number has paid twice"
        leased.debits.append(Paid(request, step, leased.batch, self.now))

    def _tap(self, batch: Batch, place: int) -> Message:
        date = f"{self.now:%y%m%d}"
        fields = {7: f"{self.now:%m%d%H%M%S}", 13: date[2:]}
        signed = {tags.TRANSACTION_DATE: bytes.fromhex(date)}
        return self.bench.at_till(batch, place, amount_minor=100, signed=signed, fields=fields)

    def answer(self) -> None:
        """Issuers answer, late or not at all."""
        waiting = [p for one in self.leases for p in one.debits if not p.answered]
        for paid in waiting:
            if self.choice.random() < 0.9:
                code = self.choice.choice(("00", "00", "51", None))
                response = approval(paid.step.message, code) if code else None
                complete(self.bench.switch, [Answered(paid.step, response)], self.now)
                paid.answered, paid.last, paid.standing = True, self.now, code == "00"

        for line in self.bench.vault.reversals_due(9):
            if self.choice.random() < 0.5:
                reversal_heard(self.bench.switch, line)

    def name_an_original(self) -> None:
        """A clearing or a reversal of any debit that ever was: never the next lessee's."""
        debits = [(one, paid) for one in self.leases for paid in one.debits]
        if not debits:
            return
        leased, paid = self.choice.choice(debits)
        if self.choice.random() < 0.7:
            self._clear(paid)
        elif paid.answered:
            self._reverse(leased, paid)

    def _clear(self, paid: Paid) -> None:
        line = paid.step.line
        asked = Presentment(
            number=paid.request.text(2),
            expiry=paid.batch.expiry,
            processing_code="000000",
            amount=line.amount,
            acquirer_id=line.place.acquirer,
            acceptor=SHOP,
            auth_code="",
            retrieval_reference=line.retrieval_reference,
            stan=line.stan,
            local_time=self.now.replace(tzinfo=None),
        )
        found = resolve(self.bench.switch, asked, "330001", self.now)
        if not isinstance(found, Decline):
            (own,) = [s for e, s in self.cards if e.id == paid.batch.enrolment]
            assert found.pan == card_number(NETWORK, own).reveal(), "another lessee was charged"
            assert self.current[paid.batch.batch].batch is paid.batch
            assert paid.standing
            paid.last = self.now

    def _reverse(self, leased: Leased, paid: Paid) -> None:
        before = self._undone()
        answer = reverse(self.bench.switch, reversal_of(paid.request), self.now).text(39)
        if self.current[leased.batch.batch] is not leased:
            # DE7 has no year: on the day of the year it may keep a place (00), and undoes nothing.
            assert answer in ("00", "14", "25")
            assert self._undone() == before, "a late reversal undid a debit"
        elif answer == "00" and paid.standing:
            paid.last, paid.standing = self.now, False

    def _undone(self) -> set[str]:
        return {line.debit for line in self.bench.vault.reversals_due(999)}

    def dispute(self) -> None:
        """A dispute of any debit opens or closes."""
        debits = [paid for one in self.leases for paid in one.debits]
        if not debits:
            return
        open_ones = [paid for paid in debits if paid.disputed]
        opening = not open_ones or self.choice.random() < 0.2
        paid = self.choice.choice(debits[-8:] if opening else open_ones)
        verb = open_dispute if opening else close_dispute
        try:
            with self.bench.vault.transaction() as tx:
                verb(tx, paid.batch.enrolment, paid.step.line.debit, self.now)
        except NotFoundError:
            assert opening, "a disputed debit is gone"
            return
        assert self.current[paid.batch.batch].batch is paid.batch
        paid.disputed, paid.last = opening, self.now

    def end_one(self) -> None:
        """Somebody suspends, resumes or deletes a batch."""
        with self.bench.vault.transaction() as tx:
            standing = [b for e, _ in self.cards for b in tx.batches_of(e)]
        if not standing:
            return
        batch = self.choice.choice(standing)
        suspended = batch.status is BatchStatus.SUSPENDED
        to = self.choice.choice(
            (BatchStatus.DELETED, BatchStatus.ACTIVE if suspended else BatchStatus.SUSPENDED)
        )
        with self.bench.vault.transaction() as tx:
            tx.set_batch_status([batch], to)
        leased = self.current[batch.batch]
        leased.over = leased.over or to is BatchStatus.DELETED
        leased.suspended = to is BatchStatus.SUSPENDED

    def wait(self) -> None:
        """Days go by."""
        self.now += timedelta(hours=self.choice.randint(1, 24 * 20))
        while age_all(self.bench.vault, self.now, WINDOW):
            pass

    def rotate(self) -> None:
        """The BIN gets its next issuer master key."""
        self.bench.keys.change(
            lambda ring, on: renewal.with_new_version(ring, on, Purpose.ISSUER, BIN, "2019-09-10")
        )

    def check(self) -> None:
        """The vault's rows say what the model knows."""
        with self.bench.vault.transaction() as tx:
            live = {b.batch for e, _ in self.cards for b in tx.batches_of(e)}
        for batch, leased in self.current.items():
            if leased.over:
                assert batch not in live
            for paid in leased.debits:
                lines = self.bench.vault.of_number(paid.step.line.at)
                assert {line.card for line in lines} <= {leased.batch.card}
                assert len([x for x in lines if x.state is not DebitState.BLOCKED]) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_no_number_has_two_lives(seed: int) -> None:
    model = Recycling(seed)
    acts = [
        model.lease, model.pay, model.answer, model.name_an_original, model.dispute,
        model.end_one, model.wait, model.rotate,
    ]  # fmt: skip
    for step in range(STEPS):
        model.choice.choices(acts, weights=(10, 10, 6, 6, 2, 3, 8, 1))[0]()
        if step % 20 == 0:
            model.check()
    generations = [leased.batch.generation for leased in model.leases]
    lessees = {(one.batch.batch, one.batch.card) for one in model.leases}
    assert len(model.current) == BATCHES_LEFT
    assert max(generations) >= 6, "it has not gone round"
    assert len(lessees) > len(model.current), "no number has had two lessees"
    assert sum(len(one.debits) for one in model.leases) > 30
