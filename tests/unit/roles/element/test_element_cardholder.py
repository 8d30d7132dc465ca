"""What a debit says of its cardholder, what it may pay then, and what the wearer sees of it."""

from dataclasses import replace

import pytest

from tests.unit.roles.element.conftest import (
    MASTERCARD,
    PASSCODE,
    UNIONPAY,
    Bench,
    make_package,
    make_profile,
    tags_of,
)
from tests.unit.roles.element.test_element_tap import TERMINAL, results_of
from zheton.core.emv import dol, perso, tags
from zheton.core.emv.iad import AcType
from zheton.core.emv.no_cvm import NEVER
from zheton.core.emv.perso import Dgi
from zheton.core.errors import NotFoundError
from zheton.core.scheme import Scheme
from zheton.roles.element import words
from zheton.roles.element.arming import Armed, NotArmed
from zheton.roles.element.log import LoggedDebit
from zheton.roles.element.words import Refusal

NETWORKS = pytest.mark.parametrize("scheme", [MASTERCARD, UNIONPAY], ids=lambda s: s.name)
# Up to the till's limit Kernel 2 says that no verification was performed (Book C-2, CVM.9).
NO_CVM_ASKED = {**TERMINAL, tags.CVM_RESULTS: bytes.fromhex("3F0002")}
PPSE = b"2PAY.SYS.DDF01"


def worn(scheme: Scheme = MASTERCARD, device: str = "mi-band-3-nfc") -> Bench:
    """On the wrist, with a card of four credentials, and nobody proved."""
    bench = Bench(device=device)
    bench.load(scheme)
    bench.element.put_on()
    return bench


def tap(bench: Bench, scheme: Scheme, values: dict[int, bytes], p1: int = 0x80) -> dict[int, bytes]:
    """Arm without the passcode and ask for a cryptogram over these terminal's values."""
    assert isinstance(bench.element.arm(bench.now), Armed)
    assert bench.initiate(scheme).ok
    answer = bench.generate(dol.build(make_profile(scheme).cdol1, values), p1)
    assert answer.ok
    return tags_of(answer)


def refusal(bench: Bench, card: int | None = None) -> Refusal | None:
    result = bench.element.arm(bench.now, bytes([card]) * 16 if card else None)
    return result.refusal if isinstance(result, NotArmed) else None


@NETWORKS
def test_with_the_passcode_the_issuer_reads_performed_and_successful(scheme: Scheme) -> None:
    bench = worn(scheme)
    bench.wear()
    results = results_of(scheme, tap(bench, scheme, TERMINAL))
    assert (results.cdcvm_performed, results.cdcvm_successful) == (True, True)


@NETWORKS
def test_without_it_the_issuer_reads_not_performed(scheme: Scheme) -> None:
    bench = worn(scheme)
    answer = tap(bench, scheme, NO_CVM_ASKED)
    results = results_of(scheme, answer)
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == bytes((AcType.ARQC,))
    assert (results.cdcvm_performed, results.cdcvm_successful) == (False, False)
    # What the first cryptogram said, the second says, whatever the wearer did meanwhile.
    bench.wear()
    second = tags_of(bench.generate(bytes(len_of_cdol2(scheme)), 0x40))
    assert results_of(scheme, second).cdcvm_performed is False


def len_of_cdol2(scheme: Scheme) -> int:
    return sum(length for _, length in dol.parse(make_profile(scheme).cdol2))


@NETWORKS
@pytest.mark.parametrize(
    "changed",
    [
        {tags.AMOUNT_AUTHORISED: bytes.fromhex("000000100001")},
        {tags.AMOUNT_AUTHORISED: b"\xff" * 6},
        {tags.TERMINAL_COUNTRY_CODE: bytes.fromhex("0156")},
        {tags.TRANSACTION_CURRENCY_CODE: bytes.fromhex("0840")},
        {tags.CVM_RESULTS: bytes.fromhex("010002")},
        {tags.CVM_RESULTS: bytes.fromhex("410302")},
    ],
    ids=["amount", "no amount", "country", "currency", "taken for granted", "granted, else next"],
)
def test_what_needs_the_passcode_is_refused_without_it(
    scheme: Scheme, changed: dict[int, bytes]
) -> None:
    bench = worn(scheme)
    answer = tap(bench, scheme, NO_CVM_ASKED | changed)
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == bytes((AcType.AAC,))
    assert results_of(scheme, answer).cdcvm_performed is False
    status = bench.element.status(bench.now)
    assert status.refused is Refusal.PASSCODE_NEEDED
    assert status.screen == "Введите код, приложите"
    assert status.cards[0].credentials_left == 3, "an AAC is a cryptogram: its number is spent"
    bench.wear()
    again = tap(bench, scheme, NO_CVM_ASKED | changed)
    assert again[tags.CRYPTOGRAM_INFORMATION_DATA] == bytes((AcType.ARQC,))
    assert bench.element.status(bench.now).refused is None


