"""A laboratory's band in a real PC/SC service, managed by its keys as other tools do it."""

from collections.abc import Callable

import pytest

from tests.system.conftest import PcscService, require
from tests.system.test_pcsc import PROTOCOLS, foreign, in_reader, tapped
from tests.unit.roles.element.conftest import KEYS, MASTERCARD, SERIAL, Bench
from zheton.adapters.element_memory import TransientMemory
from zheton.core.emv import tlv
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import HostSession, initialize_update, open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import derive_session, pseudo_random_challenge
from zheton.roles.element.manufacture import manufacture
from zheton.roles.element.registry import ISSUER_DOMAIN_AID, WELL_KNOWN_KEYS
from zheton.roles.element.transport import Protocol

pytestmark = pytest.mark.system
CHALLENGE = bytes.fromhex("0102030405060708")
SELECT = Command(0x00, 0xA4, 0x04, 0x00, le=256)
LIST = Command(0x80, 0xF2, 0x40, 0x02, b"\x4f\0", le=256)


def laboratory() -> Bench:
    """A band with a card, whose issuer domain has the keys that every tool tries first."""
    memory = TransientMemory()
    keys = WELL_KNOWN_KEYS
    manufacture(memory, serial=SERIAL, payment_keys=KEYS, issuer_keys=keys, laboratory=True)
    bench = Bench(memory=memory)
    bench.load(MASTERCARD)
    return bench


def opened(send: Callable[[bytes], bytes], level: SecurityLevel) -> HostSession:
    """A session with the issuer domain of a card that a reader holds."""
    assert Response.decode(send(SELECT.encode())).ok
    answer = Response.decode(send(initialize_update(CHALLENGE).encode()))
    session, authenticate = open_session(
        WELL_KNOWN_KEYS, level, CHALLENGE, InitializeUpdateResponse.decode(answer.data)
    )
    assert Response.decode(send(authenticate.encode())).ok
    return session


@PROTOCOLS
def test_the_registry_is_read_at_every_level_through_a_reader(
    pcsc: PcscService, protocol: Protocol
) -> None:
    with in_reader(pcsc, laboratory(), protocol), tapped() as card:
        for level in SecurityLevel:
            session = opened(card.transceive, level)
            answer = Response.decode(card.transceive(session.wrap(LIST).encode()))
            entries = tlv.decode(session.unwrap(answer).data)
            names = [each.value for entry in entries for each in entry.children if each.tag == 0x4F]
            assert names == [PAYMENT_DOMAIN_AID, MASTERCARD.aid]


def test_scriptor_lists_locks_and_cannot_repeat(pcsc: PcscService) -> None:
    """A whole session from a file: everything in it follows from keys, counter and challenge."""
    require("scriptor", "pcsc-tools")
    card_challenge = pseudo_random_challenge(WELL_KNOWN_KEYS, 0, ISSUER_DOMAIN_AID)
    keys = derive_session(WELL_KNOWN_KEYS, CHALLENGE, card_challenge)
    session = HostSession(keys, SecurityLevel.C_MAC)
    authenticate = session.external_authenticate(CHALLENGE, card_challenge)
    lock = session.wrap(Command(0x80, 0xF0, 0x40, 0x80, MASTERCARD.aid))
    script = [
        (SELECT, "90 00"),
        (Command(0x80, 0xCA, 0x00, 0x66, le=256), "90 00"),
        (Command(0x80, 0xCA, 0x9F, 0x7F, le=256), "90 00"),
        (Command(0x80, 0xCA, 0x00, 0xE0, le=256), "90 00"),
        (LIST, "69 82"),
        (initialize_update(CHALLENGE), "90 00"),
        (authenticate, "90 00"),
        (lock, "90 00"),
        (lock, "69 88"),
        (Command(0x00, 0xA4, 0x04, 0x00, MASTERCARD.aid, le=256), "6A 82"),
        (SELECT, "90 00"),
        (initialize_update(CHALLENGE), "90 00"),
        (authenticate, "63 00"),
    ]
    bench = laboratory()
    with in_reader(pcsc, bench):
        with tapped():  # pcscd has seen the card once somebody could connect to it
            pass
        told = foreign(
            pcsc,
            *("scriptor", "-r", "Virtual PCD 00 00", "-p", "T=1"),
            script="".join(f"{command.encode().hex()}\n" for command, _ in script),
        )
    statuses = [line.split(" : ")[0][-5:] for line in told.splitlines() if " : " in line]
    assert statuses == [status for _, status in script], told
