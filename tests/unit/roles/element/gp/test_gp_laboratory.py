"""A laboratory's chip in a reader: management and payment on one link, as other tools expect it."""

import pytest

from tests.unit.roles.element.conftest import MASTERCARD
from tests.unit.roles.element.gp.conftest import Managed
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.roles.element.directory import PPSE_NAME
from zheton.roles.element.element import Interface
from zheton.roles.element.registry import ISSUER_DOMAIN_AID


@pytest.fixture
def lab() -> Managed:
    """A chip that is managed through the reader."""
    chip = Managed(laboratory=True)
    chip.load()
    chip.through = Interface.NFC
    return chip


def test_it_is_listed_and_changed_through_a_reader(lab: Managed) -> None:
    assert lab.session().listed() == {PAYMENT_DOMAIN_AID: 0x0F, MASTERCARD.aid: 0x0F}
    assert lab.session().send(0xF0, 0x40, 0x80, MASTERCARD.aid).ok
    assert lab.session(PAYMENT_DOMAIN_AID).listed()[MASTERCARD.aid] == 0x8F


def test_it_pays_between_two_sessions(lab: Managed) -> None:
    talk = lab.session()
    lab.arm()
    assert lab.initiate().ok
    assert lab.generate(bytes(33)).ok
    # The selection of a card ended the session, and its command is none of the payment side's.
    assert talk.chip.nfc("84F28002084F00112233445566").sw == 0x6E00
    assert lab.session().listed(0x80) == {ISSUER_DOMAIN_AID: 0x01}


def test_selecting_a_domain_ends_a_debit(lab: Managed) -> None:
    lab.arm()
    assert lab.initiate().ok
    assert lab.select_aid().ok
    assert lab.nfc("00B2010C00").sw == 0x6D00
    assert lab.select(MASTERCARD.aid).ok
    assert lab.nfc("00B2010C00").sw == 0x6985


def test_names_that_readers_try_still_find_cards(lab: Managed) -> None:
    for name in (PPSE_NAME, MASTERCARD.aid, MASTERCARD.aid[:5], b"\xa0\0\0"):
        assert lab.select(name).ok
        assert lab.nfc("80CA006600").sw == 0x6A88


def test_reset_ends_the_session_on_that_link_alone(lab: Managed) -> None:
    lab.session()
    lab.through = Interface.HOST
    host = lab.session()
    lab.element.reset(Interface.NFC)
    lab.through = Interface.NFC
    assert lab.nfc("80CA006600").sw == 0x6A88
    lab.through = Interface.HOST
    assert host.send(0xF2, 0x80, 2, b"\x4f\0").ok
