"""The passcode: three tries that no power cut gives back, and a proof that ends with the wrist."""

from dataclasses import replace

import pytest

from tests.unit.roles.element.conftest import PASSCODE, Bench
from zheton.adapters.element_memory import TransientMemory
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID, WEARER_AID
from zheton.core.errors import DecodeError, EncodeError, UnreachableError
from zheton.roles.element import passcode
from zheton.roles.element.arming import Armed, NotArmed
from zheton.roles.element.element import Interface
from zheton.roles.element.wearing import Verdict
from zheton.roles.element.words import Refusal

WRONG = "1378"


@pytest.fixture
def worn(bench: Bench) -> Bench:
    """A band on the wrist with a passcode that was not entered yet."""
    bench.element.put_on()
    assert bench.element.set_passcode(PASSCODE).right
    return bench


def unlock(bench: Bench) -> None:
    """What a command of the issuer domain does; `test_gp_content` shows the command."""
    chip = bench.element._chip
    chip.commit(replace(chip.state, wearer=chip.state.wearer.unlocked()))


def verified(bench: Bench) -> bool:
    return bench.element.status(bench.now).verified


def test_setting_it_proves_nobody_and_entering_it_does(worn: Bench) -> None:
    assert not verified(worn)
    entered = worn.element.enter_passcode(PASSCODE, worn.now)
    assert (entered.verdict, entered.tries_left) == (Verdict.RIGHT, 3)
    assert verified(worn)
    armed = worn.element.arm(worn.now)
    assert isinstance(armed, Armed) and armed.verified


@pytest.mark.parametrize("end", ["off", "power", "time", "clock", "wrong", "changed"])
def test_what_ends_the_proof(worn: Bench, end: str) -> None:
    assert worn.element.enter_passcode(PASSCODE, worn.now).right
    worn.wait(24 * 3600 - 1)
    assert verified(worn)
    if end == "off":
        worn.element.take_off()
        worn.element.put_on()
    elif end == "power":
        worn.restart()
        worn.element.put_on()
    elif end == "time":
        worn.wait(1)
    elif end == "clock":
        worn.wait(-24 * 3600)
    elif end == "wrong":
        worn.element.enter_passcode(WRONG, worn.now)
    else:
        assert worn.element.set_passcode("24680", PASSCODE).right
    assert not verified(worn)


def test_three_wrong_ones_lock_it_and_the_wallet_unlocks(worn: Bench) -> None:
    tries = [worn.element.enter_passcode(WRONG, worn.now) for _ in range(3)]
    assert [(each.verdict, each.tries_left) for each in tries] == [
        (Verdict.WRONG, 2),
        (Verdict.WRONG, 1),
        (Verdict.LOCKED, 0),
    ]
    worn.restart()
    worn.element.put_on()
    assert worn.element.enter_passcode(PASSCODE, worn.now).verdict is Verdict.LOCKED
    assert worn.element.set_passcode("2468", PASSCODE).verdict is Verdict.LOCKED
    refused = worn.element.arm(worn.now)
    assert isinstance(refused, NotArmed) and refused.refusal is Refusal.PASSCODE_LOCKED
    unlock(worn)
    assert not verified(worn)
    assert worn.element.enter_passcode(PASSCODE, worn.now).right


def test_a_right_one_gives_the_tries_back(worn: Bench) -> None:
    for _ in range(4):
        assert worn.element.enter_passcode(WRONG, worn.now).tries_left == 2
        assert worn.element.enter_passcode(WRONG, worn.now).tries_left == 1
        assert worn.element.enter_passcode(PASSCODE, worn.now).tries_left == 3


def test_the_last_wrong_one_closes_the_window(worn: Bench) -> None:
    assert isinstance(worn.element.arm(worn.now), Armed)  # for a small amount
    for left in (2, 1, 0):
        assert worn.element.status(worn.now).armed_until is not None
        assert worn.element.enter_passcode(WRONG, worn.now).tries_left == left
    assert worn.element.status(worn.now).armed_until is None
    assert worn.initiate().sw == 0x6985


class _CutAfter(TransientMemory):
    """A memory whose device loses its power after so many more writes."""

    writes = 0

    def store(self, image: bytes) -> None:
        if self.writes == 0:
            raise UnreachableError("The power is gone.")
        self.writes -= 1
        super().store(image)


