"""PUT KEY, key sets and their versions; and what GET DATA tells of them and of the card."""

from datetime import date

import pytest

from tests.unit.roles.element.conftest import HOST_CHALLENGE, KEYS, SERIAL
from tests.unit.roles.element.gp.conftest import (
    ISSUER_KEYS,
    NEW_KEYS,
    OWNER,
    Managed,
    key_data,
)
from zheton.adapters.element_memory import TransientMemory
from zheton.core.crypto.kcv import kcv_aes
from zheton.core.emv import tlv
from zheton.core.emv.apdu import Command
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.errors import ConfigurationError, VerificationError
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import initialize_update
from zheton.core.scp03.keys import StaticKeys
from zheton.roles.element.manufacture import manufacture
from zheton.roles.element.registry import ISSUER_DOMAIN_AID, WELL_KNOWN_KEYS, Domain

DOMAINS = pytest.mark.parametrize("aid", [ISSUER_DOMAIN_AID, PAYMENT_DOMAIN_AID])


def keys_of(size: int) -> StaticKeys:
    return StaticKeys(*(bytes(range(start, start + size)) for start in (0x10, 0x50, 0x90)))


@DOMAINS
@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("level", list(SecurityLevel))
def test_a_new_set_of_any_size_opens_sessions_at_every_level(
    chip: Managed, aid: bytes, size: int, level: SecurityLevel
) -> None:
    keys, before = keys_of(size), domain(chip, aid).key_sets[0].sequence
    answer = chip.session(aid, level).put_keys(keys, 0x30, 0, OWNER[aid].dek)
    checks = b"".join(map(kcv_aes, (keys.enc, keys.mac, keys.dek)))
    assert answer.data == b"\x30" + checks
    chip.restart()
    talk = chip.session(aid, level, keys, version=0x30)
    assert talk.send(0xF2, 0x40, 2, b"\x4f\0").ok
    # The one that was first is the one that P1 = 0 means; each counts for itself.
    chip.session(aid, level)
    assert [each.sequence for each in domain(chip, aid).key_sets] == [before + 2, 1]


def domain(chip: Managed, aid: bytes) -> Domain:
    return next(each for each in chip.state.domains if each.aid == aid)


@DOMAINS
def test_a_replaced_set_opens_nothing_any_more(chip: Managed, aid: bytes) -> None:
    for _ in range(3):
        chip.session(aid)
    talk = chip.session(aid)
    assert talk.put_keys(NEW_KEYS, 2, 1, OWNER[aid].dek).ok
    assert talk.send(0xF2, 0x40, 2, b"\x4f\0").ok  # its session goes on
    with pytest.raises(VerificationError):
        chip.session(aid)
    chip.session(aid, keys=NEW_KEYS)
    assert [(each.version, each.sequence) for each in domain(chip, aid).key_sets] == [(2, 1)]


def test_key_sets_are_bounded_and_can_go(chip: Managed) -> None:
    talk = chip.session()
    for version in (2, 3, 4):
        assert talk.put_keys(NEW_KEYS, version, 0, ISSUER_KEYS.dek).ok
    assert talk.put_keys(NEW_KEYS, 5, 0, ISSUER_KEYS.dek).sw == 0x6A84
    assert talk.put_keys(NEW_KEYS, 4, 0, ISSUER_KEYS.dek).sw == 0x6A80
    assert talk.put_keys(NEW_KEYS, 3, 2, ISSUER_KEYS.dek).sw == 0x6A80
    assert talk.put_keys(NEW_KEYS, 6, 5, ISSUER_KEYS.dek).sw == 0x6A88
    for version in (1, 2, 3):
        assert talk.send(0xE4, 0, 0, bytes((0xD2, 1, version))).ok
    assert talk.send(0xE4, 0, 0, bytes((0xD2, 1, 3))).sw == 0x6A88
    assert talk.send(0xE4, 0, 0, bytes((0xD2, 1, 4))).sw == 0x6985
    assert talk.send(0xE4, 0, 0, bytes.fromhex("D00101D20104")).sw == 0x6A80
    chip.session(keys=NEW_KEYS)


def test_a_domain_changes_its_own_keys_only(chip: Managed) -> None:
    """There is no command by which the wallet's keys replace the provider's, or the reverse."""
    before = chip.state
    assert chip.session().put_keys(NEW_KEYS, 1, 1, ISSUER_KEYS.dek).ok
    assert chip.state.payment_domain == before.payment_domain
    assert chip.session(PAYMENT_DOMAIN_AID).put_keys(NEW_KEYS, 1, 1, KEYS.dek).ok
    assert chip.state.payment_domain.key_sets[0].keys == NEW_KEYS


