"""What the NFC side answers to readers that do not do as our own terminal does."""

import pytest

from tests.unit.roles.element.conftest import MASTERCARD, UNIONPAY, Bench, make_profile, tags_of
from zheton.core.emv import tlv
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.roles.element.element import Interface
from zheton.roles.element.log import LOG_FORMAT

PPSE = "00A404000E325041592E5359532E444446303100"


def aid_command(name: str, p2: str = "00") -> str:
    return f"00A404{p2}{len(name) // 2:02X}{name}00"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("", 0x6700),
        ("00A404", 0x6700),
        ("00A4040005A000", 0x6700),
        ("00A404000000", 0x6700),
        ("00B0000000", 0x6D00),
        ("0084000008", 0x6D00),
        ("80500000081122334455667788", 0x6D00),
        ("8482030000", 0x6E00),
        ("80A4040005A00000000400", 0x6E00),
        ("00A80000028300", 0x6E00),
        ("A0A40000023F00", 0x6E00),
        ("FF00000000", 0x6E00),
        ("00A40000023F00", 0x6A86),
        ("00A404010E325041592E5359532E4444463031", 0x6A86),
        ("00A4040C0E325041592E5359532E4444463031", 0x6A86),
        ("00A4040011" + "00" * 17, 0x6700),
        ("00A4040000", 0x6A82),
        (aid_command("A0000000031010"), 0x6A82),
        (aid_command(b"1PAY.SYS.DDF01".hex()), 0x6A82),
        (aid_command(PAYMENT_DOMAIN_AID.hex()), 0x6A82),
        ("80A80100028300", 0x6A86),
        ("80A80000028300", 0x6985),
        ("00B2010C00", 0x6985),
        ("00B2000C00", 0x6A86),
        ("00B2010D00", 0x6A86),
        ("00B2010C0100", 0x6700),
        ("80AE8000", 0x6985),
        ("80AEC000", 0x6A86),
        ("80AE8001", 0x6A86),
        ("80AE8100", 0x6A86),
        ("80CA9F3600", 0x6A88),
        ("80CA9F1300", 0x6A88),
        ("80CA9F7F00", 0x6A88),
        ("80CA9F360100", 0x6700),
    ],
)
def test_status_of_a_command_out_of_the_blue(bench: Bench, apdu: str, sw: int) -> None:
    response = bench.nfc(apdu)
    assert (response.sw, response.data) == (sw, b"")


def test_extended_lengths_are_understood(bench: Bench) -> None:
    short = bench.nfc(PPSE)
    extended = bench.nfc("00A4040000000E" + b"2PAY.SYS.DDF01".hex() + "0000")
    assert short.ok
    assert extended == short


def test_partial_names_find_cards_in_order_of_priority() -> None:
    bench = Bench()
    bench.load(UNIONPAY, card=1, priority=2)
    bench.load(MASTERCARD, card=2, priority=1)
    found = [bench.nfc(aid_command("A00000"))]
    found += [bench.nfc(aid_command("A00000", "02")) for _ in range(2)]
    assert [tags_of(response)[0x84] for response in found[:2]] == [MASTERCARD.aid, UNIONPAY.aid]
    assert found[2].sw == 0x6A82


def test_next_occurrence_without_a_first_one_starts_from_the_beginning(bench: Bench) -> None:
    assert tags_of(bench.nfc(aid_command("A0", "02")))[0x84] == MASTERCARD.aid


def test_partial_name_finds_the_directory(bench: Bench) -> None:
    assert tags_of(bench.nfc(aid_command(b"2PAY".hex())))[0x84] == b"2PAY.SYS.DDF01"


def test_two_cards_of_one_network_have_names_of_their_own() -> None:
    bench = Bench()
    bench.load(MASTERCARD, card=1, priority=2)
    bench.load(MASTERCARD, card=2, priority=1)
    entries = [
        tlv.flat(entry.value)
        for entry in tlv.decode(tlv.find(bench.nfc(PPSE).data, 0x6F, 0xA5, 0xBF0C) or b"")
    ]
    assert [entry[0x4F] for entry in entries] == [MASTERCARD.aid + b"\x01", MASTERCARD.aid]
    assert [entry[0x87] for entry in entries] == [b"\x01", b"\x02"]


def test_directory_of_an_empty_element_has_no_entries() -> None:
    response = Bench().nfc(PPSE)
    assert tlv.find(response.data, 0x6F, 0xA5, 0xBF0C) == b""