def test_a_power_cut_gives_no_try_back() -> None:
    """Whoever cuts the power between the count and the comparison has spent the try."""
    memory = _CutAfter()
    memory.writes = 100
    bench = Bench(memory=memory)
    bench.element.put_on()
    assert bench.element.set_passcode(PASSCODE).right
    for left in (2, 1, 0):
        memory.writes = 1  # the count is kept; what a right one would write is not
        with pytest.raises(UnreachableError):
            bench.element.enter_passcode(PASSCODE, bench.now)
        assert not verified(bench)
        memory.writes = 100
        bench.restart()
        bench.element.put_on()
        assert bench.element.status(bench.now).tries_left == left
    assert bench.element.enter_passcode(PASSCODE, bench.now).verdict is Verdict.LOCKED


def test_a_try_that_can_not_be_counted_is_not_looked_at(worn: Bench) -> None:
    def broken(image: bytes) -> None:
        raise UnreachableError("The memory is gone.")

    worn.memory.store = broken  # type: ignore[method-assign]
    with pytest.raises(UnreachableError):
        worn.element.enter_passcode(PASSCODE, worn.now)
    assert not verified(worn)


def test_off_the_wrist_nothing_is_looked_at_and_nothing_counted(worn: Bench) -> None:
    worn.element.take_off()
    for digits in (WRONG, PASSCODE):
        entered = worn.element.enter_passcode(digits, worn.now)
        assert (entered.verdict, entered.tries_left) == (Verdict.OFF_WRIST, 3)
    worn.element.put_on()
    assert not verified(worn)


def test_another_one_needs_the_one_before(worn: Bench) -> None:
    assert worn.element.set_passcode("2468").verdict is Verdict.WRONG
    entered = worn.element.set_passcode("2468", WRONG)
    assert (entered.verdict, entered.tries_left) == (Verdict.WRONG, 2)
    assert worn.element.set_passcode("2468", PASSCODE).right
    assert worn.element.enter_passcode("2468", worn.now).right


@pytest.mark.parametrize("digits", ["", "123", "123456789", "12a4", "１２３４"])
def test_what_is_no_passcode_is_neither_set_nor_counted(worn: Bench, digits: str) -> None:
    with pytest.raises(EncodeError):
        worn.element.set_passcode(digits, PASSCODE)
    with pytest.raises(EncodeError):
        worn.element.enter_passcode(digits, worn.now)
    assert worn.element.status(worn.now).tries_left == 3


def test_it_is_not_in_the_memory_and_not_in_what_is_printed(worn: Bench) -> None:
    image = worn.memory.load() or b""
    assert PASSCODE.encode() not in image
    assert passcode.in_block(PASSCODE)[:3] not in image
    kept = worn.element._chip.state.wearer.passcode
    assert kept is not None
    assert kept.key.hex() not in repr(kept) and repr(kept.key) not in repr(kept)
    assert passcode.fresh(PASSCODE, bytes(16)).image != passcode.fresh(PASSCODE, b"k" * 16).image


@pytest.mark.parametrize("size", range(4, 9))
def test_a_pin_block_there_and_back(size: int) -> None:
    digits = "12345678"[:size]
    assert passcode.from_block(passcode.in_block(digits)) == digits


@pytest.mark.parametrize(
    "block",
    ["", "24", "241234FFFFFFFF", "241234FFFFFFFFFFFF", "141234FFFFFFFFFF", "23123FFFFFFFFFFF",
     "24123AFFFFFFFFFF", "251234FFFFFFFFFF", "24123456FFFFFFFF", "2F12345678901234"],
)  # fmt: skip
def test_what_is_no_pin_block(block: str) -> None:
    with pytest.raises(DecodeError):
        passcode.from_block(bytes.fromhex(block))


def block(digits: str) -> bytes:
    return passcode.in_block(digits)


def host(bench: Bench, ins: int, p1: int, data: bytes = b"", p2: int = 0x80) -> int:
    return bench.host(Command(0x00, ins, p1, p2, data)).sw


