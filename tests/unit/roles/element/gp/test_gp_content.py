"""INSTALL, DELETE, GET STATUS and STORE DATA of the issuer domain: what the registry says of it."""

import pytest

from tests.unit.roles.element.conftest import (
    KEYS,
    MASTERCARD,
    PASSCODE,
    UNIONPAY,
    make_package,
    make_profile,
    tags_of,
)
from tests.unit.roles.element.gp.conftest import Managed, lv
from zheton.core.emv import perso, tlv
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.scp03.channel import SecurityLevel
from zheton.roles.element.registry import (
    ISSUER_DOMAIN_AID,
    LOAD_FILE_AID,
    MODULE_AID,
    ApplicationState,
)
from zheton.roles.element.wearing import Verdict

SECOND = UNIONPAY.aid
ENCRYPTED = SecurityLevel.C_DECRYPTION_C_MAC
PERSONALIZED = 0x0F


def personalise(chip: Managed, *, batch: int = 7) -> int:
    package = make_package(make_profile(UNIONPAY, 2), UNIONPAY, batch=batch)
    return chip.store(package)[-1]


def test_the_registry_begins_with_what_the_factory_made(chip: Managed) -> None:
    talk = chip.session()
    assert talk.listed(0x80) == {ISSUER_DOMAIN_AID: 0x0F}
    assert talk.listed(0x40) == {PAYMENT_DOMAIN_AID: 0x0F, MASTERCARD.aid: PERSONALIZED}
    assert talk.listed(0x20) == talk.listed(0x10) == {LOAD_FILE_AID: 0x01}


def test_an_application_is_installed_selectable_and_personalised(chip: Managed) -> None:
    talk = chip.session()
    assert talk.install(SECOND, 0x04).data == b"\0"
    assert talk.listed()[SECOND] == 0x03
    assert personalise(chip) == 0x6985  # GPC, 5.3.1.1: only what is selectable works
    talk = chip.session()
    assert talk.send(0xE6, 0x08, 0, lv(b"", b"", SECOND, b"\0", b"", b"")).ok
    assert talk.listed()[SECOND] == 0x07
    assert chip.select(SECOND).sw == 0x6A82  # there is no card in it yet
    assert personalise(chip) == 0x9000
    assert chip.session().listed()[SECOND] == PERSONALIZED
    assert chip.state.registry.instances == ()
    assert chip.select(SECOND).ok


def test_a_card_brings_its_application_where_none_was_installed(chip: Managed) -> None:
    assert personalise(chip) == 0x9000
    assert chip.session().listed()[SECOND] == PERSONALIZED


def test_install_for_personalization_names_who_gets_the_package(chip: Managed) -> None:
    chip.session().install(SECOND)
    package = make_package(make_profile(UNIONPAY, 2), UNIONPAY, batch=7)
    for target, sw in ((MASTERCARD.aid, 0x9000), (SECOND, 0x9000), (b"\xa0" * 6, 0x6A88)):
        talk = chip.session(PAYMENT_DOMAIN_AID, ENCRYPTED)
        assert talk.send(0xE6, 0x20, 0, lv(b"", b"", target, b"", b"", b"")).sw == sw
        for block in perso.store_data_commands(package):
            assert talk.send(0xE2, block.p1, block.p2, block.data).ok
    assert chip.session().listed()[SECOND] == PERSONALIZED


def test_a_package_for_another_application_than_announced_changes_nothing(chip: Managed) -> None:
    chip.session().install(SECOND)
    talk = chip.session(PAYMENT_DOMAIN_AID, ENCRYPTED)
    assert talk.send(0xE6, 0x20, 0, lv(b"", b"", SECOND, b"", b"", b"")).ok
    before = chip.state
    package = make_package(make_profile(MASTERCARD), MASTERCARD, batch=9)
    blocks = perso.store_data_commands(package)
    answers = [talk.send(0xE2, block.p1, block.p2, block.data).sw for block in blocks]
    assert set(answers[:-1]) == {0x9000}
    assert answers[-1] == 0x6A80
    assert chip.state == before


