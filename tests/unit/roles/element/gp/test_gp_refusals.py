"""Only the holder of a domain's keys changes anything: each attempt is refused and counted."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.roles.element.conftest import (
    HOST_CHALLENGE,
    KEYS,
    MASTERCARD,
    SERIAL,
    make_package,
    make_profile,
)
from tests.unit.roles.element.gp.conftest import (
    C_MAC,
    FORGED,
    ISSUER_KEYS,
    Managed,
    changed,
)
from zheton.adapters.element_memory import TransientMemory
from zheton.core.emv import perso
from zheton.core.emv.apdu import Command
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.errors import UnreachableError, VerificationError
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import initialize_update, open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.roles.element.element import Interface
from zheton.roles.element.manufacture import manufacture
from zheton.roles.element.registry import FAILURES_MAX, ISSUER_DOMAIN_AID

LOCK = Command(0x80, 0xF0, 0x80, 0x7F)
MANAGING = {
    "DELETE": Command(0x80, 0xE4, 0, 0, bytes.fromhex("4F07A0000000041010")),
    "INSTALL": Command(0x80, 0xE6, 0x0C, 0, bytes(6)),
    "PUT KEY": Command(0x80, 0xD8, 0, 0x81, b"\x02"),
    "SET STATUS": LOCK,
    "STORE DATA": Command(0x80, 0xE2, 0x90, 0, bytes.fromhex("42020102")),
    "GET STATUS": Command(0x80, 0xF2, 0x80, 2, b"\x4f\0"),
}
DOMAINS = pytest.mark.parametrize("aid", [ISSUER_DOMAIN_AID, PAYMENT_DOMAIN_AID])


def failures(chip: Managed, aid: bytes) -> int:
    return next(domain.failures for domain in chip.state.domains if domain.aid == aid)


def unauthenticated(chip: Managed) -> int:
    chip.select_aid(ISSUER_DOMAIN_AID)
    return chip.send(LOCK).sw


def wrong_key(chip: Managed) -> int:
    return chip.fail(ISSUER_DOMAIN_AID)


def wrong_mac(chip: Managed) -> int:
    return chip.send(changed(chip.session().session.wrap(LOCK), -1)).sw


def changed_header(chip: Managed) -> int:
    wrapped = chip.session().session.wrap(replace(LOCK, p2=0x0F))
    return chip.send(replace(wrapped, p2=0x7F)).sw


def replayed(chip: Managed) -> int:
    talk = chip.session()
    wrapped = talk.session.wrap(MANAGING["GET STATUS"])
    assert chip.send(wrapped).ok
    return chip.send(wrapped).sw


def reordered(chip: Managed) -> int:
    session = chip.session().session
    session.wrap(MANAGING["GET STATUS"])
    return chip.send(session.wrap(LOCK)).sw


def of_another_session(chip: Managed) -> int:
    old = chip.session().session.wrap(LOCK)
    chip.session()
    return chip.send(old).sw


def of_another_domain(chip: Managed) -> int:
    """The session ends with the selection, so a command for one domain does nothing in another."""
    wrapped = chip.session(PAYMENT_DOMAIN_AID).session.wrap(LOCK)
    chip.select_aid(ISSUER_DOMAIN_AID)
    return chip.send(wrapped).sw


def stripped(chip: Managed) -> int:
    chip.session()
    return chip.send(LOCK).sw


def stripped_get_data(chip: Managed) -> int:
    chip.session()
    return chip.send(Command(0x80, 0xCA, 0x00, 0x66, le=256)).sw


@pytest.mark.parametrize(
    ("attempt", "sw"),
    [
        (unauthenticated, 0x6982),
        (wrong_key, 0x6300),
        (wrong_mac, 0x6988),
        (changed_header, 0x6988),
        (replayed, 0x6988),
        (reordered, 0x6988),
        (of_another_session, 0x6988),
        (of_another_domain, 0x6982),
        (stripped, 0x6982),
        (stripped_get_data, 0x6982),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_attempt_is_refused_counted_and_ends_the_session(
    chip: Managed, attempt: Callable[[Managed], int], sw: int
) -> None:
    before = chip.state
    assert attempt(chip) == sw
    assert failures(chip, ISSUER_DOMAIN_AID) == 1
    after = chip.state
    assert after.registry == before.registry
    assert after.cards == before.cards
    # Whatever comes now has no session any more, however it is made.
    assert chip.send(LOCK).sw == 0x6982
    chip.restart()
    assert failures(chip, ISSUER_DOMAIN_AID) == 2
    assert chip.session().send(0xF2, 0x80, 2, b"\x4f\0").ok
    assert failures(chip, ISSUER_DOMAIN_AID) == 0


@pytest.mark.parametrize("name", MANAGING)
def test_no_management_command_works_without_a_session(chip: Managed, name: str) -> None:
    before = chip.state
    for aid in (ISSUER_DOMAIN_AID, PAYMENT_DOMAIN_AID):
        chip.select_aid(aid)
        assert chip.send(MANAGING[name]).sw == 0x6982
        assert failures(chip, aid) == 1
    assert (chip.state.cards, chip.state.registry) == (before.cards, before.registry)


def test_a_level_without_encryption_brings_no_credentials(chip: Managed) -> None:
    """A downgraded session is refused although its MAC is right, and once an attempt only."""
    talk = chip.session(PAYMENT_DOMAIN_AID, C_MAC)
    package = make_package(make_profile(MASTERCARD), MASTERCARD, batch=9)
    first, *_ = perso.store_data_commands(package)
    assert chip.send(talk.session.wrap(first)).sw == 0x6982
    assert failures(chip, PAYMENT_DOMAIN_AID) == 1
    assert chip.element.credentials_left() == 4


def test_a_level_lowered_on_the_way_is_a_wrong_mac(chip: Managed) -> None:
    """P1 of EXTERNAL AUTHENTICATE is under its MAC, so nobody in between can lower it."""
    chip.select_aid(PAYMENT_DOMAIN_AID)
    opened = chip.send(initialize_update(HOST_CHALLENGE))
    answer = InitializeUpdateResponse.decode(opened.data)
    level = SecurityLevel.C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC
    _, authenticate = open_session(KEYS, level, HOST_CHALLENGE, answer)
    assert chip.send(replace(authenticate, p1=SecurityLevel.C_MAC)).sw == 0x6300
    assert failures(chip, PAYMENT_DOMAIN_AID) == 1


@pytest.mark.parametrize("p1", [0x00, 0x02, 0x10, 0x30, 0xFF])
def test_levels_that_scp03_lacks_are_refused(chip: Managed, p1: int) -> None:
    chip.select_aid()
    chip.send(initialize_update(HOST_CHALLENGE))
    assert chip.send(replace(FORGED, p1=p1)).sw == 0x6A86


@DOMAINS
def test_a_domain_locks_at_the_bound_and_the_count_outlives_the_power(
    chip: Managed, aid: bytes
) -> None:
    for _ in range(FAILURES_MAX):
        assert chip.fail(aid) == 0x6300
        chip.restart()
    assert chip.fail(aid) == 0x6983
    # Right keys do not help any more, nor is there a session to try a command in.
    assert chip.select_aid(aid).sw == 0x6283
    assert chip.send(initialize_update(HOST_CHALLENGE)).sw == 0x6983
    assert chip.send(FORGED).sw == 0x6983
    assert chip.send(LOCK).sw == 0x6983
    assert failures(chip, aid) == FAILURES_MAX
    # The other domain is as before, and so is paying.
    other = next(domain.aid for domain in chip.state.domains if domain.aid != aid)
    chip.session(other)
    chip.arm()
    assert chip.initiate().ok


def test_a_success_clears_the_count(chip: Managed) -> None:
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            assert chip.fail() == 0x6300
        chip.session()
        assert failures(chip, ISSUER_DOMAIN_AID) == 0


def test_the_issuer_domain_unlocks_the_payment_domain(chip: Managed) -> None:
    for _ in range(FAILURES_MAX):
        chip.fail(PAYMENT_DOMAIN_AID)
    talk = chip.session()
    assert talk.listed()[PAYMENT_DOMAIN_AID] == 0x8F
    assert talk.send(0xF0, 0x40, 0x00, PAYMENT_DOMAIN_AID).ok
    assert talk.listed()[PAYMENT_DOMAIN_AID] == 0x0F
    assert failures(chip, PAYMENT_DOMAIN_AID) == 0
    chip.session(PAYMENT_DOMAIN_AID)


def test_only_the_wearer_unlocks_the_issuer_domain(chip: Managed) -> None:
    for _ in range(FAILURES_MAX):
        chip.fail()
    chip.restart()
    assert chip.fail() == 0x6983
    chip.element.unlock_management()
    assert chip.session().send(0xF2, 0x80, 2, b"\x4f\0").ok


def test_a_session_ends_when_its_domain_is_locked_from_elsewhere() -> None:
    chip = Managed(laboratory=True)
    payment = chip.session(PAYMENT_DOMAIN_AID)
    chip.through = Interface.NFC
    assert chip.session().send(0xF0, 0x60, 0x80, PAYMENT_DOMAIN_AID).ok
    chip.through = Interface.HOST
    assert chip.send(payment.session.wrap(MANAGING["GET STATUS"])).sw == 0x6983


class FullMemory(TransientMemory):
    """A memory that keeps nothing more."""

    def store(self, image: bytes) -> None:
        raise UnreachableError("The disk is full.")


def test_what_cannot_be_counted_is_not_answered(chip: Managed) -> None:
    """The count is durable before the answer: else a cut is a guess for free."""
    chip.memory = FullMemory(chip.memory.load())
    chip.restart()
    assert chip.fail() == 0x6581
    with pytest.raises(AssertionError):
        chip.session()


def test_a_reader_can_neither_lock_nor_learn(chip: Managed) -> None:
    """In production the field knows no management at all, and counts nothing of it."""
    chip.through = Interface.NFC
    before = chip.memory.load()
    for _ in range(FAILURES_MAX + 1):
        for aid in (ISSUER_DOMAIN_AID, PAYMENT_DOMAIN_AID, b""):
            assert chip.select_aid(aid).sw == 0x6A82
        assert chip.send(initialize_update(HOST_CHALLENGE)).sw == 0x6D00
        assert chip.send(FORGED).sw == 0x6E00
        for command in MANAGING.values():
            assert chip.send(command).sw == 0x6D00
        for tag in (0x66, 0x67, 0xE0, 0xC1, 0x42, 0x45, 0x9F7F):
            assert chip.send(Command(0x80, 0xCA, tag >> 8, tag & 0xFF, le=256)).sw == 0x6A88
    assert chip.memory.load() == before


def test_the_wallets_keys_do_not_open_the_payment_domain(chip: Managed) -> None:
    with pytest.raises(VerificationError):
        chip.session(PAYMENT_DOMAIN_AID, keys=ISSUER_KEYS)
    with pytest.raises(VerificationError):
        chip.session(ISSUER_DOMAIN_AID, keys=KEYS)


def test_a_chip_without_issuer_keys_lets_nobody_manage_it() -> None:
    memory = TransientMemory()
    manufacture(memory, serial=SERIAL, payment_keys=KEYS)
    chip = Managed(memory=memory)
    assert chip.select_aid().ok
    assert chip.send(initialize_update(HOST_CHALLENGE)).sw == 0x6A88