def test_the_phone_sets_verifies_and_changes_it_over_the_host_interface(bench: Bench) -> None:
    bench.element.put_on()
    assert host(bench, 0x20, 0x00, block(PASSCODE)) == 0x6D00  # it is not selected
    assert bench.host(Command(0x00, 0xA4, 0x04, 0x00, WEARER_AID, le=256)).ok
    assert host(bench, 0x20, 0x00) == 0x6984
    assert host(bench, 0x20, 0x00, block(PASSCODE)) == 0x6984
    assert bench.host(Command(0x80, 0xCA, 0x9F, 0x17, le=256)).sw == 0x6984
    assert host(bench, 0x24, 0x01, block(PASSCODE)) == 0x9000
    assert host(bench, 0x24, 0x01, block(WRONG)) == 0x6985
    assert host(bench, 0x20, 0x00) == 0x63C3
    assert host(bench, 0x20, 0x00, block(WRONG)) == 0x63C2
    assert bench.host(Command(0x80, 0xCA, 0x9F, 0x17, le=256)).data.hex() == "9f170102"
    assert host(bench, 0x20, 0x00, block(PASSCODE)) == 0x9000
    assert host(bench, 0x20, 0x00) == 0x9000 and verified(bench)
    assert host(bench, 0x24, 0x00, block(WRONG) + block("2468")) == 0x63C2
    assert not verified(bench)
    assert host(bench, 0x24, 0x00, block(PASSCODE) + block("2468")) == 0x9000
    for sw in (0x63C2, 0x63C1, 0x6983, 0x6983):
        assert host(bench, 0x20, 0x00, block(PASSCODE)) == sw
    assert host(bench, 0x20, 0x00) == 0x6983


def test_what_is_no_try_is_not_counted(worn: Bench) -> None:
    assert worn.host(Command(0x00, 0xA4, 0x04, 0x00, WEARER_AID, le=256)).ok
    assert host(worn, 0x20, 0x00, b"1378") == 0x6A80
    assert host(worn, 0x20, 0x01, block(WRONG)) == 0x6A86
    assert host(worn, 0x20, 0x00, block(WRONG), p2=0x88) == 0x6A86
    assert host(worn, 0x24, 0x00, block(WRONG)) == 0x6A80
    assert host(worn, 0x24, 0x02, block(WRONG)) == 0x6A86
    assert worn.host(Command(0x00, 0xE2, 0x00, 0x00, b"x")).sw == 0x6D00
    assert worn.host(Command(0x84, 0x20, 0x00, 0x80, block(WRONG))).sw == 0x6E00
    worn.element.take_off()
    assert host(worn, 0x20, 0x00, block(WRONG)) == 0x6985
    assert worn.element.status(worn.now).tries_left == 3


def test_selecting_a_domain_leaves_the_wearers_application(worn: Bench) -> None:
    assert worn.host(Command(0x00, 0xA4, 0x04, 0x00, WEARER_AID, le=256)).ok
    assert worn.host(Command(0x00, 0xA4, 0x04, 0x00, b"nobody", le=256)).sw == 0x6A82
    assert host(worn, 0x20, 0x00) == 0x63C3  # a refused SELECT changes nothing
    assert worn.host(Command(0x00, 0xA4, 0x04, 0x00, PAYMENT_DOMAIN_AID, le=256)).ok
    assert host(worn, 0x20, 0x00) != 0x63C3
    assert worn.host(Command(0x00, 0xA4, 0x04, 0x00, WEARER_AID, le=256)).ok
    worn.element.reset(Interface.HOST)
    assert host(worn, 0x20, 0x00) == 0x6D00


def test_a_reader_in_the_field_can_neither_try_nor_learn(worn: Bench) -> None:
    def nfc(command: Command) -> int:
        answer = worn.element.transmit(Interface.NFC, command.encode(), worn.now)
        return Response.decode(answer).sw

    for armed in (False, True):
        if armed:
            worn.arm()
        assert nfc(Command(0x00, 0xA4, 0x04, 0x00, WEARER_AID, le=256)) == 0x6A82
        for ins in (0x20, 0x24, 0x2C):
            assert nfc(Command(0x00, ins, 0x00, 0x80, block(WRONG))) == 0x6D00
    assert worn.element.status(worn.now).tries_left == 3
