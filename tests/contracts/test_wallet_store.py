"""What every wallet store has to do, on each database there is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.wallet import WalletDatabase
from zheton.core.debit import DebitState
from zheton.core.errors import ConflictError
from zheton.core.money import money
from zheton.core.token.domain import Device as DeviceClass
from zheton.core.token.lifecycle import CardStatus
from zheton.roles.wallet.ports import WalletStore, WalletTx
from zheton.roles.wallet.state import (
    Commit,
    CommitState,
    DebitNotice,
    Device,
    Package,
    Token,
    User,
    WalletCard,
)

NOW = datetime(2019, 9, 2, 9, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
USER = User("a" * 32, "Анна", "b" * 64, NOW)
DEVICE = Device("d" * 32, USER.id, "0" * 20, "mi-band-4-nfc", DeviceClass.BAND, NOW)
TOKEN = Token("e" * 32, CardStatus.IDENTIFYING, "mastercard", "0010", "2912", "5" * 29, "SMS")
CARD = WalletCard("c" * 32, USER.id, "Моя карта", "RU", TOKEN, NOW)
PACKAGE = Package((b"\x00\xa4\x04\x00", b"\x84\xe2" + bytes(250)), 64)
COMMIT = Commit(DEVICE.id, 1, CARD.id, 7, PACKAGE, CommitState.OFFERED, NOW)
NOTICE = DebitNotice(
    debit="d1",
    token=TOKEN.reference,
    at=NOW,
    merchant_name="Кофе",
    amount=money("3.5", "KWD"),
    held=money("2.25", "KWD"),
    refunded=money("1.125", "KWD"),
    state=DebitState.APPROVED,
    edition=2,
    response_code="00",
    reason="",
    number_last4="1234",
)


@pytest.fixture
def store(url: str) -> Iterator[WalletStore]:
    database = Database(url)
    yield WalletDatabase(database)
    database.close()


def fill(tx: WalletTx) -> None:
    tx.add_user(USER)
    tx.add_device(DEVICE)
    tx.add_card(CARD)
    tx.add_commit(COMMIT)
    tx.put_notice(NOTICE, CARD.id)


def test_everything_comes_back_as_it_went_in(store: WalletStore) -> None:
    with store.transaction() as tx:
        fill(tx)
    with store.transaction() as tx:
        assert tx.user_by_token(USER.token_hash) == USER
        assert tx.device(DEVICE.id) == tx.device_by_serial(DEVICE.serial) == DEVICE
        assert tx.devices(USER.id) == [DEVICE]
        assert tx.card(CARD.id) == tx.card_by_token(TOKEN.reference) == CARD
        assert tx.cards(USER.id) == [CARD]
        assert tx.last_commit(DEVICE.id) == tx.commit(DEVICE.id, 1) == COMMIT
        assert tx.notice("d1") == NOTICE
        assert tx.notices(CARD.id, 10) == [NOTICE]


def test_what_is_not_there_is_none(store: WalletStore) -> None:
    with store.transaction() as tx:
        singles = (
            tx.user_by_token("x"),
            tx.device("x"),
            tx.device_by_serial("x"),
            tx.card("x"),
            tx.card_by_token("x"),
            tx.last_commit("x"),
            tx.commit("x", 1),
            tx.filled_at("x", "y"),
            tx.notice("x"),
        )
        assert singles == (None,) * len(singles)
        assert not [*tx.devices("x"), *tx.cards("x"), *tx.notices("x", 5)]
        assert tx.commits_since("x", NOW) == 0


@pytest.mark.parametrize("what", ["user", "device", "card", "commit"])
def test_nothing_is_there_twice_and_the_rest_of_the_transaction_is_undone(
    store: WalletStore, what: str
) -> None:
    with store.transaction() as tx:
        fill(tx)
    with pytest.raises(ConflictError) as refused, store.transaction() as tx:
        tx.put_notice(replace(NOTICE, debit="d2"), CARD.id)
        if what == "user":
            tx.add_user(replace(USER, id="f" * 32))
        elif what == "device":
            tx.add_device(replace(DEVICE, id="f" * 32))
        elif what == "card":
            tx.add_card(replace(CARD, id="f" * 32))
        else:
            tx.add_commit(replace(COMMIT, counter=8))
    assert USER.token_hash not in str(refused.value) and DEVICE.serial not in str(refused.value)
    with store.transaction() as tx:
        assert tx.notice("d2") is None


def test_a_token_changes_and_its_reference_stays(store: WalletStore) -> None:
    active = replace(TOKEN, status=CardStatus.ACTIVE, expiry="3001", delivery="")
    with store.transaction() as tx:
        fill(tx)
        tx.set_token(CARD.id, active)
        assert tx.card(CARD.id) == replace(CARD, token=active)


def test_lists_are_in_order_and_of_their_owner(store: WalletStore) -> None:
    second = replace(CARD, id="1" * 32, token=replace(TOKEN, reference="1" * 32), added_at=LATER)
    other = replace(CARD, id="2" * 32, user="f" * 32, token=replace(TOKEN, reference="2" * 32))
    ring = replace(DEVICE, id="1" * 32, serial="1" * 20, registered_at=LATER)
    with store.transaction() as tx:
        for card in (second, other, CARD):
            tx.add_card(card)
        for device in (ring, DEVICE):
            tx.add_device(device)
        assert tx.cards(USER.id) == [CARD, second]
        assert tx.devices(USER.id) == [DEVICE, ring]


def test_commits_of_a_device(store: WalletStore) -> None:
    later = replace(COMMIT, number=2, made_at=LATER)
    foreign = replace(COMMIT, device="f" * 32, number=3)
    with store.transaction() as tx:
        for commit in (COMMIT, later, foreign):
            tx.add_commit(commit)
        assert tx.last_commit(DEVICE.id) == later
        assert tx.commits_since(DEVICE.id, NOW) == 2
        assert tx.commits_since(DEVICE.id, LATER) == 1
        assert tx.filled_at(DEVICE.id, CARD.id) is None
        assert tx.set_commit_state(COMMIT, CommitState.DONE)
        assert tx.filled_at(DEVICE.id, CARD.id) == NOW
        assert not tx.set_commit_state(COMMIT, CommitState.FAILED)  # it is not OFFERED any more
        assert tx.commit(DEVICE.id, 1) == replace(COMMIT, state=CommitState.DONE)


def test_a_debit_has_one_line(store: WalletStore) -> None:
    reversed_ = replace(NOTICE, state=DebitState.REVERSED, reason="customer")
    newer = replace(NOTICE, debit="d0", at=LATER)
    with store.transaction() as tx:
        for notice in (NOTICE, newer, reversed_):
            tx.put_notice(notice, CARD.id)
        assert tx.notices(CARD.id, 10) == [newer, reversed_]
        assert tx.notices(CARD.id, 1) == [newer]