@pytest.mark.parametrize(
    ("p1", "data", "sw"),
    [
        (0x02, lv(LOAD_FILE_AID, b"", b"", b"", b"", b""), 0x6A81),
        (0x10, lv(b"", b"", SECOND, b"", b"", b""), 0x6A81),
        (0x20, lv(b"", b"", MASTERCARD.aid, b"", b"", b""), 0x6985),
        (0x0C, lv(b"\xa0" * 6, MODULE_AID, SECOND, b"\0", b"", b""), 0x6A88),
        (0x0C, lv(LOAD_FILE_AID, b"\xa0" * 6, SECOND, b"\0", b"", b""), 0x6A88),
        (0x0C, lv(LOAD_FILE_AID, MODULE_AID, MASTERCARD.aid, b"\0", b"", b""), 0x6985),
        (0x0C, lv(LOAD_FILE_AID, MODULE_AID, PAYMENT_DOMAIN_AID, b"\0", b"", b""), 0x6985),
        (0x0C, lv(LOAD_FILE_AID, MODULE_AID, b"\xa0" * 4, b"\0", b"", b""), 0x6A80),
        (0x0C, lv(LOAD_FILE_AID, MODULE_AID, SECOND, b"\x80", b"", b""), 0x6A80),
        (0x0C, lv(LOAD_FILE_AID, MODULE_AID, SECOND, b"\0", b"\xca\0", b""), 0x6A80),
        (0x0C, lv(LOAD_FILE_AID, MODULE_AID, SECOND, b"\0", b"", b"token"), 0x6A80),
        (0x0C, lv(LOAD_FILE_AID, MODULE_AID, SECOND, b"\0", b""), 0x6A80),
        (0x0C, lv(LOAD_FILE_AID, MODULE_AID, SECOND, b"\0", b"") + b"\x09", 0x6A80),
        (0x0C, b"", 0x6A80),
        (0x08, lv(b"", b"", SECOND, b"\0", b"", b""), 0x6A88),
    ],
)
def test_what_install_refuses(chip: Managed, p1: int, data: bytes, sw: int) -> None:
    before = chip.session().chip.state
    talk = chip.session()
    assert talk.send(0xE6, p1, 0, data).sw == sw
    assert chip.state.registry == before.registry
    assert talk.send(0xE6, p1, 1, data).sw in (0x6A86, 0x6985)


def test_applications_are_bounded_by_the_device() -> None:
    chip = Managed(device="ring")
    talk = chip.session()
    names = [bytes.fromhex("A00000000410") + bytes((at,)) for at in range(2)]
    assert [talk.install(name).sw for name in names] == [0x9000, 0x6A84]
    package = make_package(make_profile(MASTERCARD), MASTERCARD)
    assert chip.store(package)[-1] == 0x6A84
    assert chip.session().send(0xE4, 0, 0, tlv.encode(0x4F, names[0])).ok
    assert chip.store(package)[-1] == 0x9000


def test_delete_takes_an_application_with_all_that_it_holds(chip: Managed) -> None:
    assert personalise(chip) == 0x9000
    chip.arm()
    talk = chip.session()
    assert talk.send(0xE4, 0, 0, tlv.encode(0x4F, MASTERCARD.aid)).data == b"\0"
    assert MASTERCARD.aid not in talk.listed()
    assert chip.select(MASTERCARD.aid).sw == 0x6A82
    assert chip.element.status(chip.now).armed_card is None
    number = make_package(make_profile(MASTERCARD), MASTERCARD)[2].value[8:16]
    assert number not in (chip.memory.load() or b"")
    assert talk.send(0xE4, 0, 0, tlv.encode(0x4F, MASTERCARD.aid)).sw == 0x6A88


def test_the_wipe_leaves_nothing_to_pay_with(chip: Managed) -> None:
    assert personalise(chip) == 0x9000
    talk = chip.session()
    talk.install(bytes.fromhex("A0000000041099"))
    assert talk.send(0xE4, 0, 0x80, tlv.encode(0x4F, LOAD_FILE_AID)).ok
    assert talk.listed() == {PAYMENT_DOMAIN_AID: 0x0F}
    assert talk.listed(0x20) == {LOAD_FILE_AID: 0x01}
    assert chip.element.credentials_left() == 0
    chip.load()  # the provider's keys are as they were
    assert chip.element.credentials_left() == 4


@pytest.mark.parametrize(
    ("p2", "data", "sw"),
    [
        (0x00, tlv.encode(0x4F, LOAD_FILE_AID), 0x6985),
        (0x00, tlv.encode(0x4F, PAYMENT_DOMAIN_AID), 0x6985),
        (0x80, tlv.encode(0x4F, ISSUER_DOMAIN_AID), 0x6985),
        (0x00, tlv.encode(0x4F, b"\xa0" * 7), 0x6A88),
        (0x00, tlv.encode(0x84, MASTERCARD.aid), 0x6A80),
        (0x00, b"\x4f\x09", 0x6A80),
        (0x00, b"", 0x6A80),
        (0x40, tlv.encode(0x4F, MASTERCARD.aid), 0x6A86),
    ],
)
def test_what_delete_refuses(chip: Managed, p2: int, data: bytes, sw: int) -> None:
    assert chip.session().send(0xE4, 0, p2, data).sw == sw
    assert chip.element.credentials_left() == 4


def test_the_payment_domain_manages_no_content(chip: Managed) -> None:
    """It sees its own and personalises it; what is installed and locked is the wallet's to say."""
    talk = chip.session(PAYMENT_DOMAIN_AID)
    assert talk.listed(0x40) == {PAYMENT_DOMAIN_AID: 0x0F, MASTERCARD.aid: PERSONALIZED}
    assert talk.send(0xF2, 0x80, 2, b"\x4f\0").sw == 0x6A88
    assert talk.install(SECOND).sw == 0x6985
    assert talk.send(0xE4, 0, 0, tlv.encode(0x4F, MASTERCARD.aid)).sw == 0x6985
    assert talk.send(0xF0, 0x80, 0x7F).sw == 0x6985
    assert talk.send(0xF0, 0x40, 0x80, MASTERCARD.aid).sw == 0x6985


