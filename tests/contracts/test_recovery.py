"""A copy of the vault's database is put back: without recovery numbers live twice, with it none.

Bands and shops remember every number that they were ever shown, whatever the database forgot.
"""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, NullPool, create_engine, insert, select, text
from sqlalchemy.engine import make_url

from tests.chain_lab import vault_keys
from tests.unit.roles.tsp.debits import LIMITS, NOW, RULES, VaultBench, approval
from zheton.adapters.secret_file import write_private
from zheton.adapters.storage import place
from zheton.adapters.storage.database import Database
from zheton.apps.cli.main import main
from zheton.apps.wiring import Installation
from zheton.core.errors import ConflictError, UnreachableError
from zheton.core.token.audit.epochs import public_keys
from zheton.core.token.audit.inspect import losses
from zheton.core.token.batch import DISPUTE_WINDOW, Batch
from zheton.core.token.witness import Witness
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.state import Forward
from zheton.roles.tsp.age import age_all
from zheton.roles.tsp.audit import checkpoint, faults

CARDS = 3
PLACES = 5  # the numbers of a batch that pay here
RICH = replace(LIMITS, day_max_minor=10**11, debits_per_day=10_000)
POINTS = ("in a bucket", "before the log", "before opening")
CUT = """
import os, signal, sys
from zheton.adapters.storage.incarnation import RecoveryTx
from zheton.apps.cli import recover
from zheton.apps.cli.main import main

point, *arguments = sys.argv[1:]
done = RecoveryTx.bucket_done

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def in_the_middle(self, count):
    done(self, count)
    if count == 20:
        die()

if point == "in a bucket":
    RecoveryTx.bucket_done = in_the_middle
elif point == "before the log":
    recover.accept_restored = die
else:
    RecoveryTx.open = die
sys.exit(main(["recover", *arguments]))
"""


class Copy:
    """The rows of a database, taken and put back past the product."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        options: dict[str, Any] = {"poolclass": NullPool}
        if parsed.get_backend_name() != "sqlite":
            options["connect_args"] = {"options": f"-c search_path={parsed.query['schema']}"}
            parsed = parsed.set(drivername="postgresql+psycopg", query={})
            server = {k: v for k, v in make_url(url).query.items() if k != "schema"}
            parsed = parsed.update_query_dict(server)
        self._engine = create_engine(parsed, **options)
        self._tables = MetaData()
        self._tables.reflect(self._engine, only=lambda name, _: not name.endswith("_revision"))
        with self._engine.connect() as connection:
            self._rows = {
                table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in self._tables.sorted_tables
            }

    def put_back(self) -> None:
        """The database is what it was when the copy was taken."""
        with self._engine.begin() as connection:
            for table in self._tables.sorted_tables:
                connection.execute(table.delete())
                if self._rows[table.name]:
                    connection.execute(insert(table), self._rows[table.name])


@dataclass
class Town:
    """A vault and those who pay: `shown` are batches on devices, `accepted` counts numbers."""

    data: Path
    url: str
    shown: list[Batch] = field(default_factory=list)
    accepted: Counter[tuple[str, int]] = field(default_factory=Counter)
    running: list[Installation] = field(default_factory=list)
    opened: list[Installation | Database] = field(default_factory=list)

    @property
    def arguments(self) -> list[str]:
        return ["--data", str(self.data), "--database", self.url]

    @property
    def place(self) -> str:
        return place.place_of(self.url, "vault")

    def on(self) -> Installation:
        """The installation as a process finds it that starts now."""
        self.opened.append(Installation(self.data, database=self.url))
        assert isinstance(self.opened[-1], Installation)
        return self.opened[-1]

    def database(self) -> Database:
        """The vault's database past the installation."""
        self.opened.append(Database(self.place))
        assert isinstance(self.opened[-1], Database)
        return self.opened[-1]

    def close(self) -> None:
        """End everything that was opened."""
        for each in self.opened:
            each.close()

    def started(self, *, found: bool = False) -> VaultBench:
        """A vault at work; `found` starts it without a look at the witness."""
        on = self.on()
        vault = on.vault_as_found if found else on.vault
        life = len(self.running) + 1  # no process draws or counts what another one did
        bench = VaultBench(self.database(), replace(RULES, limits={"": RICH}), seed=life)
        bench._stan = count(1000 * life)
        bench.keys, bench.vault = on.keys, vault
        bench.desk = replace(bench.desk, keys=on.keys, vault=vault)
        bench.tokens = replace(bench.tokens, keys=on.keys, vault=vault)
        bench.switch = replace(on.switch_as_found(), tokens=bench.tokens)
        self.running.append(on)
        return bench

    def lease(self, bench: VaultBench) -> None:
        """A batch more on every card's device."""
        self.shown += [bench.leased(serial=serial) for serial in range(1, CARDS + 1)]

    def pay(self, bench: VaultBench, batches: Sequence[Batch], *places: int) -> int:
        """Present numbers once more, each in a message of its own; how many were accepted."""
        accepted = 0
        for batch in batches:
            for at in places:
                message = bench.at_till(batch, at, amount_minor=100)
                step = authorise(bench.switch, [message], NOW)[0]
                if isinstance(step, Forward):
                    complete(bench.switch, [Answered(step, approval(step.message))], NOW)
                    self.accepted[batch.bin, batch.first_index + at] += 1
                    accepted += 1
        return accepted

    def life_until_the_loss(self) -> Copy:
        """Debits and leases, a copy, and again debits and leases, which the copy does not know."""
        bench = self.started()
        self.lease(bench)
        assert self.pay(bench, self.shown, 0) == CARDS
        pending = authorise(bench.switch, [bench.at_till(self.shown[0], 1)], NOW)[0]
        assert isinstance(pending, Forward)
        self.accepted[self.shown[0].bin, self.shown[0].first_index + 1] += 1
        checkpoint(self.running[-1].auditor, NOW)
        self.running[-1].life.beat()
        copy = Copy(self.place)
        self.pay(bench, self.shown, 2)
        self.lease(bench)
        self.pay(bench, self.shown, 3)
        checkpoint(self.running[-1].auditor, NOW)
        return copy

    def check_recovered(self) -> None:
        """Whatever was shown before is dead, and what comes now is new and pays once."""
        bench, before = self.started(), list(self.shown)
        assert self.pay(bench, before, *range(PLACES)) == 0
        known = {(batch.bin, batch.batch) for batch in before}
        self.lease(bench)
        fresh = self.shown[len(before) :]
        assert not known & {(batch.bin, batch.batch) for batch in fresh}
        assert self.pay(bench, fresh, *range(PLACES)) == CARDS * PLACES
        assert self.pay(bench, self.shown, *range(PLACES)) == 0
        assert set(self.accepted.values()) == {1}
        ended = self.rows("SELECT state, reversal_due FROM debit WHERE state <> 'approved'")
        assert [(row["state"], bool(row["reversal_due"])) for row in ended] == [("timed-out", True)]

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.database().reading() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    write_private(tmp_path / "vault.keys", vault_keys())
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/town.db"
    else:
        url = request.getfixturevalue("postgresql_session")[0]
    made = Town(tmp_path, url)
    yield made
    made.close()
    if request.param == "postgresql":
        place.drop(made.place)