def turned(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


GOOD = key_data(NEW_KEYS, 2, ISSUER_KEYS.dek)


@pytest.mark.parametrize(
    ("p1", "p2", "data", "sw"),
    [
        (0, 0x81, turned(GOOD, 4), 0x9485),
        (0, 0x81, turned(GOOD, 21), 0x9485),
        (0, 0x81, key_data(NEW_KEYS, 2, KEYS.dek), 0x9485),
        (0, 0x81, GOOD.replace(b"\x88", b"\x80"), 0x9484),
        (0, 0x81, GOOD[:-1], 0x6A80),
        (0, 0x81, GOOD + b"\0", 0x6A80),
        (0, 0x81, GOOD[: 1 + 2 * 23], 0x6A80),
        (0, 0x81, turned(GOOD, 2), 0x6A80),
        (0, 0x81, turned(GOOD, 3), 0x6A80),
        (0, 0x81, turned(GOOD, 20), 0x6A80),
        (0, 0x81, b"\x80" + GOOD[1:], 0x6A80),
        (0, 0x81, b"\x00" + GOOD[1:], 0x6A80),
        (0, 0x81, b"", 0x6A80),
        (0, 0x01, GOOD, 0x6A86),
        (0, 0x82, GOOD, 0x6A86),
        (0x80, 0x81, GOOD, 0x6A86),
        (0, 0x81, key_data(WELL_KNOWN_KEYS, 2, ISSUER_KEYS.dek), 0x6A80),
        (
            0,
            0x81,
            key_data(
                StaticKeys(NEW_KEYS.enc, NEW_KEYS.mac, WELL_KNOWN_KEYS.dek), 2, ISSUER_KEYS.dek
            ),
            0x6A80,
        ),
    ],
)
def test_keys_that_are_refused_change_nothing(
    chip: Managed, p1: int, p2: int, data: bytes, sw: int
) -> None:
    talk = chip.session()
    before = chip.memory.load()
    assert talk.send(0xD8, p1, p2, data).sw == sw
    assert chip.memory.load() == before


def test_well_known_keys_are_for_laboratories() -> None:
    known = WELL_KNOWN_KEYS
    for payment, issuer in ((known, ISSUER_KEYS), (KEYS, known), (known, None)):
        with pytest.raises(ConfigurationError, match="everybody knows"):
            manufacture(TransientMemory(), serial=SERIAL, payment_keys=payment, issuer_keys=issuer)
        manufacture(
            TransientMemory(),
            serial=SERIAL,
            payment_keys=payment,
            issuer_keys=issuer,
            laboratory=True,
        )
    lab = Managed(laboratory=True)
    assert lab.session().put_keys(WELL_KNOWN_KEYS, 2, 0, ISSUER_KEYS.dek).ok
    lab.session(keys=WELL_KNOWN_KEYS, version=2)


def told(chip: Managed, tag: int) -> bytes:
    answer = chip.send(Command(0x80, 0xCA, tag >> 8, tag & 0xFF, le=256))
    assert answer.ok, f"{tag:X}: {answer.sw:04X}"
    return answer.data


def test_what_the_issuer_domain_tells_everybody_on_its_link() -> None:
    memory = TransientMemory()
    made_on = date(2026, 2, 3)
    manufacture(memory, serial=SERIAL, payment_keys=KEYS, issuer_keys=ISSUER_KEYS, made_on=made_on)
    chip = Managed(memory=memory)
    assert chip.send(Command(0x80, 0xCA, 0, 0x66)).sw == 0x6985  # nothing is selected
    chip.select_aid()
    chip.send(initialize_update(HOST_CHALLENGE))
    recognition = tlv.find(told(chip, 0x66), 0x66, 0x73)
    assert recognition is not None
    assert tlv.find(recognition, 0x60, 0x06) == bytes.fromhex("2A864886FC6B02020301")  # 2.3.1
    assert tlv.find(recognition, 0x64, 0x06) == bytes.fromhex("2A864886FC6B040370")  # SCP03, i=70
    capabilities = told(chip, 0x67)
    assert tlv.find(capabilities, 0x67, 0xA0, 0x80) == b"\x03"
    assert tlv.find(capabilities, 0x67, 0xA0, 0x81) == b"\x70"
    assert told(chip, 0xE0).hex() == "e012c00401018810c00402018810c00403018810"
    assert told(chip, 0xC1).hex() == "c103000000"
    assert told(chip, 0x45) == b"\x45\x0a" + SERIAL
    life_cycle = told(chip, 0x9F7F)
    assert (len(life_cycle), life_cycle[:3].hex()) == (45, "9f7f2a")
    assert life_cycle[3:][10:18].hex() == "6034" + SERIAL[:6].hex()
    assert SERIAL[6:] in life_cycle
    for missing in (0x42, 0x9F36, 0x5A, 0x00):
        assert chip.send(Command(0x80, 0xCA, missing >> 8, missing & 0xFF)).sw == 0x6A88
    # ISO's class is good for it as well (GPC, 11.3.1).
    assert chip.send(Command(0x00, 0xCA, 0, 0x66, le=256)).ok
    chip.select_aid(PAYMENT_DOMAIN_AID)
    assert chip.send(Command(0x80, 0xCA, 0x9F, 0x7F)).sw == 0x6A88
    assert told(chip, 0xE0)


def test_select_tells_who_answers_and_how_long_a_command_may_be(chip: Managed) -> None:
    for name in (b"", ISSUER_DOMAIN_AID, ISSUER_DOMAIN_AID[:5]):
        described = chip.select_aid(name)
        assert tlv.find(described.data, 0x6F, 0x84) == ISSUER_DOMAIN_AID
        assert tlv.find(described.data, 0x6F, 0xA5, 0x9F65) == b"\xff"
    assert chip.select_aid(b"\xf0").ok
    assert chip.select_aid(b"\xf0", p2=2).sw == 0x6A82
