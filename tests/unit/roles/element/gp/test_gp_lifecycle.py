"""Life cycles of the card, of applications and of the payment domain, and what they stop."""

import pytest

from tests.unit.roles.element.conftest import MASTERCARD, UNIONPAY, tags_of
from tests.unit.roles.element.gp.conftest import Managed, lv
from zheton.core.emv import tlv
from zheton.core.emv.apdu import Command
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.scp03.host import initialize_update
from zheton.roles.element.arming import NotArmed
from zheton.roles.element.registry import ISSUER_DOMAIN_AID, CardState
from zheton.roles.element.words import Refusal

PPSE = "00A404000E325041592E5359532E444446303100"
STATES = [0x01, 0x07, 0x0F, 0x7F, 0xFF]
ALLOWED = {
    (0x01, 0x07),
    (0x07, 0x0F),
    (0x0F, 0x7F),
    (0x7F, 0x0F),
    *((state, state) for state in STATES),
    *((state, 0xFF) for state in STATES),
}


def in_state(wanted: int) -> Managed:
    """A laboratory's chip, for it begins at the beginning."""
    chip = Managed(laboratory=True)
    chip.load()
    talk = chip.session()
    for state in STATES[1 : STATES.index(wanted) + 1]:
        if state <= wanted and (wanted != 0xFF or state == 0xFF):
            assert talk.send(0xF0, 0x80, state).ok
    assert chip.state.registry.card_state == wanted
    return chip


@pytest.mark.parametrize("start", STATES[:-1])
@pytest.mark.parametrize("wanted", STATES)
def test_every_transition_of_the_card(start: int, wanted: int) -> None:
    chip = in_state(start)
    answer = chip.session().send(0xF0, 0x80, wanted)
    assert answer.sw == (0x9000 if (start, wanted) in ALLOWED else 0x6A80)
    assert chip.state.registry.card_state == (wanted if answer.ok else start)


def test_states_that_there_are_not(chip: Managed) -> None:
    talk = chip.session()
    for p1, p2 in ((0x80, 0x00), (0x80, 0x80)):
        assert talk.send(0xF0, p1, p2).sw == 0x6A80
    assert talk.send(0xF0, 0x00, 0x7F).sw == 0x6A86
    assert talk.send(0xF0, 0x40, 0x80, b"\xa0" * 7).sw == 0x6A88
    assert talk.send(0xF0, 0x60, 0x80, MASTERCARD.aid).sw == 0x6A88
    assert talk.send(0xF0, 0x40, 0x80, ISSUER_DOMAIN_AID).sw == 0x6A88


def test_a_locked_application_is_neither_seen_nor_armed(chip: Managed) -> None:
    chip.load(UNIONPAY, card=2, priority=2)
    chip.arm()
    talk = chip.session()
    assert talk.send(0xF0, 0x40, 0x80, MASTERCARD.aid).ok
    assert talk.listed()[MASTERCARD.aid] == 0x8F
    # The window that was open for it is closed, it is out of the PPSE, and no name finds it.
    assert chip.element.status(chip.now).armed_card is None
    listed = tlv.find(chip.nfc(PPSE).data, 0x6F, 0xA5, 0xBF0C) or b""
    assert [each.children[0].value for each in tlv.decode(listed)] == [UNIONPAY.aid]
    assert chip.select(MASTERCARD.aid).sw == 0x6A82
    refused = chip.element.arm(chip.now, card_ref=bytes([1]) * 16)
    assert isinstance(refused, NotArmed)
    assert refused.refusal is Refusal.CARD_LOCKED
    # The next card is the default one meanwhile.
    chip.arm()
    assert chip.element.status(chip.now).armed_card == bytes([2]) * 16
    chip.restart()
    assert chip.session().send(0xF0, 0x40, 0x00, MASTERCARD.aid).ok
    chip.arm()
    assert chip.initiate().ok


def test_a_lock_in_the_middle_of_a_debit_ends_it(chip: Managed) -> None:
    chip.arm()
    assert chip.initiate().ok
    assert chip.session().send(0xF0, 0x40, 0x80, MASTERCARD.aid).ok
    assert chip.nfc("00B2010C00").sw == 0x6985
    assert chip.generate(bytes(33)).sw == 0x6985
    # The number may have left, so it is never shown in another window.
    assert chip.element.status(chip.now).cards[0].abandoned == 1