def test_a_failed_select_leaves_the_selection(bench: Bench) -> None:
    bench.arm()
    assert bench.select(MASTERCARD.aid).ok
    assert bench.nfc(aid_command("A0000000031010")).sw == 0x6A82
    assert bench.nfc("80A8000002830000").ok


@pytest.mark.parametrize(
    ("data", "sw"),
    [
        ("8300", 0x9000),
        ("830B" + "00" * 11, 0x9000),
        ("81820B" + "00" * 11, 0x6A80),
        ("830A" + "00" * 10, 0x6A80),
        ("8301", 0x6A80),
        ("83008300", 0x6A80),
        ("7700", 0x6A80),
        ("", 0x6A80),
    ],
)
def test_processing_options_want_the_list_answered_or_left_empty(
    bench: Bench, data: str, sw: int
) -> None:
    bench.arm()
    assert bench.select(MASTERCARD.aid).ok
    lc = f"{len(data) // 2:02X}" if data else ""
    assert bench.nfc(f"80A80000{lc}{data}").sw == sw


def test_processing_options_once_a_selection(bench: Bench) -> None:
    bench.arm()
    assert bench.initiate().ok
    assert bench.nfc("80A8000002830000").sw == 0x6985


def test_records_past_the_end_and_in_other_files(bench: Bench) -> None:
    bench.arm()
    assert bench.initiate().ok
    assert bench.nfc("00B2020C00").sw == 0x6A83
    assert bench.nfc("00B2031400").sw == 0x6A83
    assert bench.nfc("00B2010400").sw == 0x6A82
    assert bench.nfc("00B2011C00").sw == 0x6A82


def test_counter_and_log_format_while_armed_and_nothing_else(bench: Bench) -> None:
    bench.arm()
    assert bench.select(MASTERCARD.aid).ok
    assert bench.nfc("80CA9F3600").data == bytes.fromhex("9F36020041")
    assert bench.nfc("80CA9F4F00").data.hex() == "9f4f13" + LOG_FORMAT.hex()
    for tag in ("9F13", "9F17", "9F7F", "005A", "9F24"):
        assert bench.nfc(f"80CA{tag}00").sw == 0x6A88


def test_a_wrong_length_for_the_list_spends_nothing(bench: Bench) -> None:
    bench.arm()
    assert bench.initiate().ok
    assert bench.generate(bytes(10)).sw == 0x6700
    assert bench.generate(bytes(33)).ok
    assert bench.generate(bytes(33)).sw == 0x6985


def test_unarmed_the_reader_learns_nothing_of_this_device(bench: Bench) -> None:
    """Two devices with the same kind of card answer everything alike until they are armed."""
    other = Bench()
    other.load(MASTERCARD, card=7)
    other.load(MASTERCARD, card=7)
    commands = [PPSE, aid_command(MASTERCARD.aid.hex()), "80A8000002830000"]
    commands += [
        f"00B2{record:02X}{sfi << 3 | 4:02X}00" for sfi in range(1, 31) for record in (1, 2)
    ]
    commands += [f"80CA{tag}00" for tag in ("9F36", "9F13", "9F17", "9F4F", "9F7F", "0066", "00E0")]
    commands += ["80AE800000"]
    assert [bench.nfc(apdu) for apdu in commands] == [other.nfc(apdu) for apdu in commands]
    profile = make_profile(MASTERCARD)
    shown = b"".join(bench.nfc(apdu).data for apdu in commands)
    assert profile.par.encode() not in shown
    assert bytes.fromhex("5204730000000640") not in shown


def test_reset_ends_the_selection_and_the_debit(bench: Bench) -> None:
    bench.arm()
    assert bench.initiate().ok
    bench.element.reset(Interface.NFC)
    assert bench.nfc("00B2010C00").sw == 0x6985
    assert bench.initiate().ok


def test_second_cryptogram_is_tc_or_aac_once_and_of_the_right_length(bench: Bench) -> None:
    bench.arm()
    assert bench.initiate().ok
    assert bench.generate(bytes(33)).ok
    assert bench.generate(bytes(21), 0x80).sw == 0x6985
    assert bench.generate(bytes(20), 0x40).sw == 0x6700
    assert bench.generate(bytes(21), 0x40).ok
    assert bench.generate(bytes(21), 0x40).sw == 0x6985


def test_a_new_debit_takes_a_new_selection(bench: Bench) -> None:
    bench.arm()
    assert bench.initiate().ok
    assert bench.generate(bytes(33), 0x00).ok
    bench.arm()
    assert bench.nfc("80A8000002830000").sw == 0x6985
    assert bench.initiate().ok