def test_the_limit_itself_needs_no_passcode() -> None:
    at_limit = NO_CVM_ASKED | {tags.AMOUNT_AUTHORISED: bytes.fromhex("000000100000")}
    answer = tap(worn(), MASTERCARD, at_limit)
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == bytes((AcType.ARQC,))


def test_a_till_that_refuses_is_not_the_passcodes_fault() -> None:
    bench = worn()
    tap(bench, MASTERCARD, TERMINAL, p1=0x00)
    assert bench.element.status(bench.now).refused is None


def test_only_so_many_in_a_row_go_without_it() -> None:
    bench = worn()
    for _ in range(3):
        tap(bench, MASTERCARD, NO_CVM_ASKED)
    bench.restart()  # the count is durable
    bench.element.put_on()
    assert refusal(bench) is Refusal.NO_PASSCODE
    assert bench.element.set_passcode(PASSCODE).right
    assert refusal(bench) is Refusal.PASSCODE_NEEDED
    assert bench.element.enter_passcode(PASSCODE, bench.now).right
    bench.element.take_off()
    bench.element.put_on()
    tap(bench, MASTERCARD, NO_CVM_ASKED)


def test_a_refused_one_and_a_verified_one_do_not_count() -> None:
    bench = worn()
    tap(bench, MASTERCARD, TERMINAL)  # refused
    assert bench.element._chip.state.wearer.unverified == 0
    bench.wear()
    tap(bench, MASTERCARD, TERMINAL)
    assert bench.element._chip.state.wearer.unverified == 0


def test_a_device_may_want_it_always() -> None:
    bench = worn(device="phone")
    assert refusal(bench) is Refusal.NO_PASSCODE
    bench.wear()
    assert refusal(bench) is None
    bench.wait(301)
    assert refusal(bench) is Refusal.PASSCODE_NEEDED


def test_the_proof_may_end_between_arming_and_the_tap() -> None:
    bench = worn(device="phone")
    bench.wear()
    bench.wait(299)
    assert isinstance(bench.element.arm(bench.now), Armed)
    bench.wait(2)
    assert bench.initiate().ok
    answer = tags_of(bench.generate(dol.build(make_profile(MASTERCARD).cdol1, NO_CVM_ASKED)))
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == bytes((AcType.AAC,))


def test_the_log_keeps_the_last_ten_for_the_wearer() -> None:
    bench = Bench()
    bench.load(size=12)
    for place in range(12):
        bench.arm()
        terminal = TERMINAL | {tags.AMOUNT_AUTHORISED: bytes.fromhex(f"{place:012d}")}
        tap(bench, MASTERCARD, terminal)
    bench.restart()
    kept = bench.element.log(make_profile(MASTERCARD).card_ref)
    assert [each.amount_minor for each in kept] == list(range(11, 1, -1))
    assert kept[0] == LoggedDebit(AcType.ARQC, 11, "643", "643", "260301", 64 + 12)
    assert bench.element.log(bytes(16)) == ()


def test_a_reader_reads_the_log_while_it_is_armed_and_not_before() -> None:
    bench = worn()
    answer = bench.select(MASTERCARD.aid)
    entry = tags_of(answer)[tags.LOG_ENTRY]
    assert entry.hex() == "0b0a"
    record = f"00B201{entry[0] << 3 | 4:02X}00"
    assert bench.nfc(record).sw == 0x6985
    tap(bench, MASTERCARD, NO_CVM_ASKED)
    assert bench.nfc(record).sw == 0x6985
    assert isinstance(bench.element.arm(bench.now), Armed)
    assert bench.select(MASTERCARD.aid).ok
    layout = tags_of(bench.nfc("80CA9F4F00"))[tags.LOG_FORMAT]
    logged = dol.split(layout, bench.nfc(record).data)
    assert logged[tags.AMOUNT_AUTHORISED] == TERMINAL[tags.AMOUNT_AUTHORISED]
    assert logged[tags.CRYPTOGRAM_INFORMATION_DATA] == bytes((AcType.ARQC,))
    assert bench.nfc(record.replace("B201", "B202")).sw == 0x6A83


def two_cards() -> Bench:
    bench = Bench()
    bench.load(MASTERCARD, card=1)
    bench.load(UNIONPAY, card=2)
    bench.wear()
    return bench


def first_name(bench: Bench) -> bytes:
    """The name of the first entry of the PPSE."""
    data = bench.select(PPSE).data
    at = data.index(b"\x4f") + 1
    return data[at + 1 : at + 1 + data[at]]