def test_a_locked_instance_takes_no_card(chip: Managed) -> None:
    talk = chip.session()
    assert talk.install(UNIONPAY.aid).ok
    assert talk.send(0xF0, 0x40, 0x80, UNIONPAY.aid).ok
    assert talk.listed()[UNIONPAY.aid] == 0x87
    assert talk.send(0xE6, 0x08, 0, lv(b"", b"", UNIONPAY.aid, b"\0", b"", b"")).sw == 0x6985
    with pytest.raises(AssertionError):
        chip.load(UNIONPAY, card=2)
    assert chip.session().send(0xF0, 0x40, 0x07, UNIONPAY.aid).ok
    chip.load(UNIONPAY, card=2)


def test_the_payment_domain_is_locked_alone_or_with_its_applications(chip: Managed) -> None:
    talk = chip.session()
    assert talk.send(0xF0, 0x40, 0x80, PAYMENT_DOMAIN_AID).ok
    assert talk.listed() == {PAYMENT_DOMAIN_AID: 0x8F, MASTERCARD.aid: 0x0F}
    chip.arm()
    assert talk.send(0xF0, 0x60, 0x80, PAYMENT_DOMAIN_AID).ok
    assert talk.listed() == {PAYMENT_DOMAIN_AID: 0x8F, MASTERCARD.aid: 0x8F}
    assert chip.element.status(chip.now).armed_card is None
    answer = chip.select_aid(PAYMENT_DOMAIN_AID)
    assert (answer.sw, tags_of(answer)[0x84]) == (0x6283, PAYMENT_DOMAIN_AID)
    assert chip.send(initialize_update(bytes(8))).sw == 0x6983
    assert chip.session().send(0xF0, 0x60, 0x00, PAYMENT_DOMAIN_AID).ok
    assert chip.session().listed() == {PAYMENT_DOMAIN_AID: 0x0F, MASTERCARD.aid: 0x0F}


def test_in_card_locked_only_the_issuer_domain_answers() -> None:
    chip = in_state(CardState.CARD_LOCKED)
    assert chip.nfc(PPSE).sw == 0x6A81
    assert chip.select(MASTERCARD.aid).sw == 0x6A81
    chip.wear()
    refused = chip.element.arm(chip.now)
    assert isinstance(refused, NotArmed)
    assert refused.refusal is Refusal.CARD_LOCKED
    assert chip.select_aid(PAYMENT_DOMAIN_AID).sw == 0x6A81
    assert chip.select_aid(ISSUER_DOMAIN_AID).sw == 0x6283
    talk = chip.session()
    # No content and no keys change (GPC, 5.1.1.4); it can be looked at and unlocked.
    assert talk.listed()[MASTERCARD.aid] == 0x0F
    assert talk.send(0xCA, 0, 0x66).ok
    assert talk.install(UNIONPAY.aid).sw == 0x6985
    assert talk.send(0xE4, 0, 0, tlv.encode(0x4F, MASTERCARD.aid)).sw == 0x6985
    assert talk.send(0xE2, 0x90, 0, bytes.fromhex("42020102")).sw == 0x6985
    assert talk.send(0xD8, 0, 0x81, b"\x02").sw == 0x6985
    assert talk.send(0xF0, 0x40, 0x80, MASTERCARD.aid).sw == 0x6985
    assert talk.send(0xF0, 0x80, 0x0F).ok
    chip.arm()
    assert chip.initiate().ok


def test_a_card_that_is_locked_while_another_link_has_a_session() -> None:
    chip = Managed(laboratory=True)
    chip.load()
    chip.set_state(chip.state)
    in_secured = chip.session()
    for state in (0x07, 0x0F):
        assert in_secured.send(0xF0, 0x80, state).ok
    payment = chip.session(PAYMENT_DOMAIN_AID)
    chip.through = type(chip.through).NFC
    assert chip.session().send(0xF0, 0x80, 0x7F).ok
    chip.through = type(chip.through).HOST
    assert chip.send(payment.session.wrap(Command(0x80, 0xF2, 0x40, 2, b"\x4f\0"))).sw == 0x6985


def test_a_terminated_card_is_dead_and_holds_no_key_to_pay_with() -> None:
    chip = in_state(CardState.TERMINATED)
    assert chip.state.cards == ()
    assert bytes.fromhex("520473") not in (chip.memory.load() or b"")
    for aid in (b"", ISSUER_DOMAIN_AID, PAYMENT_DOMAIN_AID):
        assert chip.select_aid(aid).sw == 0x6A81
    assert chip.nfc(PPSE).sw == 0x6A81
    assert chip.send(initialize_update(bytes(8))).sw == 0x6985
    assert chip.send(Command(0x84, 0xF0, 0x80, 0x0F, bytes(8))).sw == 0x6985
    # GPC, 5.1.1.5: it says what it was, and nothing else.
    assert chip.send(Command(0x80, 0xCA, 0x9F, 0x7F, le=256)).ok
    refused = chip.element.arm(chip.now)
    assert isinstance(refused, NotArmed)
