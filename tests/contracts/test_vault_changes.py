"""Suspension, deletion, history and kept answers, on each database there is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from tests.unit.roles.tsp.debits import BAND, NOW, VaultBench, card_number
from zheton.adapters.storage.database import Database
from zheton.core.debit import Admitted, Location
from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConflictError, EncodeError, NotFoundError
from zheton.core.token.batch import DISPUTE_WINDOW, Batch
from zheton.core.token.domain import Device
from zheton.core.token.lifecycle import Actor, BatchStatus, CardStatus, Cause, Verb
from zheton.roles.network.take import Refused, Taken, take
from zheton.roles.tsp.age import age_all
from zheton.roles.tsp.devices import change_device, register, settle, settle_all
from zheton.roles.tsp.dispute import close_dispute, open_dispute
from zheton.roles.tsp.feed import Cursor, events
from zheton.roles.tsp.history import OPERATOR, of_token
from zheton.roles.tsp.look import look, search
from zheton.roles.tsp.once import KEPT_FOR, UNDER_WAY_MAX, at_once, forget_answers, in_steps
from zheton.roles.tsp.provision import provision
from zheton.roles.tsp.scrub import kept_until, scrub
from zheton.roles.tsp.state import By, Card, Enrolment, Once, RegisteredDevice
from zheton.roles.tsp.suspend import change_batch, change_card
from zheton.roles.tsp.tokenise import Claimant, Tokenised, tokenise
from zheton.roles.tsp.view import Search

ISSUER, HOLDER = By(Actor.ISSUER, Cause.FRAUD_SUSPECTED), By(Actor.CARDHOLDER, Cause.DEVICE_LOST)


@pytest.fixture
def bench(url: str) -> Iterator[VaultBench]:
    database = Database(url)
    yield VaultBench(database)
    database.close()


def admitted(bench: VaultBench, batch: Batch, place: int) -> Admitted | Decline:
    (verdict,) = bench.examine(bench.at_till(batch, place))
    return verdict


def pays(bench: VaultBench, batch: Batch, place: int) -> bool:
    """Whether a number is taken; nothing is burnt if it is not."""
    before, verdict = bench.burnt(batch), admitted(bench, batch, place)
    if isinstance(verdict, Admitted):
        (outcome,) = take(bench.switch, [verdict], NOW)
        return isinstance(outcome, Taken)
    assert verdict.reason is Reason.SUSPENDED
    assert bench.burnt(batch) == before
    return False


def status(bench: VaultBench, batch: Batch) -> BatchStatus:
    with bench.vault.transaction() as tx:
        found = tx.held_batch(batch.bin, batch.batch, batch.generation)
    assert found is not None
    return found.status


def card_changed(bench: VaultBench, card: Card, verb: Verb, by: By = ISSUER) -> Card:
    with bench.vault.transaction() as tx:
        return change_card(tx, card.par, verb, by, NOW)


def device_changed(bench: VaultBench, verb: Verb, by: By = HOLDER, settled: bool = True) -> None:
    with bench.vault.transaction() as tx:
        change_device(tx, BAND.id, verb, by, NOW)
    if settled:
        settle(bench.vault, BAND.id, NOW)


# Who suspends holds


def test_each_lifts_only_the_own_hold(bench: VaultBench) -> None:
    batch = bench.leased()
    for actor in (Actor.CARDHOLDER, Actor.ISSUER):
        bench.change(batch.enrolment, Verb.SUSPEND, actor)
        with pytest.raises(ConflictError):
            bench.change(batch.enrolment, Verb.SUSPEND, actor)
        assert not pays(bench, batch, 0)
    with pytest.raises(ConflictError, match="suspended by cardholder, issuer"):
        bench.change(batch.enrolment, Verb.UNSUSPEND, Actor.WALLET)
    assert bench.change(batch.enrolment, Verb.UNSUSPEND).status is CardStatus.SUSPENDED
    assert not pays(bench, batch, 0)
    after = bench.change(batch.enrolment, Verb.UNSUSPEND, Actor.ISSUER)
    assert after.status is CardStatus.ACTIVE
    assert pays(bench, batch, 0)


def test_a_batch_is_held_by_itself_its_token_and_its_device(bench: VaultBench) -> None:
    batch = bench.leased()

    def alone(verb: Verb) -> None:
        with bench.vault.transaction() as tx:
            change_batch(tx, batch.enrolment, batch.name, verb, HOLDER, NOW)

    steps: list[Callable[[Verb], object]] = [
        alone,
        lambda verb: bench.change(batch.enrolment, verb),
        lambda verb: device_changed(bench, verb),
    ]
    for step in steps:
        step(Verb.SUSPEND)
        assert not pays(bench, batch, 0)
    for left, step in enumerate(steps, 1 - len(steps)):
        step(Verb.UNSUSPEND)
        assert pays(bench, batch, 0) is (left == 0)


def test_a_batch_of_another_token_is_not_there(bench: VaultBench) -> None:
    batch, (other, _) = bench.leased(), bench.enrolled(serial=2)
    for token, name in ((other.id, batch.name), (batch.enrolment, "0" * 16)):
        with pytest.raises(NotFoundError), bench.vault.transaction() as tx:
            change_batch(tx, token, name, Verb.SUSPEND, HOLDER, NOW)
    assert status(bench, batch) is BatchStatus.OFFERED


# Between look and burn


def test_a_card_suspended_between_look_and_burn_pays_nothing(bench: VaultBench) -> None:
    batch = bench.leased()
    verdict = admitted(bench, batch, 0)
    assert isinstance(verdict, Admitted)
    _, card = bench.enrolled()
    card_changed(bench, card, Verb.SUSPEND)
    (outcome,) = take(bench.switch, [verdict], NOW)
    assert isinstance(outcome, Refused)
    assert outcome.decline.reason is Reason.SUSPENDED
    with bench.vault.transaction() as tx:
        assert tx.paid_last(card) == 0


@pytest.mark.parametrize("what", ["token", "batch", "device"])
def test_whatever_is_suspended_between_look_and_burn_burns_nothing(
    bench: VaultBench, what: str
) -> None:
    batch = bench.leased()
    verdict = admitted(bench, batch, 0)
    assert isinstance(verdict, Admitted)
    if what == "token":
        bench.change(batch.enrolment, Verb.SUSPEND)
    elif what == "device":
        device_changed(bench, Verb.SUSPEND)
    else:
        with bench.vault.transaction() as tx:
            change_batch(tx, batch.enrolment, batch.name, Verb.SUSPEND, HOLDER, NOW)
    (outcome,) = take(bench.switch, [verdict], NOW)
    assert not isinstance(outcome, Taken | Refused)
    assert bench.burnt(batch) == 0


# Devices


def test_a_device_stops_over_all_cards_and_gets_nothing_new(bench: VaultBench) -> None:
    batches = [bench.leased(serial=serial) for serial in range(1, 7)]
    assert len({batch.bucket for batch in batches}) > 1
    device_changed(bench, Verb.SUSPEND)
    assert not any(pays(bench, batch, 0) for batch in batches)
    with pytest.raises(ConflictError, match="device is suspended"):
        provision(bench.desk, batches[0].enrolment, BAND.id, counter=1, batches=1, now=NOW)
    device_changed(bench, Verb.UNSUSPEND)
    assert all(pays(bench, batch, 0) for batch in batches)


def test_a_suspension_that_was_cut_is_gone_on_with(bench: VaultBench) -> None:
    batches = [bench.leased(serial=serial) for serial in range(1, 7)]
    device_changed(bench, Verb.SUSPEND, settled=False)
    assert status(bench, batches[0]) is BatchStatus.OFFERED
    assert settle_all(bench.vault, NOW) == 1
    assert {status(bench, batch) for batch in batches} == {BatchStatus.SUSPENDED}
    assert settle_all(bench.vault, NOW) == 0


def test_a_device_that_changes_in_the_middle_ends_as_it_was_last(bench: VaultBench) -> None:
    batches = [bench.leased(serial=serial) for serial in range(1, 7)]
    device_changed(bench, Verb.SUSPEND, settled=False)
    device_changed(bench, Verb.UNSUSPEND)
    settle(bench.vault, BAND.id, NOW)  # the first change's own, late
    assert settle_all(bench.vault, NOW) == 0
    assert {status(bench, batch) for batch in batches} == {BatchStatus.OFFERED}


def test_a_deleted_device_is_gone_for_good(bench: VaultBench) -> None:
    batch = bench.leased()
    device_changed(bench, Verb.DELETE)
    assert status(bench, batch) is BatchStatus.DELETED
    with pytest.raises(ConflictError):
        device_changed(bench, Verb.UNSUSPEND)
    with pytest.raises(ConflictError):
        register(bench.vault, RegisteredDevice("other", BAND.serial, Device.BAND))


# Deletion


def test_a_deleted_card_takes_its_tokens_and_is_found_no_more(bench: VaultBench) -> None:
    batch = bench.leased()
    first, card = bench.enrolled()  # a second claim to the same card
    gone = card_changed(bench, card, Verb.DELETE)
    assert gone.status is CardStatus.DELETED
    assert status(bench, batch) is BatchStatus.DELETED
    assert look(bench.vault, first.id).token.status is CardStatus.DELETED
    assert not pays(bench, batch, 0)
    for verb in Verb:
        with pytest.raises(ConflictError):
            card_changed(bench, card, verb)
    again, fresh = bench.enrolled()
    assert (fresh.id != card.id, fresh.par) == (True, card.par)
    assert look(bench.vault, again.id).status is CardStatus.ACTIVE
    assert card_changed(bench, fresh, Verb.SUSPEND).id == fresh.id


def sealed(bench: VaultBench, card: Card) -> bool:
    with bench.vault.transaction() as tx:
        found = tx.card(card.id)
    return bool(found and found.sealed_pan)


def approved(bench: VaultBench) -> None:
    """No debit is under way any more."""
    with bench.database.transaction() as connection:
        connection.execute(text("UPDATE debit SET state = 'approved'"))


def scrubbed(bench: VaultBench, now: datetime) -> int:
    """How many numbers background work erases, once time has done to batches what it does."""
    while age_all(bench.vault, now):
        pass
    return scrub(bench.vault, now)


def test_a_deleted_card_keeps_its_number_while_it_may_be_disputed(bench: VaultBench) -> None:
    paid, idle = bench.leased(), bench.leased(serial=2)
    assert pays(bench, paid, 0)
    approved(bench)
    cards = [bench.enrolled(serial=serial)[1] for serial in (1, 2)]
    for card in cards:
        card_changed(bench, card, Verb.DELETE)
    assert idle.card == cards[1].id
    with bench.vault.transaction() as tx:
        gone = [tx.card(card.id) for card in cards]
        until = [kept_until(card, tx.paid_last(card)) for card in gone if card]
    assert until[0] is not None
    assert scrub(bench.vault, NOW) == 1
    assert [sealed(bench, card) for card in cards] == [True, False]
    day_before = NOW.replace(hour=23) + (until[0] - NOW.date() - timedelta(days=1))
    assert (scrubbed(bench, day_before), sealed(bench, cards[0])) == (0, True)
    day = day_before + timedelta(hours=1)
    assert day.date() == until[0]
    assert (scrubbed(bench, day), sealed(bench, cards[0])) == (1, False)
    assert scrub(bench.vault, day) == 0
    with pytest.raises(NotFoundError, match="no longer kept"):
        bench.tokens.reveal_card(bench.looking_at(cards[0]))


def test_a_dispute_outlasts_the_number_of_a_deleted_card(bench: VaultBench) -> None:
    batch = bench.leased()
    assert pays(bench, batch, 0)
    approved(bench)
    (line,) = bench.vault.of_number(Location(batch.bin, batch.first_index))
    with bench.vault.transaction() as tx:
        assert open_dispute(tx, batch.enrolment, line.debit, NOW)
    card = card_changed(bench, bench.enrolled()[1], Verb.DELETE)
    closed = NOW + timedelta(days=400)
    assert (scrubbed(bench, closed), sealed(bench, card)) == (0, True)
    with bench.vault.transaction() as tx:
        assert close_dispute(tx, batch.enrolment, line.debit, closed)
    over = closed + DISPUTE_WINDOW
    assert (scrubbed(bench, over - timedelta(days=1)), sealed(bench, card)) == (0, True)
    assert (scrubbed(bench, over), sealed(bench, card)) == (1, False)


# History and events


def owned(bench: VaultBench, serial: int, requestor: str) -> Enrolment:
    """A token of a wallet."""
    bench.bank.tar = "00"
    envelope = bench.envelope(card_number(serial=serial))
    made = tokenise(bench.desk, envelope, "RU", NOW, Claimant(requestor))
    assert isinstance(made, Tokenised)
    return made.enrolment


def test_every_change_is_a_line_that_says_who_and_why(bench: VaultBench) -> None:
    token = owned(bench, 1, "wallet")
    bench.change(token.id, Verb.SUSPEND, Actor.ISSUER)
    bench.change(token.id, Verb.SUSPEND)
    bench.change(token.id, Verb.DELETE)
    lines = bench.vault.history_of_token(token.id, 0, 10)
    assert [(one.before, one.after, one.by.actor) for one in lines] == [
        ("", "active", "wallet"),
        ("active", "suspended", "issuer"),
        ("suspended", "suspended", "cardholder"),
        ("suspended", "deleted", "cardholder"),
    ]
    assert [one.ordinal for one in lines] == [1, 2, 3, 4]
    assert bench.vault.history_of_token(token.id, 2, 1) == lines[2:3]


def test_what_time_does_to_a_batch_is_in_the_history(bench: VaultBench) -> None:
    batch, later, window = bench.leased(), NOW + timedelta(days=200), timedelta(days=30)
    with bench.vault.transaction() as tx:
        assert tx.expire(batch.bucket, later, 9) == 1
        assert tx.rest(batch.bucket, later, window, 9) == 1
        assert tx.free(batch.bucket, later, window, 9) == 1
        assert tx.free(batch.bucket, later, window, 9) == 0
    lines = bench.vault.history_of_token(batch.enrolment, 0, 9)[1:]
    assert [(one.subject, one.before, one.after) for one in lines] == [
        (batch.name, "", "offered"),
        (batch.name, "offered", "expired"),
        (batch.name, "expired", "resting"),
        (batch.name, "resting", "free"),
    ]
    assert {one.by for one in lines[1:]} == {By(Actor.TOKEN_SERVICE, Cause.SCHEDULE)}


def test_a_change_that_fails_leaves_no_line(bench: VaultBench) -> None:
    token = owned(bench, 1, "wallet")
    with pytest.raises(ConflictError), bench.vault.transaction() as tx:
        tx.record([of_token(token, replace(token, status=CardStatus.DELETED), HOLDER, NOW)])
        raise ConflictError("Not after all.")
    bench.change(token.id, Verb.SUSPEND)
    assert [one.ordinal for one in bench.vault.history_of_token(token.id, 0, 9)] == [1, 2]


def test_events_are_all_there_in_order_and_nobody_elses(bench: VaultBench) -> None:
    tokens = [owned(bench, serial, "wallet") for serial in range(1, 9)]
    stranger = owned(bench, 9, "other")
    for token in (*tokens, stranger):
        bench.change(token.id, Verb.SUSPEND)
    cursor, seen = Cursor(), []
    while True:
        page, after = events(bench.vault, "wallet", Cursor.decode(cursor.encode()), 3)
        assert len(page) <= 3
        if not page:
            break
        seen += page
        cursor = after
    assert {one.token for one in seen} == {token.id for token in tokens}
    for token in tokens:
        assert [o.after for o in seen if o.token == token.id] == ["active", "suspended"]
    assert len({(one.bucket, one.ordinal) for one in seen}) == len(seen) == 16
    bench.change(tokens[0].id, Verb.UNSUSPEND)
    (new,), _ = events(bench.vault, "wallet", cursor, 3)
    assert (new.token, new.after) == (tokens[0].id, "active")


def test_the_issuers_change_of_a_card_reaches_the_wallets_of_its_tokens(bench: VaultBench) -> None:
    ours, theirs = owned(bench, 1, "wallet"), owned(bench, 1, "other")
    view = look(bench.vault, ours.id)
    card_changed(bench, view.card, Verb.SUSPEND, replace(ISSUER, id="clerk-7"))
    for token in (ours, theirs):
        told = bench.vault.history_of_token(token.id, 0, 9)[-1]
        assert (told.kind, told.after, told.by.actor) == ("card", "suspended", "issuer")
    (line,) = bench.vault.history_of(view.card.bucket, view.card.id, OPERATOR, 0, 9)
    assert line.by.id == "clerk-7"


# Search


def test_a_search_finds_what_it_names_and_is_paged(bench: VaultBench) -> None:
    tokens = [owned(bench, serial, "wallet") for serial in range(1, 8)]
    owned(bench, 8, "other")
    bench.change(tokens[0].id, Verb.SUSPEND)
    card = look(bench.vault, tokens[1].id).card

    def found(count: int = 50, **wanted: object) -> set[str]:
        names: list[str] = []
        after: str | None = ""
        while after is not None:
            wish = Search("wallet", **wanted)  # type: ignore[arg-type]
            page, after = search(bench.vault, wish, after, count)
            assert len(page) <= count
            names += [view.token.id for view in page]
        assert len(names) == len(set(names))
        return set(names)

    everything = {token.id for token in tokens}
    assert found() == found(count=1) == found(count=2) == everything
    assert found(status=CardStatus.SUSPENDED) == {tokens[0].id}
    assert found(par=card.par) == {tokens[1].id}
    assert found(last4=card.last4) == {tokens[1].id}
    assert found(serial=BAND.serial) == everything
    assert found(serial="ff" * 10) == set()
    assert found(changed_since=NOW) == everything
    assert found(changed_since=NOW + timedelta(seconds=1)) == set()
    assert len(search(bench.vault, Search(None), "", 50)[0]) == 8
    for cursor in ("zz", "ff" * 16, "0" * 31):
        with pytest.raises(EncodeError):
            search(bench.vault, Search(None), cursor, 1)


def test_a_token_counts_as_the_worst_of_what_it_needs(bench: VaultBench) -> None:
    enrolment, card = bench.enrolled()
    assert look(bench.vault, enrolment.id).status is CardStatus.ACTIVE
    device_changed(bench, Verb.SUSPEND)
    card_changed(bench, card, Verb.SUSPEND)
    view = look(bench.vault, enrolment.id)
    assert (view.status, view.token.status) == (CardStatus.SUSPENDED, CardStatus.ACTIVE)
    assert view.suspended_by == ["card: issuer", "device: cardholder"]


# Once


def once(mac: str = "aa", key: str = "key-0001", requestor: str = "wallet") -> Once:
    return Once(requestor, key, mac, NOW + UNDER_WAY_MAX)


def test_a_request_has_its_effect_once(bench: VaultBench) -> None:
    token, done = owned(bench, 1, "wallet"), []

    def work(tx: object) -> str:
        done.append(tx)
        return f'"{len(done)}"'

    assert at_once(bench.vault, once(), NOW, work) == ('"1"', False)
    assert at_once(bench.vault, once(), NOW, work) == ('"1"', True)
    assert at_once(bench.vault, once(requestor="other"), NOW, work) == ('"2"', False)
    with pytest.raises(EncodeError, match="another request"):
        at_once(bench.vault, once(mac="bb"), NOW, work)
    assert at_once(bench.vault, None, NOW, work) == ('"3"', False)
    later = NOW + KEPT_FOR
    assert at_once(bench.vault, once(), later - timedelta(seconds=1), work) == ('"1"', True)
    assert forget_answers(bench.vault, later) == 2
    assert at_once(bench.vault, once(mac="bb"), later, work) == ('"4"', False)
    assert look(bench.vault, token.id).status is CardStatus.ACTIVE


def test_an_error_leaves_its_key_free(bench: VaultBench) -> None:
    def fails(_: object) -> str:
        raise ConflictError("Not now.")

    for run in (at_once, in_steps):
        with pytest.raises(ConflictError, match="Not now"):
            run(bench.vault, once(), NOW, fails)
    assert at_once(bench.vault, once(), NOW, lambda _: '"well"') == ('"well"', False)


def test_a_request_under_way_is_said_so_until_it_is_given_up(bench: VaultBench) -> None:
    def asks_again(_: object) -> str:
        with pytest.raises(ConflictError, match="under way"):
            at_once(bench.vault, once(), NOW, lambda _: '"second"')
        return '"first"'

    assert in_steps(bench.vault, once(), NOW, asks_again) == ('"first"', False)
    assert in_steps(bench.vault, once(), NOW, asks_again) == ('"first"', True)

    def is_overtaken(keep: object) -> str:
        late = NOW + UNDER_WAY_MAX
        other = replace(once(key="key-0002"), deadline=late + UNDER_WAY_MAX)
        assert at_once(bench.vault, other, late, lambda _: '"other"') == ('"other"', False)
        with bench.vault.transaction() as tx:
            keep(tx, '"mine"')  # type: ignore[operator]
        return '"mine"'

    with pytest.raises(ConflictError, match="took too long"):
        in_steps(bench.vault, once(key="key-0002"), NOW, is_overtaken)
    late = NOW + UNDER_WAY_MAX
    assert at_once(bench.vault, once(key="key-0002"), late, lambda _: "x") == ('"other"', True)
