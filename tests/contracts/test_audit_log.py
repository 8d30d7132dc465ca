"""The detokenisation log in a database: groups, writers that meet, signing, tampering, proofs."""
# ruff: noqa: S608 - the statements of whoever tampers with the file are put together here

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.unit.core.token.audit.audit_strategies import BUCKET, card_id, epochs, sample, signer
from zheton.adapters.audit_files import CheckpointFile, keep_public_keys, read_public_keys
from zheton.adapters.storage import audit_append
from zheton.adapters.storage.audit_log import SqlAuditLog
from zheton.adapters.storage.database import Database
from zheton.core.errors import ConfigurationError, ConflictError, NotFoundError, VerificationError
from zheton.core.token.audit import proof as proofs
from zheton.core.token.audit.chain import CardTip, Tip, chain
from zheton.core.token.audit.entry import Resolution
from zheton.core.token.audit.epochs import Signer
from zheton.core.token.audit.inspect import Fault, Loss, losses
from zheton.roles.tsp.audit import Auditor, accept_restored, checkpoint, faults, prove

NOW = datetime(2019, 9, 10, 12, tzinfo=UTC)
KEYS = (signer().public,)


class OneKey:
    """A ring whose audit has had one epoch."""

    def audit_signer(self) -> Signer:
        return signer()


WRITER = """
import sys
from tests.unit.core.token.audit.audit_strategies import sample
from zheton.adapters.storage import audit_append
from zheton.adapters.storage.database import Database
database = Database(sys.argv[1])
for line in sys.stdin:
    with database.transaction() as connection:
        audit_append.append(connection, sample(3, int(line)) + sample(2, int(line) + 1))
    print("done", flush=True)
"""


