"""Users, devices, cards and online numbers: whose they are, and what a lost answer does."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.wallet_lab import ANNA, BORIS, EXPIRY, Lab, opened
from tests.wallet_lab import SERIAL as CHIP
from zheton.adapters.device_files import load_devices
from zheton.core.errors import (
    ConflictError,
    EncodeError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    VerificationError,
)
from zheton.core.money import money
from zheton.core.token.domain import Device
from zheton.core.token.lifecycle import CardStatus, Verb
from zheton.roles.wallet import cards, devices, transact, users
from zheton.roles.wallet.desk import WalletDesk
from zheton.roles.wallet.state import User, WalletCard

SERIAL = CHIP.hex()


def enrolled(world: Lab, user: User, pan: str = ANNA, region: str = "RU") -> WalletCard:
    envelope = world.envelope(pan, "06/28" if pan == BORIS else EXPIRY)
    return cards.enrol(world.wallet_desk, user, envelope, region, "", world.clock.now())


def active(world: Lab, user: User) -> WalletCard:
    card = enrolled(world, user)
    return cards.verify(world.wallet_desk, user, card.id, world.code())


def register(world: Lab, user: User, serial: str = SERIAL, profile: str = "mi-band-4-nfc") -> str:
    kind = profile if profile in load_devices() else "ring"
    shown = world.shown(bytes.fromhex(serial), kind)
    return devices.register(world.wallet_desk, user, serial, profile, shown, world.clock.now()).id


@dataclass
class LosesAnswers:
    """The way to the token service: what is asked is done, but the answer to `verb` is lost."""

    inner: Any
    verb: str

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if name != self.verb:
            return method

        def lost(*arguments: Any) -> None:
            method(*arguments)
            raise UnreachableError("The answer is lost.")

        return lost


def losing(world: Lab, verb: str) -> WalletDesk:
    tokens: Any = LosesAnswers(world.wallet_desk.tokens, verb)
    return replace(world.wallet_desk, tokens=tokens)


def test_a_user_is_known_by_the_token_that_was_told_once(desk: WalletDesk, world: Lab) -> None:
    user, token = users.sign_up(desk, "Anna", world.clock.now())
    assert users.authenticate(desk.store, token) == user
    assert token not in repr(user) and user.token_hash not in repr(user)
    for wrong in ("", token[:-1], token.upper(), user.token_hash):
        with pytest.raises(NotFoundError):
            users.authenticate(desk.store, wrong)


def test_a_device_is_registered_once(world: Lab, anna: User) -> None:
    first = register(world, anna)
    assert register(world, anna, SERIAL.upper()) == first
    (device,) = devices.devices_of(world.wallet_desk.store, anna)
    assert (device.id, device.serial, device.device_class) == (first, SERIAL, Device.BAND)
    with world.desk.vault.transaction() as tx:
        known = tx.device(first)
    assert known is not None and (known.serial, known.device) == (SERIAL, Device.BAND)


def test_a_chip_has_one_owner_and_one_kind(world: Lab, anna: User, boris: User) -> None:
    register(world, anna)
    with pytest.raises(ConflictError):
        register(world, boris)
    with pytest.raises(ConflictError):
        register(world, anna, profile="ring")
    with pytest.raises(NotFoundError, match="mi-band-3-nfc"):
        register(world, anna, profile="toaster")


def test_a_user_has_a_bounded_number_of_devices(world: Lab, anna: User) -> None:
    for n in range(devices.DEVICES_MAX):
        register(world, anna, f"{n:020x}")
    with pytest.raises(ConflictError, match="at most"):
        register(world, anna, "f" * 20)
    assert register(world, anna, f"{0:020x}")


def test_a_device_whose_registration_was_lost_is_registered_again(world: Lab, anna: User) -> None:
    with pytest.raises(UnreachableError):
        desk, shown = losing(world, "register_device"), world.shown(CHIP, "ring")
        devices.register(desk, anna, SERIAL, "ring", shown, world.clock.now())
    assert register(world, anna, profile="ring")


def test_a_card_waits_for_its_code(world: Lab, anna: User) -> None:
    card = enrolled(world, anna)
    assert card.token.status is CardStatus.IDENTIFYING
    assert card.title == "*0010" and card.token.delivery == "SMS +7 *** ***-12-34"
    done = cards.verify(world.wallet_desk, anna, card.id, world.code())
    assert done.token.status is CardStatus.ACTIVE
    assert cards.cards_of(world.wallet_desk.store, anna) == [done]
    with pytest.raises(ConflictError):
        cards.verify(world.wallet_desk, anna, card.id, "000000")


def test_three_wrong_codes_end_an_enrolment(world: Lab, anna: User) -> None:
    card = enrolled(world, anna)
    right = world.code()
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for left in (2, 1, 0):
        with pytest.raises(RefusedError, match=f"{left} tries") as refused:
            cards.verify(world.wallet_desk, anna, card.id, wrong)
        assert refused.value.reason == "identity-not-confirmed"
    with pytest.raises(RefusedError, match="No tries"):
        cards.verify(world.wallet_desk, anna, card.id, right)


def test_a_code_gets_old(world: Lab, anna: User) -> None:
    card = enrolled(world, anna)
    world.clock.advance(timedelta(minutes=10))
    with pytest.raises(RefusedError, match="too old"):
        cards.verify(world.wallet_desk, anna, card.id, world.code())


def test_resuming_is_no_way_around_the_code(world: Lab, anna: User) -> None:
    card = enrolled(world, anna)
    with pytest.raises(ConflictError, match="code"):
        cards.change_standing(world.wallet_desk, anna, card.id, Verb.UNSUSPEND)
    assert world.wallet_desk.tokens.look_up(card.token.reference).status is CardStatus.IDENTIFYING


def test_the_rule_that_refuses_is_named(world: Lab, anna: User) -> None:
    with pytest.raises(RefusedError, match=r"Mastercard only.*rule ru-network") as refused:
        enrolled(world, anna, "4111111111111111")
    assert refused.value.reason == "policy"
    assert cards.cards_of(world.wallet_desk.store, anna) == []


def test_a_bad_envelope_says_what_is_wrong_with_it(world: Lab, anna: User) -> None:
    desk, now = world.wallet_desk, world.clock.now()
    good = world.envelope(ANNA)
    head, key, nonce, content, tag = good.split(".")
    turned = "".join(reversed(content))
    with pytest.raises(VerificationError):
        cards.enrol(desk, anna, ".".join((head, key, nonce, turned, tag)), "RU", "", now)
    with pytest.raises(EncodeError):
        cards.enrol(desk, anna, "no envelope", "RU", "", now)
    with pytest.raises(EncodeError):
        world.envelope("5413330089600011")


def test_a_card_that_two_people_enter_has_two_claims(world: Lab, anna: User, boris: User) -> None:
    first, second = active(world, anna), enrolled(world, boris)
    assert first.token.reference != second.token.reference
    assert first.token.par == second.token.par
    assert second.token.status is CardStatus.IDENTIFYING
    cards.change_standing(world.wallet_desk, boris, second.id, Verb.DELETE)
    assert world.wallet_desk.tokens.look_up(first.token.reference).status is CardStatus.ACTIVE


def test_an_issuer_that_does_not_answer_leaves_no_card(world: Lab, anna: User) -> None:
    world.link.reachable = False
    with pytest.raises(UnreachableError):
        enrolled(world, anna)
    assert cards.cards_of(world.wallet_desk.store, anna) == []


def test_a_card_is_suspended_resumed_and_deleted(world: Lab, anna: User) -> None:
    card = active(world, anna)
    for verb, status in (
        (Verb.SUSPEND, CardStatus.SUSPENDED),
        (Verb.UNSUSPEND, CardStatus.ACTIVE),
        (Verb.DELETE, CardStatus.DELETED),
    ):
        for _ in range(2):  # asking twice is asking once
            changed = cards.change_standing(world.wallet_desk, anna, card.id, verb)
            assert changed.token.status is status
            assert cards.cards_of(world.wallet_desk.store, anna) == [changed]
    with pytest.raises(ConflictError):
        cards.change_standing(world.wallet_desk, anna, card.id, Verb.UNSUSPEND)


def test_a_lost_answer_is_found_out(world: Lab, anna: User) -> None:
    card = enrolled(world, anna)
    with pytest.raises(UnreachableError):
        cards.verify(losing(world, "activate"), anna, card.id, world.code())
    done = cards.verify(world.wallet_desk, anna, card.id, world.code())
    assert done.token.status is CardStatus.ACTIVE


def test_nobody_touches_what_is_another_users(world: Lab, anna: User, boris: User) -> None:
    card, device = active(world, anna), register(world, anna)
    desk = world.wallet_desk
    with pytest.raises(NotFoundError):
        cards.card_of(desk.store, boris, card.id)
    with pytest.raises(NotFoundError):
        cards.change_standing(desk, boris, card.id, Verb.SUSPEND)
    own = register(world, boris, "f" * 20)
    limit = money("10", "RUB")
    for card_id, device_id, user in (
        (card.id, own, boris),
        (card.id, own, anna),
        (card.id, device, boris),
    ):
        with pytest.raises(NotFoundError):
            transact.transact(desk, user, card_id, device_id, limit, merchant="", minutes=5)


def test_an_online_number_is_for_an_active_card(world: Lab, anna: User) -> None:
    desk, device = world.wallet_desk, register(world, anna)
    card = enrolled(world, anna)
    limit = money("10", "RUB")
    with pytest.raises(ConflictError):
        transact.transact(desk, anna, card.id, device, limit, merchant="", minutes=5)
    cards.verify(desk, anna, card.id, world.code())
    first, second = (
        transact.transact(desk, anna, card.id, device, limit, merchant="S", minutes=5)
        for _ in range(2)
    )
    numbers = [opened(each.sealed)["number"] for each in (first, second)]
    assert numbers[0] != numbers[1] and len(numbers[0]) == 16
    assert first.expires_at == world.clock.now() + timedelta(minutes=5)
    assert first.sealed not in repr(first)
