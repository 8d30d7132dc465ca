"""The feed: which package a device gets when, and what its acknowledgement does."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.unit.roles.wallet.test_wallet_verbs import active, enrolled, register
from tests.wallet_lab import BORIS, Lab
from zheton.core.errors import ConflictError, DecodeError, NotFoundError
from zheton.core.token.lifecycle import BatchStatus, Verb
from zheton.roles.wallet import cards, feed
from zheton.roles.wallet.feed import LOW_WATER, Need
from zheton.roles.wallet.state import Commit, CommitState, User

OK = 0x9000


def ask(
    world: Lab, user: User, device: str, counter: int, unspent: int = 0, card: str | None = None
) -> Commit | None:
    need = Need(counter, unspent, card)
    return feed.next_commit(world.wallet_desk, user, device, need, world.clock.now())


def get(world: Lab, user: User, device: str, counter: int, unspent: int = 0) -> Commit:
    commit = ask(world, user, device, counter, unspent)
    assert commit is not None
    return commit


def done(world: Lab, user: User, commit: Commit, statuses: Sequence[int] | None = None) -> Commit:
    given = [OK] * len(commit.package.commands) if statuses is None else statuses
    return feed.acknowledge(world.wallet_desk, user, commit.device, commit.number, given)


def batches(world: Lab, token: str) -> list[BatchStatus]:
    with world.desk.vault.transaction() as tx:
        found = tx.enrolment(token)
        assert found is not None
        return sorted(batch.status for batch in tx.batches_of(found[0]))


def test_commits_are_numbered_and_acknowledged(world: Lab, anna: User) -> None:
    card, device = active(world, anna), register(world, anna)
    first = get(world, anna, device, 0)
    assert (first.number, first.card, first.package.numbers) == (1, card.id, 64)
    assert batches(world, card.token.reference) == [BatchStatus.OFFERED]
    assert done(world, anna, first).state is CommitState.DONE
    assert batches(world, card.token.reference) == [BatchStatus.PROVISIONED]
    assert done(world, anna, first, [0x6A80]).state is CommitState.DONE  # a repeat changes nothing
    second = get(world, anna, device, 1)
    assert second.number == 2 and second.package.commands != first.package.commands


def test_the_same_counter_gets_the_same_package(world: Lab, anna: User) -> None:
    card, device = active(world, anna), register(world, anna)
    first = get(world, anna, device, 5)
    assert get(world, anna, device, 5) == first
    failed = done(world, anna, first, [OK, 0x6A82])
    assert failed.state is CommitState.FAILED
    assert get(world, anna, device, 5).number == 1
    assert batches(world, card.token.reference) == [BatchStatus.OFFERED]


def test_a_package_whose_batches_were_ended_is_not_handed_out_again(world: Lab, anna: User) -> None:
    card, device = active(world, anna), register(world, anna)
    first = get(world, anna, device, 5)
    with world.desk.vault.transaction() as tx:
        found = tx.enrolment(card.token.reference)
        assert found is not None
        tx.set_batch_status(tx.batches_of(found[0]), BatchStatus.DELETED)
    second = get(world, anna, device, 5)
    assert second.number == 2 and second.package.commands != first.package.commands


def test_a_counter_that_moved_on_gets_another_package(world: Lab, anna: User) -> None:
    active(world, anna)
    device = register(world, anna)
    first = get(world, anna, device, 5)
    second = get(world, anna, device, 6)
    assert (second.number, second.counter) == (2, 6)
    with world.wallet_desk.store.transaction() as tx:
        stored = tx.commit(device, first.number)
    assert stored is not None and stored.state is CommitState.ABANDONED
    assert done(world, anna, second).state is CommitState.DONE


def test_a_package_gets_old(world: Lab, anna: User) -> None:
    active(world, anna)
    device = register(world, anna)
    get(world, anna, device, 0)
    world.clock.advance(timedelta(days=feed.PACKAGE_DAYS))
    assert get(world, anna, device, 0).number == 2


@pytest.mark.parametrize(("unspent", "wanted"), [(LOW_WATER, True), (LOW_WATER + 1, False)])
def test_a_device_is_filled_when_it_runs_low(
    world: Lab, anna: User, unspent: int, wanted: bool
) -> None:
    card, device = active(world, anna), register(world, anna)
    done(world, anna, get(world, anna, device, 0))
    assert (ask(world, anna, device, 1, unspent, card.id) is not None) is wanted
    assert (ask(world, anna, device, 2, unspent) is not None) is wanted


def test_a_card_that_the_device_never_had_comes_first(world: Lab, anna: User) -> None:
    first, device = active(world, anna), register(world, anna)
    done(world, anna, get(world, anna, device, 0))
    second = enrolled(world, anna, BORIS)
    assert ask(world, anna, device, 1, unspent=64) is None
    cards.verify(world.wallet_desk, anna, second.id, world.code())
    world.clock.advance(timedelta(hours=1))
    commit = get(world, anna, device, 1, unspent=64)
    assert commit.card == second.id
    done(world, anna, commit)
    assert ask(world, anna, device, 2, unspent=128) is None
    assert get(world, anna, device, 2, unspent=4).card == first.id  # filled longest ago


def test_nothing_is_given_without_an_active_card(world: Lab, anna: User) -> None:
    device = register(world, anna)
    assert ask(world, anna, device, 0) is None
    card = enrolled(world, anna)
    assert ask(world, anna, device, 0) is None
    with pytest.raises(ConflictError, match="identifying"):
        ask(world, anna, device, 0, card=card.id)


def test_a_suspended_card_gets_no_package_not_even_an_old_one(world: Lab, anna: User) -> None:
    card, device = active(world, anna), register(world, anna)
    get(world, anna, device, 0)
    cards.change_standing(world.wallet_desk, anna, card.id, Verb.SUSPEND)
    assert ask(world, anna, device, 0) is None


def test_a_device_that_asks_all_day_is_stopped(
    world: Lab, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    active(world, anna)
    device = register(world, anna)
    monkeypatch.setattr(feed, "COMMITS_A_DAY", 3)
    for counter in range(3):
        get(world, anna, device, counter)
    with pytest.raises(ConflictError, match="too many"):
        ask(world, anna, device, 3)
    world.clock.advance(timedelta(days=1, seconds=1))
    assert ask(world, anna, device, 3) is not None


def test_an_acknowledgement_fits_its_commit(world: Lab, anna: User, boris: User) -> None:
    active(world, anna)
    device = register(world, anna)
    commit = get(world, anna, device, 0)
    count = len(commit.package.commands)
    with pytest.raises(DecodeError):
        done(world, anna, commit, [OK] * (count + 1))
    assert done(world, anna, commit, [OK] * (count - 1)).state is CommitState.FAILED
    assert done(world, anna, commit, [OK] * (count - 1) + [0x6A84]).state is CommitState.FAILED
    with pytest.raises(NotFoundError):
        feed.acknowledge(world.wallet_desk, anna, device, 9, [OK])
    with pytest.raises(NotFoundError):
        done(world, boris, commit)
    with pytest.raises(NotFoundError):
        ask(world, boris, device, 0)