def test_without_recovery_numbers_live_twice_and_with_it_none(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = town.life_until_the_loss()
    first_life = Counter(town.accepted)
    leased = {(batch.bin, batch.batch) for batch in town.shown}
    copy.put_back()
    with pytest.raises(ConflictError, match="zheton recover"):
        town.started()

    # Whoever looks away pays twice: burnt numbers are fresh again, and batches come a second time.
    bench, before = town.started(found=True), len(town.shown)
    assert town.pay(bench, town.shown[:CARDS], 2) == CARDS
    town.lease(bench)
    again = town.shown[before:]
    assert {(batch.bin, batch.batch) for batch in again} <= leased
    assert town.pay(bench, again, 3) == CARDS
    assert max(town.accepted.values()) == 2

    copy.put_back()
    town.accepted, town.shown = first_life, town.shown[:before]
    assert main(["recover", *town.arguments, "--dry-run"]) == 0
    with pytest.raises(ConflictError, match="zheton recover"):
        town.started()
    assert main(["recover", *town.arguments]) == 0
    told = capsys.readouterr().out
    assert "a copy was put back" in told and "1 debits were under way" in told
    tables = re.findall(r"^ *520473 +(\d+) +(\d+) +(\d+)", told, re.MULTILINE)
    assert tables == [(str(CARDS), str(CARDS), str(64 * CARDS))] * 2
    town.check_recovered()
    assert main(["recover", *town.arguments]) == 0
    assert "nothing to recover" in capsys.readouterr().out


def test_a_recovery_that_is_cut_stays_closed_until_it_is_run_again(town: Town) -> None:
    town.life_until_the_loss().put_back()
    for point in POINTS:
        cut = subprocess.run(
            [sys.executable, "-c", CUT, point, *town.arguments], capture_output=True, check=False
        )
        assert cut.returncode == -signal.SIGKILL, cut.stderr
        with pytest.raises(ConflictError, match="not finished"):
            town.started()
    assert main(["recover", *town.arguments]) == 0
    town.check_recovered()


def test_the_log_says_what_was_lost_and_tampering_is_still_found(town: Town) -> None:
    town.life_until_the_loss().put_back()
    on = town.on()
    keys = public_keys(on.keys.audit_epochs())
    assert any("was cut" in str(f) for f in faults(on.audit_log, list(on.checkpoints.read()), keys))
    assert main(["recover", *town.arguments]) == 0
    town.check_recovered()
    checkpoint(town.on().auditor, NOW)
    kept = list(on.checkpoints.read())
    assert sum(loss.signed - loss.kept for loss in losses(kept)) == 4 * CARDS
    assert list(faults(on.audit_log, kept, keys)) == []
    with town.database().transaction() as connection:
        connection.execute(text("UPDATE audit_entry SET who = 'x' WHERE seq = 1"))
    assert list(faults(on.audit_log, kept, keys))


def test_what_was_leased_anew_in_the_lost_time_rests_and_needs_a_newer_key(town: Town) -> None:
    bench = town.started()
    batch = bench.leased(serial=1)
    with town.database().transaction() as connection:
        connection.execute(
            text(
                "UPDATE batch SET status = 'free', expiry = '1901', key_version = 0, due_ms = NULL"
            )
        )
    copy = Copy(town.place)
    again = bench.leased(serial=1)
    assert (again.batch, again.generation) == (batch.batch, 1)
    copy.put_back()
    assert main(["recover", *town.arguments]) == 0
    after = town.started()
    assert after.leased(serial=1).batch != batch.batch
    (row,) = (row for row in town.rows("SELECT * FROM batch") if row["batch"] == batch.batch)
    assert (row["status"], row["key_version"]) == ("resting", 1)
    assert row["last_event_ms"] > row["until_ms"]  # it rests from now, whatever it says of its end
    told = town.rows("SELECT * FROM status_change WHERE cause = 'restored'")
    assert told == []  # it was out of nobody's hands in the copy


def test_what_had_ended_long_before_an_old_copy_is_put_back_rests_anew(town: Town) -> None:
    """The copy is older than the window: in the lost time the batch rested and was leased anew."""
    bench = town.started()
    batch = bench.leased(serial=1)
    assert town.pay(bench, [batch], 0) == 1
    with town.database().transaction() as connection:
        connection.execute(text("UPDATE batch SET status = 'spent', key_version = 0, due_ms = 0"))
    copy = Copy(town.place)
    now = NOW + DISPUTE_WINDOW
    assert age_all(bench.vault, now) == 2
    again = bench.leased(serial=1, now=now)
    assert (again.batch, again.generation) == (batch.batch, 1)
    copy.put_back()
    assert main(["recover", *town.arguments]) == 0
    after = town.started()
    age_all(after.vault, now)
    assert after.leased(serial=1, now=now).batch != batch.batch
    (row,) = (row for row in town.rows("SELECT * FROM batch") if row["batch"] == batch.batch)
    assert (row["status"], row["generation"], row["key_version"]) == ("resting", 0, 1)


def test_what_was_skipped_rests_and_wallets_hear_what_ended(
    town: Town,
) -> None:
    town.life_until_the_loss().put_back()
    assert main(["recover", *town.arguments]) == 0
    lost = {(batch.bin, batch.batch) for batch in town.shown[CARDS:]}
    rows = town.rows("SELECT bin, batch FROM batch WHERE status = 'resting' AND card = ''")
    assert {(row["bin"], row["batch"]) for row in rows} == lost
    told = town.rows("SELECT subject, status_after FROM status_change WHERE cause = 'restored'")
    ended = {(batch.name, "deleted") for batch in town.shown[:CARDS]}
    assert {(row["subject"], row["status_after"]) for row in told} == ended


def test_a_process_that_runs_on_shuts_when_a_copy_is_put_back_under_it(town: Town) -> None:
    copy = town.life_until_the_loss()
    bench = town.started()
    copy.put_back()
    with pytest.raises(ConflictError):
        town.running[-1].life.beat()
    bench.vault.shut("put back")
    with pytest.raises(UnreachableError, match="put back"):
        town.pay(bench, town.shown[:1], 4)


def test_a_lost_witness_takes_a_bound_and_a_new_database_is_no_old_one(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = town.life_until_the_loss()
    witness = town.on().witness
    seen = witness.read()
    assert isinstance(seen, Witness) and sum(seen.handed_out.values()) == 2 * CARDS
    witness.path.unlink()
    with pytest.raises(ConflictError, match="witness"):
        town.started()
    copy.put_back()
    assert main(["recover", *town.arguments]) == 1
    assert "--skip N" in capsys.readouterr().err
    assert main(["recover", *town.arguments, "--skip", "7"]) == 0
    town.check_recovered()
    assert min(batch.batch // 64 for batch in town.shown[-CARDS:]) >= 7

    with town.database().transaction() as connection:
        connection.execute(text("DELETE FROM incarnation"))
    with pytest.raises(ConflictError, match="empty"):
        town.started()
