"""Rotation of data and index keys: restartable, conditional, and nothing is lost on the way."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, card_number
from zheton.adapters.keys import renewal
from zheton.adapters.keys.ring import Purpose
from zheton.adapters.storage.audit_log import SqlAuditLog
from zheton.adapters.storage.database import Database
from zheton.roles.tsp import rotate
from zheton.roles.tsp.rotate import Progress, Rotation, reindex_cards, reseal_cards

CARDS = 12


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultBench]:
    monkeypatch.setattr(rotate, "GROUP_MAX", 2)
    database = Database(f"sqlite:///{tmp_path / 'vault.db'}")
    made = VaultBench(database)
    for serial in range(1, CARDS + 1):
        made.enrolled(serial=serial)
    yield made
    database.close()


def rotation(bench: VaultBench) -> Rotation:
    return Rotation(bench.keys, bench.vault, "keys test/1", lambda: NOW)


def logged(bench: VaultBench) -> list[tuple[str, str]]:
    """Card and reference of each entry that the log has of rotations."""
    log, found = SqlAuditLog(bench.database), []
    for bucket in log.tips():
        with log.reading(bucket) as view:
            found += [
                (row.what.card, row.what.reference)
                for row in view.rows()
                if row.what.purpose == "rotation"
            ]
    return found


def renew(bench: VaultBench, purpose: Purpose) -> None:
    bench.keys.change(
        lambda ring, on: renewal.with_new_version(ring, on, purpose, "", "2019-09-10")
    )


def drop(bench: VaultBench, purpose: Purpose) -> None:
    bench.keys.change(lambda ring, _: renewal.without_older(ring, purpose))


def last(steps: Iterator[Progress]) -> Progress:
    *_, progress = steps
    return progress


def still_there(bench: VaultBench) -> bool:
    """Whether every card is found by its number, and its number by its row."""
    for serial in range(1, CARDS + 1):
        pan = card_number(serial=serial)
        with bench.vault.transaction() as tx:
            found = [tx.card_by_index(index) for index in bench.keys.pan_indexes(pan)]
        cards = [card for card in found if card is not None]
        opened = [
            bench.keys.open_pan(card.pan_key_version, card.sealed_pan, card.bucket, card.id)
            for card in cards
        ]
        if opened != [pan]:
            return False
    return True


def test_with_one_key_there_is_nothing_to_do(bench: VaultBench) -> None:
    for work in (reseal_cards, reindex_cards):
        assert last(work(rotation(bench))) == Progress(CARDS, 0, 0, CARDS)


def test_every_card_comes_under_the_new_data_key(bench: VaultBench) -> None:
    renew(bench, Purpose.DATA)
    assert still_there(bench)
    assert last(reseal_cards(rotation(bench))) == Progress(CARDS, CARDS, 0, CARDS)
    drop(bench, Purpose.DATA)
    assert still_there(bench)


def test_every_card_comes_under_the_new_index_key(bench: VaultBench) -> None:
    renew(bench, Purpose.INDEX)
    assert still_there(bench)
    assert last(reindex_cards(rotation(bench))) == Progress(CARDS, CARDS, 0, CARDS)
    drop(bench, Purpose.INDEX)
    assert still_there(bench)


@pytest.mark.parametrize("work", [reseal_cards, reindex_cards])
def test_what_was_cut_short_is_finished_by_the_next_pass(
    bench: VaultBench, work: Callable[..., Iterator[Progress]]
) -> None:
    purpose = Purpose.DATA if work is reseal_cards else Purpose.INDEX
    renew(bench, purpose)
    done = list(islice(work(rotation(bench)), 4))[-1].changed
    assert 0 < done < CARDS
    assert still_there(bench)
    assert last(work(rotation(bench))).changed == CARDS - done
    drop(bench, purpose)
    assert still_there(bench)


def test_each_card_that_is_opened_for_a_new_key_is_an_entry_of_the_log(bench: VaultBench) -> None:
    for work in (reseal_cards, reindex_cards):
        last(work(rotation(bench)))
    assert logged(bench) == []  # with one key nothing is opened
    renew(bench, Purpose.DATA)
    last(reseal_cards(rotation(bench)))
    last(reseal_cards(rotation(bench)))  # finds nothing to open
    assert len(set(logged(bench))) == len(logged(bench)) == CARDS
    assert {reference for _, reference in logged(bench)} == {f"{2:032x}"}
    renew(bench, Purpose.INDEX)
    last(reindex_cards(rotation(bench)))
    assert len(logged(bench)) == 2 * CARDS


def test_a_card_that_is_enrolled_again_while_indexes_move_is_the_same_card(
    bench: VaultBench,
) -> None:
    _, before = bench.enrolled(serial=1)
    renew(bench, Purpose.INDEX)
    assert bench.enrolled(serial=1)[1].id == before.id
    last(reindex_cards(rotation(bench)))
    assert bench.enrolled(serial=1)[1].id == before.id
    assert bench.vault.count_cards() == CARDS


def test_a_row_that_changed_meanwhile_keeps_its_change(bench: VaultBench) -> None:
    _, card = bench.enrolled(serial=1)
    version, sealed = bench.keys.seal_pan(card_number(serial=1), card.bucket, card.id)
    other = bench.keys.seal_pan(card_number(serial=1), card.bucket, card.id)
    with bench.vault.transaction() as tx:
        assert tx.reseal_card(card, *other)  # the row has another ciphertext now
        assert not tx.reseal_card(card, version, sealed)
    assert still_there(bench)


def test_a_damaged_row_does_not_hold_up_the_others(bench: VaultBench) -> None:
    _, card = bench.enrolled(serial=1)
    with bench.vault.transaction() as tx:
        tx.reseal_card(card, card.pan_key_version, b"damaged" * 8)
    for purpose, work in ((Purpose.DATA, reseal_cards), (Purpose.INDEX, reindex_cards)):
        renew(bench, purpose)
        assert last(work(rotation(bench))) == Progress(CARDS, CARDS - 1, 1, CARDS)


def test_new_batches_are_under_the_new_issuer_key_and_old_ones_stay(bench: VaultBench) -> None:
    before = bench.leased()
    bench.keys.change(
        lambda ring, on: renewal.with_new_version(ring, on, Purpose.ISSUER, before.bin, "2019")
    )
    after = bench.leased()
    assert (before.key_version, after.key_version) == (1, 2)
    messages = [bench.at_till(before), bench.at_till(after)]
    for verdict in bench.examine(*messages, now=NOW):
        assert getattr(verdict, "refusal", verdict) is None