class Bench:
    """A log in a file, its checkpoints, and somebody with a hand in the file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "vault.db"
        self.database = Database(f"sqlite:///{self.file}")
        self.log = SqlAuditLog(self.database)
        self.checkpoints = CheckpointFile(folder / "audit.checkpoints")
        self.auditor = self.fresh_auditor()

    def fresh_auditor(self) -> Auditor:
        """As another process would begin."""
        return Auditor(self.log, self.checkpoints, OneKey())

    def write(self, *groups: list[Resolution]) -> None:
        for group in groups:
            with self.database.transaction() as connection:
                audit_append.append(connection, group)

    def snapshot(self) -> str:
        """A copy of the database as it is now."""
        copy = self.file.with_name("copy.db")
        with closing(sqlite3.connect(self.file)) as here, closing(sqlite3.connect(copy)) as there:
            here.backup(there)
        return str(copy)

    def put_back(self, copy: str) -> None:
        """The database is the copy again."""
        with closing(sqlite3.connect(copy)) as here, closing(sqlite3.connect(self.file)) as there:
            here.backup(there)

    def losses(self) -> list[Loss]:
        return list(losses(list(self.checkpoints.read())))

    def faults(self) -> list[Fault]:
        return list(faults(self.log, list(self.checkpoints.read()), KEYS))

    def places(self) -> list[tuple[int | None, int | None]]:
        return [(fault.bucket, fault.seq) for fault in self.faults()]

    def tamper(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.database.close()


def elsewhere(bucket: int, count: int) -> list[Resolution]:
    """Openings in another bucket."""
    return [replace(what, card=f"{bucket:02x}{what.card[2:]}") for what in sample(count)]


# Writing


def test_groups_are_kept_as_they_were_chained(bench: Bench) -> None:
    first, second = sample(3) + sample(2, 1), sample(1, 1) + sample(2)
    bench.write(first, second, [])
    links, tips, cards = chain(first + second, {BUCKET: Tip.empty(BUCKET)}, {})
    assert bench.log.tips() == tips
    with bench.log.reading(BUCKET) as view:
        assert view.tip() == tips[BUCKET]
        rows = list(view.rows())
        assert [(row.seq, row.what, row.hash) for row in rows] == [
            (link.entry.seq, link.entry.what, link.hash) for link in links
        ]
        assert view.cards("00" * 16, "ff" * 16) == cards
        for card in (card_id(0), card_id(1)):
            entries = [link.entry for link in links if link.entry.what.card == card]
            assert view.of_card(card) == entries
        assert view.of_card(card_id(2)) == []
        assert view.hash_at(0) == Tip.empty(BUCKET).head
        assert view.hash_at(99) == bytes(32)
        assert view.changed(5) == {card_id(0), card_id(1)}
        assert view.changed(6) == {card_id(0)}
    assert checkpoint(bench.auditor, NOW) is not None
    assert bench.faults() == []


def test_buckets_have_chains_of_their_own(bench: Bench) -> None:
    bench.write([*sample(2), *elsewhere(3, 4), *sample(1, 1)])
    assert {bucket: tip.count for bucket, tip in bench.log.tips().items()} == {BUCKET: 3, 3: 4}


def test_what_is_undone_leaves_no_entry(bench: Bench) -> None:
    with pytest.raises(KeyError), bench.database.transaction() as connection:
        audit_append.append(connection, sample(2))
        raise KeyError
    assert bench.log.tips() == {}


def test_a_writer_that_finds_the_end_moved_writes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(sample(2))
    old = bench.log.tips()
    bench.write(sample(1))
    monkeypatch.setattr(audit_append, "_heads", lambda *_: old)
    with pytest.raises(ConflictError):
        bench.write(sample(1))
    monkeypatch.undo()
    checkpoint(bench.auditor, NOW)
    assert bench.faults() == []


def test_two_processes_on_one_bucket_make_one_chain(bench: Bench) -> None:
    rounds = 25
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, bench.database.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]
    for n in [0, 1] * rounds:  # in turns, so that they meet; both write entries of card 1
        pipe = writers[n].stdin
        assert pipe is not None
        pipe.write(f"{n}\n")
        pipe.flush()
    for writer in writers:
        told, _ = writer.communicate()
        assert told.count("done") == rounds
    assert bench.log.tips()[BUCKET].count == 2 * 5 * rounds
    checkpoint(bench.auditor, NOW)
    assert bench.faults() == []


# Signing


def test_checkpoints_follow_one_another_and_nothing_new_makes_none(bench: Bench) -> None:
    assert checkpoint(bench.auditor, NOW) is None
    bench.write(sample(3), elsewhere(3, 1))
    one = checkpoint(bench.auditor, NOW)
    assert one is not None and one.entries == 4
    assert checkpoint(bench.auditor, NOW) == one
    bench.write(sample(1, 4))
    two = checkpoint(bench.auditor, NOW)
    assert two is not None and (two.number, two.previous) == (2, one.hash)
    assert list(bench.checkpoints.read()) == [one, two]
    assert bench.faults() == []


def test_what_a_process_remembers_is_what_another_reads(bench: Bench) -> None:
    for group in (sample(3), sample(2, 3), sample(1, 1), sample(1, 0), elsewhere(3, 2)):
        bench.write(group)
        kept = checkpoint(bench.auditor, NOW)
        assert kept is not None
        assert checkpoint(bench.fresh_auditor(), NOW) == kept  # or it would have signed anew


def test_a_log_that_was_cut_or_rewritten_is_not_signed(bench: Bench) -> None:
    bench.write(sample(4))
    checkpoint(bench.auditor, NOW)
    bench.tamper("DELETE FROM audit_entry", "DELETE FROM audit_head", "DELETE FROM audit_card")
    for _ in range(2):
        with pytest.raises(ConflictError):
            checkpoint(bench.fresh_auditor(), NOW)
        bench.write(sample(6, 1))  # longer than before, and still another
    assert len(list(bench.checkpoints.read())) == 1


def test_a_torn_line_does_not_count_and_a_damaged_one_is_told(bench: Bench) -> None:
    bench.write(sample(1))
    one = checkpoint(bench.auditor, NOW)
    with bench.checkpoints.path.open("a") as file:
        file.write('{"checkpoint":2')
    assert list(bench.checkpoints.read()) == [one]
    bench.write(sample(1))
    two = checkpoint(bench.auditor, NOW)
    assert list(bench.checkpoints.read()) == [one, two]
    with bench.checkpoints.path.open("a") as file:
        file.write("{}\n")
    with pytest.raises(ConfigurationError):
        list(bench.checkpoints.read())
    with pytest.raises(ConfigurationError):
        checkpoint(bench.auditor, NOW)


def test_the_public_key_is_kept_for_those_who_verify(tmp_path: Path) -> None:
    for known in (epochs()[:1], epochs()):
        keep_public_keys(tmp_path / "audit.public", known)
        assert read_public_keys(tmp_path / "audit.public") == known
    for content in ("", "zz", "00"):
        (tmp_path / "bad").write_text(content)
        with pytest.raises(ConfigurationError):
            read_public_keys(tmp_path / "bad")


# Tampering with the file


@pytest.fixture
def signed(bench: Bench) -> Bench:
    bench.write(sample(3), sample(3, 1), elsewhere(3, 2))
    checkpoint(bench.auditor, NOW)
    bench.write(sample(2))  # behind the checkpoint
    assert bench.faults() == []
    return bench


@pytest.mark.parametrize(
    "change",
    [
        "who = 'nobody'",
        "at_ms = at_ms + 1",
        "purpose = 'xray'",
        "purpose = 'ж'",
        "reference = zeroblob(16)",
        "reference = zeroblob(15)",
        "card = (SELECT card FROM audit_entry WHERE seq = 4)",
        "bin = '999999'",
        "number_index = 5",
        "card_seq = 7",
        "card_before = 0",
        "hash = zeroblob(32)",
    ],
)
def test_editing_is_found_at_the_entry(signed: Bench, change: str) -> None:
    signed.tamper(f"UPDATE audit_entry SET {change} WHERE bucket = {BUCKET} AND seq = 2")
    assert (BUCKET, 2) in signed.places()
    assert all(bucket == BUCKET for bucket, _ in signed.places())


def test_an_entry_that_holds_none_is_found(signed: Bench) -> None:
    signed.tamper(f"UPDATE audit_entry SET card = 'x' WHERE bucket = {BUCKET} AND seq = 2")
    assert any("entry 2" in str(fault) for fault in signed.faults())


def test_reordering_is_found(signed: Bench) -> None:
    where = f"WHERE bucket = {BUCKET} AND seq ="
    signed.tamper(
        f"UPDATE audit_entry SET seq = 99 {where} 2",
        f"UPDATE audit_entry SET seq = 2 {where} 5",
        f"UPDATE audit_entry SET seq = 5 {where} 99",
    )
    assert {(BUCKET, 2), (BUCKET, 5)} <= set(signed.places())


def test_cutting_in_the_middle_is_found(signed: Bench) -> None:
    signed.tamper(f"DELETE FROM audit_entry WHERE bucket = {BUCKET} AND seq IN (2, 3)")
    assert signed.places()[0] == (BUCKET, 2)


def test_cutting_the_tail_is_found(signed: Bench) -> None:
    signed.tamper(f"DELETE FROM audit_entry WHERE bucket = {BUCKET} AND seq > 7")
    assert signed.places()[0] == (BUCKET, 8)


def test_cutting_the_tail_with_its_ends_is_found_up_to_the_checkpoint(signed: Bench) -> None:
    """The heads are put back as they were: only what is outside the database betrays it."""
    kept, tips, cards = chain(sample(3) + sample(1, 1), {BUCKET: Tip.empty(BUCKET)}, {})
    signed.tamper(f"DELETE FROM audit_entry WHERE bucket = {BUCKET} AND seq > {len(kept)}")
    put_ends(signed, tips[BUCKET], cards)
    assert signed.places() == [(BUCKET, 5)]
    assert "checkpoint 1 signed 6 entries" in signed.faults()[0].text


def test_cutting_what_no_checkpoint_covers_is_found_by_nobody(signed: Bench) -> None:
    """What the log does not prove: docs/detokenisation-log.md says so."""
    kept, tips, cards = chain(sample(3) + sample(3, 1), {BUCKET: Tip.empty(BUCKET)}, {})
    signed.tamper(f"DELETE FROM audit_entry WHERE bucket = {BUCKET} AND seq > {len(kept)}")
    put_ends(signed, tips[BUCKET], cards)
    assert signed.faults() == []


def test_a_log_without_its_checkpoints_is_told(signed: Bench) -> None:
    signed.checkpoints.path.unlink()
    assert {fault.bucket for fault in signed.faults()} == {3, BUCKET}


# Restoring a copy


def test_a_restored_log_goes_on_once_it_is_signed_as_restored(signed: Bench) -> None:
    copy = signed.snapshot()
    signed.write(sample(3), elsewhere(3, 1), elsewhere(4, 2))
    assert checkpoint(signed.auditor, NOW) is not None
    signed.put_back(copy)
    assert {bucket for bucket, _ in signed.places()} == {3, 4, BUCKET}
    with pytest.raises(ConflictError):
        checkpoint(signed.fresh_auditor(), NOW)

    restored = accept_restored(signed.fresh_auditor(), NOW)
    assert accept_restored(signed.fresh_auditor(), NOW) == restored  # cut and run again
    assert signed.faults() == []
    lost = [(each.bucket, each.kept, each.signed) for each in signed.losses()]
    assert lost == [(3, 2, 3), (4, 0, 2), (BUCKET, 8, 11)]

    signed.write(sample(2, 5), elsewhere(4, 1))
    assert checkpoint(signed.fresh_auditor(), NOW) is not None
    prove(signed.fresh_auditor(), card_id(5), NOW).check(KEYS)
    assert signed.faults() == []
    assert len(signed.losses()) == 3


def test_what_is_changed_around_a_restore_is_still_found(signed: Bench) -> None:
    copy = signed.snapshot()
    signed.write(sample(3))
    checkpoint(signed.auditor, NOW)
    signed.put_back(copy)
    accept_restored(signed.fresh_auditor(), NOW)
    signed.write(sample(1, 5))
    checkpoint(signed.fresh_auditor(), NOW)
    _, tips, cards = chain(sample(3) + sample(3, 1) + sample(2, 6), {BUCKET: Tip.empty(BUCKET)}, {})
    signed.tamper(f"DELETE FROM audit_entry WHERE bucket = {BUCKET} AND seq = 9")
    put_ends(signed, tips[BUCKET], cards)  # the end after the restore is cut
    assert (BUCKET, 9) in signed.places()
    signed.tamper(f"UPDATE audit_entry SET who = 'x' WHERE bucket = {BUCKET} AND seq = 2")
    assert (BUCKET, 2) in signed.places()  # and so is what was there before it


def test_a_log_restored_as_another_one_contradicts_what_was_signed(bench: Bench) -> None:
    bench.write(sample(4))
    checkpoint(bench.auditor, NOW)
    bench.write(sample(2))
    checkpoint(bench.auditor, NOW)
    bench.tamper("DELETE FROM audit_entry", "DELETE FROM audit_head", "DELETE FROM audit_card")
    bench.write(sample(4, 1))  # as many as the first checkpoint saw, and others
    accept_restored(bench.fresh_auditor(), NOW)
    assert (BUCKET, 4) in bench.places()


def put_ends(bench: Bench, tip: Tip, cards: dict[str, CardTip]) -> None:
    with bench.database.transaction() as connection:
        connection.execute(
            text("UPDATE audit_head SET entries = :n, head = :head WHERE bucket = :bucket"),
            {"n": tip.count, "head": tip.head, "bucket": BUCKET},
        )
        for card, end in cards.items():
            connection.execute(
                text("UPDATE audit_card SET entries = :n, last = :l, head = :h WHERE card = :card"),
                {"n": end.count, "l": end.last, "h": end.head, "card": bytes.fromhex(card)},
            )


# Proofs


def test_a_card_gets_all_its_entries_with_a_proof(bench: Bench) -> None:
    bench.write(sample(3), sample(2, 3), sample(2))
    checkpoint(bench.auditor, NOW)
    bench.write(sample(1, 3))
    for auditor in (bench.auditor, bench.fresh_auditor()):
        proof = prove(auditor, card_id(3), NOW)
        proof.check(KEYS)
        assert len(proof.entries) == 3
        assert proof.checkpoint.number == 2
        proofs.from_json(proofs.to_json(proof)).check(KEYS)
    assert len(list(bench.checkpoints.read())) == 2


def test_no_proof_hides_an_entry_by_cutting_the_cards_chain(bench: Bench) -> None:
    bench.write(sample(3))
    card = card_id(0)
    with bench.log.reading(BUCKET) as view:
        two = proofs.card_end(card, view.of_card(card)[:2])
    put_ends(bench, bench.log.tips()[BUCKET], {card: two})
    prove(bench.auditor, card, NOW).check(KEYS)  # signed by who lies, it holds
    assert bench.faults() != []  # but not for those who walk the whole chain
    with pytest.raises(VerificationError):
        replace(prove(bench.auditor, card, NOW), entries=()).check(KEYS)


@pytest.mark.parametrize("card", ["", "zz" * 16, card_id(0).upper(), card_id(1), "03" + "00" * 15])
def test_a_card_without_entries_has_no_proof(bench: Bench, card: str) -> None:
    bench.write(sample(3))
    with pytest.raises(NotFoundError):
        prove(bench.auditor, card, NOW)