def test_a_long_registry_comes_in_parts_at_every_level() -> None:
    chip = Managed()
    names = [bytes.fromhex("A000000004") + bytes([at]) * 11 for at in range(6)]
    assert all(chip.session().install(name).ok for name in names)
    for level in SecurityLevel:
        talk = chip.session(level=level)
        first = talk.send(0xF2, 0x40, 2, b"\x4f\0")
        assert first.sw == 0x6310
        assert len(first.data) <= 239
        assert talk.listed() == {PAYMENT_DOMAIN_AID: 0x0F} | dict.fromkeys(
            names, ApplicationState.SELECTABLE
        )
        assert talk.send(0xF2, 0x40, 3, b"\x4f\0").sw == 0x6A88


def test_get_status_searches_and_tells_what_is_asked_for(chip: Managed) -> None:
    personalise(chip)
    talk = chip.session()
    found = talk.send(0xF2, 0x40, 2, bytes.fromhex("4F05A000000004"))
    entry = tags_of(found)
    assert entry[0x4F] == MASTERCARD.aid
    assert (entry[0xC4], entry[0xCC]) == (LOAD_FILE_AID, PAYMENT_DOMAIN_AID)
    assert entry[0xC5] == bytes(3)
    only = talk.send(0xF2, 0x40, 2, bytes.fromhex("4F05A0000000045C034F9F70"))
    assert tags_of(only).keys() == {0x4F, 0x9F70}
    assert tags_of(talk.send(0xF2, 0x10, 2, b"\x4f\0"))[0x84] == MODULE_AID
    assert 0x84 not in tags_of(talk.send(0xF2, 0x20, 2, b"\x4f\0"))


@pytest.mark.parametrize(
    ("p1", "p2", "data", "sw"),
    [
        (0x40, 0x02, "4F07A0000000999999", 0x6A88),
        (0x40, 0x03, "4F00", 0x6A88),
        (0x40, 0x00, "4F00", 0x6A86),
        (0x41, 0x02, "4F00", 0x6A86),
        (0x40, 0x02, "", 0x6A80),
        (0x40, 0x02, "5C014F", 0x6A80),
        (0x40, 0x02, "4F004F00", 0x6A80),
        (0x40, 0x02, "4F00840100", 0x6A80),
        (0x40, 0x02, "4F005C019F", 0x6A80),
        (0x40, 0x02, "4F11" + "A0" * 17, 0x6A80),
    ],
)
def test_what_get_status_refuses(chip: Managed, p1: int, p2: int, data: str, sw: int) -> None:
    assert chip.session().send(0xF2, p1, p2, bytes.fromhex(data)).sw == sw


def test_the_issuer_writes_the_cards_numbers(chip: Managed) -> None:
    talk = chip.session()
    assert talk.send(0xE2, 0x10, 0, bytes.fromhex("4203")).ok
    assert talk.send(0xE2, 0x90, 1, bytes.fromhex("0102034502CAFE")).ok
    assert talk.send(0xCA, 0, 0x42).data == bytes.fromhex("4203010203")
    assert talk.send(0xCA, 0, 0x45).data == bytes.fromhex("4502CAFE")
    for data, sw in (("4200", 0x6A80), ("9F7F0101", 0x6A88), ("42", 0x6A80)):
        assert talk.send(0xE2, 0x90, 0, bytes.fromhex(data)).sw == sw
    assert talk.send(0xE2, 0x88, 0, bytes.fromhex("D00100")).sw == 0x6A86
    chip.restart()
    assert chip.state.registry.issuer_identification == bytes((1, 2, 3))


def test_the_wallet_unlocks_the_passcode_and_can_not_choose_one(chip: Managed) -> None:
    chip.element.put_on()
    assert chip.element.set_passcode(PASSCODE).right
    for _ in range(3):
        chip.element.enter_passcode("0000", chip.now)
    assert chip.element.enter_passcode(PASSCODE, chip.now).verdict is Verdict.LOCKED
    talk = chip.session()
    for tries, sw in ((0, 0x6A80), (4, 0x6A80), (3, 0x9000), (3, 0x9000)):
        assert talk.send(0xE2, 0x90, 0, bytes((0x9F, 0x17, 1, tries))).sw == sw
    assert not chip.element.status(chip.now).verified
    assert chip.element.enter_passcode(PASSCODE, chip.now).right


def test_the_keys_of_the_payment_domain_stay_when_the_wallet_does_its_worst(chip: Managed) -> None:
    talk = chip.session()
    talk.send(0xE4, 0, 0x80, tlv.encode(0x4F, LOAD_FILE_AID))
    talk.send(0xE4, 0, 0, bytes.fromhex("D20101"))
    assert chip.state.payment_domain.key_sets[0].keys == KEYS
