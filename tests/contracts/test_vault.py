"""What every vault must do, run on each database there is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import inspect, text

from tests.unit.roles.tsp.debits import NOW, VaultBench, card_number, make_keys
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.vault import SqlVault
from zheton.core.debit import Admitted, DebitState, Journalled, Location, Place
from zheton.core.decline import Reason
from zheton.core.errors import ConflictError, VerificationError
from zheton.core.money import money
from zheton.core.token.batch import BATCH_SIZE, BUCKETS, Batch
from zheton.core.token.control_sheet import Setting
from zheton.core.token.domain import VELOCITY_MAX, Channel, Device, refuse_counted
from zheton.core.token.lifecycle import Actor, BatchStatus, CardStatus, Cause
from zheton.roles.tsp.controls import Wish, controls_of, set_controls
from zheton.roles.tsp.state import By, Kind, OnlineNumber, RegisteredDevice

PLACE = Place("400001", "MSK1", "MSKCOFFEE", "Kofeynya", "RU", "5814")
BY = By(Actor.CARDHOLDER, Cause.CARDHOLDER_REQUEST)
TOMORROW = NOW + timedelta(days=1)
LATER = NOW + timedelta(seconds=1)


@pytest.fixture
def bench(url: str) -> Iterator[VaultBench]:
    database = Database(url)
    yield VaultBench(database)
    database.close()


@pytest.fixture
def vault(bench: VaultBench) -> SqlVault:
    return bench.vault


def claim(bench: VaultBench, batch: Batch, place: int, amount: str = "350") -> Admitted:
    """A debit whose proof was right."""
    debit = replace(bench.read(bench.at_till(batch, place)), amount=money(amount, "RUB"))
    (verdict,) = bench.tokens.examine([bench.read(bench.at_till(batch, place))], NOW)
    assert isinstance(verdict, Admitted), verdict
    return replace(verdict, debit=debit)


def line(claimed: Admitted, state: DebitState = DebitState.PENDING) -> Journalled:
    debit = claimed.debit
    return Journalled(
        debit=debit.repeat_key[-32:].rjust(32, "0"),
        repeat_key=debit.repeat_key,
        digest=debit.digest,
        at=debit.at,
        generation=claimed.generation,
        card=claimed.card.id,
        par=claimed.card.par,
        state=state,
        amount=debit.amount,
        place=debit.place,
        stan=debit.stan,
        transmitted=debit.transmitted,
        retrieval_reference=debit.retrieval_reference,
        received_at=NOW,
    )


def burnt(bench: VaultBench, *claims: Admitted) -> set[Location]:
    with bench.vault.transaction() as tx:
        return tx.burn(claims, NOW)


def status(bench: VaultBench, batch: Batch) -> BatchStatus:
    at = Location(batch.bin, batch.first_index)
    return bench.vault.leases([at])[at].batch.status


# Leases


def test_a_lease_comes_back_as_it_was_written(bench: VaultBench) -> None:
    batch = bench.leased()
    places = [Location(batch.bin, batch.first_index + n) for n in (0, 63)]
    found = bench.vault.leases([*places, Location(batch.bin, batch.first_index + 64)])
    assert set(found) == set(places)
    for at in places:
        assert found[at].batch == batch
        assert found[at].card.id == batch.card
        assert found[at].online is None
    assert bench.vault.leases([]) == {}


def test_the_same_number_may_be_asked_twice(bench: VaultBench) -> None:
    batch = bench.leased()
    at = Location(batch.bin, batch.first_index)
    assert set(bench.vault.leases([at, at])) == {at}


def test_no_two_leases_share_an_index(bench: VaultBench) -> None:
    batches = [bench.leased(serial=serial) for serial in (1, 1, 1, 2, 2, 3)]
    assert len({(b.bin, b.batch) for b in batches}) == len(batches)
    assert all(b.bucket == b.batch % BUCKETS == int(b.card[:2], 16) for b in batches)


# Burning


def test_each_bit_is_won_once(bench: VaultBench) -> None:
    batch = bench.leased()
    for place in range(BATCH_SIZE):
        claimed = claim(bench, batch, place)
        assert burnt(bench, claimed) == {claimed.debit.at}
        assert burnt(bench, claimed) == set()
        expected = (1 << (place + 1)) - 1
        assert bench.burnt(batch) & (1 << 64) - 1 == expected
        whole = place == BATCH_SIZE - 1
        assert status(bench, batch) is (BatchStatus.SPENT if whole else BatchStatus.ACTIVE)
    assert bench.burnt(batch) == -1


def test_the_highest_bit_alone(bench: VaultBench) -> None:
    batch = bench.leased()
    assert len(burnt(bench, claim(bench, batch, 63))) == 1
    assert bench.burnt(batch) == -(1 << 63)
    assert len(burnt(bench, claim(bench, batch, 0))) == 1
    assert bench.burnt(batch) == -(1 << 63) + 1


def test_a_group_burns_in_many_batches_at_once(bench: VaultBench) -> None:
    batches = [bench.leased(serial=serial) for serial in range(1, 21)]
    claims = [claim(bench, batch, n % 64) for n, batch in enumerate(batches)]
    first, rest = claims[:5], claims[5:]
    assert len(burnt(bench, *first)) == 5
    assert burnt(bench, *claims) == {each.debit.at for each in rest}


def test_a_group_may_not_burn_twice_in_a_batch(bench: VaultBench) -> None:
    batch = bench.leased()
    claims = [claim(bench, batch, 0), claim(bench, batch, 1)]
    with pytest.raises(ValueError, match="one number of a batch"):
        burnt(bench, *claims)
    assert bench.burnt(batch) == 0


def test_another_generation_burns_nothing(bench: VaultBench) -> None:
    batch = bench.leased()
    assert burnt(bench, replace(claim(bench, batch, 0), generation=1)) == set()
    assert bench.burnt(batch) == 0


@pytest.mark.parametrize("now", list(BatchStatus))
def test_only_a_batch_that_is_out_burns(bench: VaultBench, now: BatchStatus) -> None:
    batch = bench.leased()
    claimed = claim(bench, batch, 0)
    bench.set_status(batch, now)
    out = now in (BatchStatus.OFFERED, BatchStatus.PROVISIONED, BatchStatus.ACTIVE)
    assert len(burnt(bench, claimed)) == out
    assert (bench.burnt(batch) != 0) == out


# Limits


def spent(bench: VaultBench, claimed: Admitted, now: datetime = NOW) -> bool:
    with bench.vault.transaction() as tx:
        return bool(tx.spend([claimed], now))


def limited(bench: VaultBench, token: str, **document: object) -> None:
    """Set the controls of a whole card, over all its devices."""
    edition = controls_of(bench.vault, token).edition
    wish = Wish(token, True, document, edition, BY)
    set_controls(bench.vault, bench.rules, wish, NOW)


def test_a_day_has_an_amount(bench: VaultBench) -> None:
    batch = bench.leased()
    claimed = claim(bench, batch, 0, "4000")
    assert [spent(bench, claimed) for _ in range(4)] == [True, True, True, False]
    assert not spent(bench, claim(bench, batch, 1, "0.01"))
    assert spent(bench, claimed, TOMORROW)


def test_a_day_that_is_over_comes_back_by_no_clock_that_is_behind(bench: VaultBench) -> None:
    batch = bench.leased()
    claimed = claim(bench, batch, 0, "4000")
    assert [spent(bench, claimed, TOMORROW) for _ in range(2)] == [True, True]
    assert [spent(bench, claimed, NOW) for _ in range(2)] == [True, False], "as of the later day"
    assert not spent(bench, claimed, TOMORROW)


def test_a_day_has_a_count(bench: VaultBench) -> None:
    claimed = claim(bench, bench.leased(), 0, "0.01")
    assert [spent(bench, claimed) for _ in range(7)] == [True] * 6 + [False]
    assert spent(bench, claimed, TOMORROW)


def test_another_currency_counts_but_does_not_add(bench: VaultBench) -> None:
    claimed = claim(bench, bench.leased(), 0)
    dollars = replace(claimed, debit=replace(claimed.debit, amount=money("9000000", "USD")))
    assert [spent(bench, dollars) for _ in range(5)] == [True] * 5
    assert spent(bench, claimed)
    assert not spent(bench, claimed)


def test_all_batches_of_a_card_share_its_limit_and_no_other_card_does(bench: VaultBench) -> None:
    first, second = bench.leased(), bench.leased()
    other = bench.leased(serial=2)
    assert spent(bench, claim(bench, first, 0, "5000"))
    assert spent(bench, claim(bench, second, 0, "5000"))
    assert not spent(bench, claim(bench, first, 1, "5000"))
    assert spent(bench, claim(bench, other, 0, "5000"))


def test_a_velocity_slides(bench: VaultBench) -> None:
    """Three in any ten minutes: the fourth waits until the first is ten minutes old."""
    batch = bench.leased()
    limited(bench, batch.enrolment, velocity={"debits": 3, "minutes": 10}, dayCount=6)
    claimed = claim(bench, batch, 0, "1")
    at = [NOW + timedelta(minutes=m) for m in (0, 4, 8, 9)]
    assert [spent(bench, claimed, moment) for moment in at] == [True, True, True, False]
    first_is_old = NOW + timedelta(minutes=10)
    assert not spent(bench, claimed, first_is_old - timedelta(milliseconds=1))
    assert spent(bench, claimed, first_is_old)
    assert not spent(bench, claimed, NOW + timedelta(minutes=13, seconds=59))
    assert spent(bench, claimed, NOW + timedelta(minutes=14))
    with bench.vault.transaction() as tx:
        assert not tx.spend([claimed], NOW + timedelta(minutes=15))
        (counted,) = tx.counted([claimed]).values()
    assert (counted.day_debits, counted.day_minor) == (5, 500)
    assert counted.recent == tuple(NOW + timedelta(minutes=m) for m in (14, 10, 8, 4, 0))
    refusal = refuse_counted(counted, claimed.debit.amount, NOW + timedelta(minutes=15))
    assert (refusal.reason, refusal.rule) == (Reason.VELOCITY, "card.velocity")


def test_a_card_remembers_as_many_moments_as_a_velocity_may_need(bench: VaultBench) -> None:
    batch = bench.leased()
    limited(bench, batch.enrolment, velocity={"debits": VELOCITY_MAX, "minutes": 10_080})
    with bench.database.transaction() as connection:
        connection.execute(text("UPDATE card SET debits_per_day = 1000"))
    claimed = claim(bench, batch, 0, "0.01")
    moments = [NOW + timedelta(days=n // 10, milliseconds=n) for n in range(VELOCITY_MAX)]
    assert all(spent(bench, claimed, moment) for moment in moments)
    assert not spent(bench, claimed, NOW + timedelta(days=6))
    assert spent(bench, claimed, NOW + timedelta(days=7))
    with bench.vault.transaction() as tx:
        (counted,) = tx.counted([claimed]).values()
    assert counted.recent == (NOW + timedelta(days=7), *reversed(moments[1:]))


def test_only_the_edition_that_was_read_is_replaced(bench: VaultBench) -> None:
    batch = bench.leased()
    limited(bench, batch.enrolment, dayCount=1)
    stale = Wish(batch.enrolment, True, {}, 0, BY)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        set_controls(bench.vault, bench.rules, stale, NOW)
    changes = bench.vault.history_of_token(batch.enrolment, 0, 9)
    (line,) = [each for each in changes if each.kind is Kind.CONTROLS]
    assert (line.subject, line.before, line.after, line.by) == (batch.card, "", "1", BY)
    now = controls_of(bench.vault, batch.enrolment)
    assert (now.edition, now.limits.debits_per_day) == (1, 1)
    assert now.sheet.card == Setting({"dayCount": 1}, "cardholder", "cardholder-request", NOW)


def test_a_suspended_card_spends_nothing(bench: VaultBench) -> None:
    claimed = claim(bench, bench.leased(), 0)
    with bench.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE card SET status = 'suspended'")
    assert not spent(bench, claimed)


def test_a_group_spends_once_on_a_card(bench: VaultBench) -> None:
    batch = bench.leased()
    claims = [claim(bench, batch, 0), claim(bench, batch, 1)]
    with bench.vault.transaction() as tx, pytest.raises(ValueError, match="once on a card"):
        tx.spend(claims, NOW)


# The journal


def test_a_debit_is_journalled_once(bench: VaultBench) -> None:
    batch = bench.leased()
    first, second = (line(claim(bench, batch, place)) for place in (0, 1))
    with bench.vault.transaction() as tx:
        assert tx.append([first]) == {first.repeat_key}
        changed = replace(first, debit="f" * 32, amount=money("1", "RUB"))
        assert tx.append([changed, second]) == {second.repeat_key}
    keys = [(each.at.bucket, each.repeat_key) for each in (first, second)]
    assert bench.vault.seen(keys) == {first.repeat_key: first, second.repeat_key: second}
    assert bench.vault.seen([(first.at.bucket, "nothing")]) == {}


def test_a_group_that_says_a_debit_twice_journals_it_once(bench: VaultBench) -> None:
    once = line(claim(bench, bench.leased(), 0))
    with bench.vault.transaction() as tx:
        assert tx.append([once, replace(once, debit="f" * 32)]) == {once.repeat_key}


def test_every_field_of_a_line_survives(bench: VaultBench) -> None:
    whole = replace(
        line(claim(bench, bench.leased(), 63), DebitState.APPROVED),
        place=Place("40000100001", "T:1 :'", "M" * 15, "Кофейня", "RU", "5814"),
        amount=money("9999999999.99", "RUB"),
        received_at=NOW + timedelta(milliseconds=7),
        response_code="00",
        auth_code="A1B2C3",
        issuer_authentication_data=bytes(range(16)),
        reason="policy",
    )
    with bench.vault.transaction() as tx:
        tx.append([whole])
        assert tx.seen([(whole.at.bucket, whole.repeat_key)]) == {whole.repeat_key: whole}
    assert bench.vault.of_number(whole.at) == [whole]


def test_an_outcome_is_written_once(bench: VaultBench) -> None:
    pending = line(claim(bench, bench.leased(), 0))
    approved = replace(
        pending,
        state=DebitState.APPROVED,
        response_code="00",
        auth_code="A1B2C3",
        issuer_authentication_data=b"\1\2",
    )
    declined = replace(pending, state=DebitState.DECLINED, response_code="51", reason="x")
    with bench.vault.transaction() as tx:
        assert tx.finish([approved]) == set()
        tx.append([pending])
        assert tx.finish([approved]) == {pending.debit}
        assert tx.finish([declined]) == set()
    assert bench.vault.of_number(pending.at) == [approved]
    assert bench.vault.pending(9, LATER, "") == []


@pytest.mark.parametrize("state", list(DebitState))
def test_only_what_is_open_or_approved_is_undone(bench: VaultBench, state: DebitState) -> None:
    before = line(claim(bench, bench.leased(), 0), state)
    undoable = state in (DebitState.PENDING, DebitState.APPROVED)
    with bench.vault.transaction() as tx:
        tx.append([before])
        assert tx.undo(before) == undoable
        assert not tx.undo(before)
    after = replace(before, state=DebitState.REVERSED, edition=1)
    assert bench.vault.of_number(before.at) == [after if undoable else before]
    assert bench.vault.reversals_due(9) == ([after] if undoable else [])
    if undoable:
        with bench.vault.transaction() as tx:
            tx.want_reversal(after, due=False)
        assert bench.vault.reversals_due(9) == []


def test_the_wallet_hears_of_every_outcome_and_of_its_change(bench: VaultBench) -> None:
    pending = line(claim(bench, bench.leased(), 0))
    approved = replace(pending, state=DebitState.APPROVED, response_code="00")
    enrolment = bench.vault.leases([pending.at])[pending.at].batch.enrolment
    with bench.vault.transaction() as tx:
        tx.append([pending])
    assert bench.vault.untold(9) == []
    with bench.vault.transaction() as tx:
        tx.finish([approved])
    assert bench.vault.untold(9) == [(enrolment, approved)]
    with bench.vault.transaction() as tx:
        tx.undo(approved)
        tx.mark_told([approved])  # what was told is not what is there now
    (told,) = bench.vault.untold(9)
    assert told[1].state is DebitState.REVERSED
    with bench.vault.transaction() as tx:
        tx.mark_told([told[1]])
    assert bench.vault.untold(9) == []


def test_a_list_is_as_long_as_asked_at_most(bench: VaultBench) -> None:
    batch = bench.leased()
    lines = [line(claim(bench, batch, place)) for place in range(3)]
    with bench.vault.transaction() as tx:
        tx.append(lines)
    assert len(bench.vault.pending(2, LATER, "")) == 2
    assert len(bench.vault.pending(9, LATER, "")) == 3


def test_what_is_open_is_found_by_its_age_or_its_mark_the_oldest_first(bench: VaultBench) -> None:
    batch = bench.leased()
    lines = [
        replace(line(claim(bench, batch, n)), debit=mark * 16, received_at=NOW - timedelta(hours=n))
        for n, mark in enumerate(("aa", "bb", "ab"))
    ]
    with bench.vault.transaction() as tx:
        tx.append(lines)
    young, old, oldest = lines
    assert bench.vault.pending(9, LATER, "") == [oldest, old, young]
    assert bench.vault.pending(2, LATER, "") == [oldest, old]
    assert bench.vault.pending(9, NOW, "") == [oldest, old]
    assert bench.vault.pending(9, NOW, "aaaa") == [oldest, old, young]
    assert bench.vault.pending(9, NOW - timedelta(hours=1), "aaaa") == [oldest, young]
    assert bench.vault.pending(9, NOW - timedelta(hours=2), "") == []
    with bench.vault.transaction() as tx:
        tx.finish([replace(each, state=DebitState.TIMED_OUT) for each in lines])
        for each in lines:
            tx.want_reversal(replace(each, state=DebitState.TIMED_OUT), due=True)
    for found in (bench.vault.reversals_due(9), [each for _, each in bench.vault.untold(9)]):
        assert [each.debit for each in found] == [each.debit for each in (oldest, old, young)]


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        ("debit_pending", "state = 'pending' AND received_ms < 7 ORDER BY received_ms"),
        ("debit_reversal_due", "reversal_due ORDER BY received_ms"),
        (
            "debit_untold",
            "NOT told AND state NOT IN ('pending', 'blocked') ORDER BY received_ms",
        ),
    ],
)
def test_what_is_rare_is_found_by_its_index(bench: VaultBench, index: str, asked: str) -> None:
    is_sqlite = bench.database.engine.dialect.name == "sqlite"
    with bench.database.reading() as connection:
        if not is_sqlite:  # with no rows every plan costs the same
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        rows = connection.execute(text(f"{explain} SELECT * FROM debit WHERE {asked} LIMIT 9"))  # noqa: S608
        plan = " ".join(str(row) for row in rows)
    assert index in plan
    assert "sort" not in plan.lower() and "b-tree" not in plan.lower()


def test_a_transaction_that_is_rolled_back_leaves_nothing(bench: VaultBench) -> None:
    batch = bench.leased()
    claimed = claim(bench, batch, 0)
    with pytest.raises(ZeroDivisionError), bench.vault.transaction() as tx:
        assert tx.burn([claimed], NOW)
        assert tx.spend([claimed], NOW)
        assert tx.append([line(claimed)])
        raise ZeroDivisionError
    assert bench.burnt(batch) == 0
    assert bench.vault.pending(9, LATER, "") == []
    assert [spent(bench, claim(bench, batch, 0, "4000")) for _ in range(3)] == [True] * 3


# Cards, enrolments, online numbers


def test_a_card_is_found_by_its_keyed_index_alone(bench: VaultBench) -> None:
    _, card = bench.enrolled()
    keys = make_keys()
    with bench.vault.transaction() as tx:
        assert tx.card_by_index(keys.pan_indexes(card_number())[0]) == card
        assert tx.card_by_index(keys.pan_indexes(card_number(serial=2))[0]) is None
        assert tx.card(card.id) == card
        assert tx.card("ff" * 16) is None
        assert tx.card("no id") is None


def test_swapped_ciphertexts_do_not_open(bench: VaultBench) -> None:
    cards = [bench.enrolled(serial=serial)[1] for serial in (1, 2)]
    swap = [(cards[1 - n].sealed_pan, card.id) for n, card in enumerate(cards)]
    with bench.database.transaction() as connection:
        for sealed, name in swap:
            change = text("UPDATE card SET sealed_pan = :sealed WHERE card = :name")
            connection.execute(change, {"sealed": sealed, "name": name})
    for card in cards:
        with pytest.raises(VerificationError):
            bench.tokens.reveal_card(bench.looking_at(card))


def test_a_ciphertext_is_bound_to_bucket_card_and_key_version(bench: VaultBench) -> None:
    _, card = bench.enrolled()
    keys, version, sealed = make_keys(), card.pan_key_version, card.sealed_pan
    assert keys.open_pan(version, sealed, card.bucket, card.id) == card_number()
    torn = sealed[:-1] + bytes((sealed[-1] ^ 1,))
    for wrong in (
        (version + 1, sealed, card.bucket, card.id),
        (version, sealed, card.bucket + 1, card.id),
        (version, sealed, card.bucket, card.id[::-1]),
        (version, torn, card.bucket, card.id),
        (version, b"", card.bucket, card.id),
    ):
        with pytest.raises(VerificationError):
            keys.open_pan(*wrong)


def test_no_table_holds_a_card_number_or_a_one_time_number(bench: VaultBench) -> None:
    batch = bench.leased()
    claimed = claim(bench, batch, 0)
    with bench.vault.transaction() as tx:
        tx.burn([claimed], NOW)
        tx.append([line(claimed)])
    credential = bench.online()
    held = everything(bench)
    assert claimed.card.par in held
    assert card_number().reveal() not in held
    assert claimed.debit.number not in held
    assert credential.number not in held
    assert f"'{credential.code}'" not in held


def everything(bench: VaultBench) -> str:
    """Every row of every table, bytes as hex and as Latin-1."""
    shown = []
    with bench.database.reading() as connection:
        for name in inspect(connection).get_table_names():
            for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"').all():  # noqa: S608
                values = [v.hex() + v.decode("latin-1") if isinstance(v, bytes) else v for v in row]
                shown.append(repr(values))
    return "\n".join(shown)


def test_an_enrolment_changes_only_from_what_was_read(bench: VaultBench) -> None:
    before, _ = bench.enrolled()
    suspended = replace(before, status=CardStatus.SUSPENDED)
    with bench.vault.transaction() as tx:
        assert tx.change_enrolment(before, suspended, NOW)
        assert not tx.change_enrolment(before, suspended, NOW)
        assert not tx.change_enrolment(replace(suspended, tries_left=1), before, NOW)
        found = tx.enrolment(before.id)
        assert found is not None
        assert found[0] == suspended
        assert tx.enrolment("ff" * 16) is None


def test_a_device_is_what_it_was_registered_as(vault: SqlVault) -> None:
    device = RegisteredDevice("ring-1", "ff" * 10, Device.RING)
    with vault.transaction() as tx:
        tx.add_device(device)
        assert tx.device("ring-1") == device
        assert tx.device_by_serial("ff" * 10) == device
        assert tx.device("ring-2") is None
        assert tx.device_by_serial("00") is None


def test_places_of_an_online_batch_are_given_out_once(bench: VaultBench) -> None:
    batch = bench.leased(channel=Channel.ONLINE)
    taken: list[int] = []
    with bench.vault.transaction() as tx:
        found = tx.enrolment(batch.enrolment)
        assert found is not None
        while (place := tx.take_online_place(found[0], NOW)) is not None:
            assert (place[0].bin, place[0].batch) == (batch.bin, batch.batch)
            taken.append(place[1])
    assert taken == list(range(BATCH_SIZE))


def test_a_till_batch_or_an_ended_one_has_no_places(bench: VaultBench) -> None:
    till = bench.leased(serial=1)
    online = bench.leased(serial=2, channel=Channel.ONLINE)
    with bench.vault.transaction() as tx:
        for batch, now in ((till, NOW), (online, online.until)):
            found = tx.enrolment(batch.enrolment)
            assert found is not None
            assert tx.take_online_place(found[0], now) is None


def bind(bench: VaultBench, batch: Batch, merchant: str = "", generation: int = 0) -> OnlineNumber:
    number = OnlineNumber(
        batch.bin, batch.first_index, generation, 100_000, "643", NOW + timedelta(hours=1), merchant
    )
    with bench.vault.transaction() as tx:
        tx.add_online_number(number)
    return number


def test_a_shop_binds_a_number_and_no_other_shop_after_it(bench: VaultBench) -> None:
    batch = bench.leased(channel=Channel.ONLINE)
    bind(bench, batch)
    claimed = claim(bench, batch, 0)
    other = replace(claimed.debit, place=replace(claimed.debit.place, merchant="MSKTEA"))

    def bound(debit: Admitted) -> bool:
        with bench.vault.transaction() as tx:
            return tx.bind_shop([debit]) == {debit.debit.at}

    assert not bound(replace(claimed, generation=1))
    assert bound(claimed)
    assert bound(claimed)
    assert not bound(replace(claimed, debit=other))


def test_a_code_is_tried_as_often_as_allowed_in_each_generation(bench: VaultBench) -> None:
    batch = bench.leased(channel=Channel.ONLINE)
    number = bind(bench, batch)
    bind(bench, batch, generation=1)
    at = Location(number.bin, number.index)
    with bench.vault.transaction() as tx:
        assert [tx.use_code_try(at, 0, 3) for _ in range(4)] == [True, True, True, False]
        assert tx.use_code_try(at, 1, 3)
        assert not tx.use_code_try(at, 2, 3)
        assert not tx.use_code_try(Location(number.bin, number.index + 1), 0, 3)
    lease = bench.vault.leases([at])[at]
    assert lease.online == replace(number, codes_tried=3)


def test_numbers_that_are_left_are_counted(bench: VaultBench) -> None:
    batch = bench.leased()
    assert bench.vault.count_unburnt(batch.enrolment) == BATCH_SIZE
    burnt(bench, claim(bench, batch, 9))
    assert bench.vault.count_unburnt(batch.enrolment) == BATCH_SIZE - 1
    assert bench.vault.count_unburnt("ff" * 16) == 0


@pytest.mark.parametrize("kind", ["sqlite-file", "postgresql"], indirect=True)
def test_it_is_all_there_when_it_is_opened_again(url: str) -> None:
    first = VaultBench(Database(url))
    batch = first.leased()
    claimed = claim(first, batch, 0)
    burnt(first, claimed)
    first.database.close()
    again = VaultBench(Database(url))
    assert again.burnt(batch) == 1
    assert again.vault.leases([claimed.debit.at])[claimed.debit.at].batch.card == batch.card
    again.database.close()