@pytest.mark.parametrize("by", ["wearer", "feed"])
def test_the_default_card_is_the_wearers_choice(by: str) -> None:
    bench = two_cards()
    assert first_name(bench) == MASTERCARD.aid
    if by == "wearer":
        bench.element.order_cards([bytes([2]) * 16])
    else:
        assert set(bench.store([Dgi(perso.CARD_ORDER, bytes([2]) * 16)])) == {0x9000}
    bench.restart()
    bench.wear()
    assert first_name(bench) == UNIONPAY.aid
    armed = bench.element.arm(bench.now)
    assert isinstance(armed, Armed) and armed.label == "UNIONPAY"
    assert [card.label for card in bench.element.status(bench.now).cards] == [
        "UNIONPAY",
        "MASTERCARD",
    ]


def test_an_order_of_cards_that_are_not_here_is_refused() -> None:
    bench = two_cards()
    with pytest.raises(NotFoundError):
        bench.element.order_cards([bytes(16)])
    for value, sw in ((bytes(16), 0x6A88), (b"", 0x6A80), (bytes(15), 0x6A80)):
        assert bench.store([Dgi(perso.CARD_ORDER, value)]) == [sw]
    twice = bytes([2]) * 32
    assert bench.store([Dgi(perso.CARD_ORDER, twice)]) == [0x6A80]
    assert first_name(bench) == MASTERCARD.aid


def test_a_suspended_card_does_not_pay_and_the_other_one_does() -> None:
    bench = two_cards()
    bench.arm()
    assert bench.initiate().ok
    assert set(bench.store([Dgi(perso.CARD_SUSPENSION, bytes([1]) * 16 + b"\1")])) == {0x9000}
    # Its number was shown, and makes no cryptogram any more.
    assert bench.generate(dol.build(make_profile(MASTERCARD).cdol1, TERMINAL)).sw == 0x6985
    assert refusal(bench) is Refusal.SUSPENDED
    assert refusal(bench, card=2) is None
    bench.restart()
    bench.wear()
    assert refusal(bench) is Refusal.SUSPENDED
    assert set(bench.store([Dgi(perso.CARD_SUSPENSION, bytes([1]) * 16 + b"\0")])) == {0x9000}
    assert refusal(bench) is None


@pytest.mark.parametrize(
    ("value", "sw"),
    [(bytes(17), 0x6A88), (bytes([1]) * 16, 0x6A80), (bytes([1]) * 16 + b"\2", 0x6A80)],
)
def test_a_suspension_of_nothing_is_refused(value: bytes, sw: int) -> None:
    assert two_cards().store([Dgi(perso.CARD_SUSPENSION, value)]) == [sw]


def test_unarmed_no_answer_tells_two_wearers_apart() -> None:
    """One has a passcode, a locked one at that, a log and a suspended card; the other nothing."""
    plain, used = worn(), worn()
    tap(used, MASTERCARD, NO_CVM_ASKED)
    used.wear()
    used.element.disarm()
    for _ in range(3):
        used.element.enter_passcode("0000", used.now)
    suspension = Dgi(perso.CARD_SUSPENSION, bytes([1]) * 16 + b"\1")
    assert set(used.store([suspension])) == {0x9000}
    used.nfc("00A4040002FFFF00")  # whatever was selected last
    probes = ["00A404000E325041592E5359532E444446303100", "00A4040007A000000004101000"]
    probes += ["80A8000002830000", "00B2010C00", "00B2015C00", "80AE800021" + "00" * 33]
    probes += [f"80CA{tag}00" for tag in ("9F36", "9F13", "9F17", "9F4F", "9F7F", "0066")]
    probes += ["0020008008241379FFFFFFFFFF", "8020008008241379FFFFFFFFFF", "00C0000000"]
    for probe in probes:
        assert used.nfc(probe) == plain.nfc(probe), probe


@pytest.mark.parametrize("language", ["en", "ru", "ruen", "ja"])
@pytest.mark.parametrize("why", Refusal)
def test_every_refusal_has_words_that_fit(why: Refusal, language: str) -> None:
    assert 8 <= len(words.on_screen(why, language)) <= words.SCREEN_CHARACTERS_MAX
    assert words.sentence(why).endswith(".")


def test_every_refusal_has_words_of_its_own() -> None:
    for language in ("en", "ru"):
        assert len({words.on_screen(why, language) for why in Refusal}) == len(Refusal)
    assert len({words.sentence(why) for why in Refusal}) == len(Refusal)


def test_a_profile_without_limits_pays_nothing_unverified() -> None:
    bench = Bench()
    package = make_package(replace(make_profile(MASTERCARD), no_cvm=NEVER), MASTERCARD)
    assert set(bench.store(package)) == {0x9000}
    bench.element.put_on()
    assert refusal(bench) is Refusal.NO_PASSCODE
