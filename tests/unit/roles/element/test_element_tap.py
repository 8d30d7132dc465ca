"""A personalised element pays: every command of a tap, its cryptograms checked by other hands.

Triple DES is checked with pyemv; AES, which pyemv has not, with bare blocks of `cryptography`.
"""

import pyemv
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from tests.unit.roles.element.conftest import (
    ISSUER_MASTER_KEYS,
    MASTERCARD,
    UNIONPAY,
    Bench,
    make_number,
    tags_of,
)
from zheton.core.emv import dol, tags, tlv
from zheton.core.emv.cryptogram import arpc_1, arpc_2, cryptogram_input
from zheton.core.emv.iad import AcType, CardVerificationResults, IssuerApplicationData
from zheton.core.scheme import Scheme

TERMINAL = {
    tags.AMOUNT_AUTHORISED: bytes.fromhex("000000035000"),
    tags.AMOUNT_OTHER: bytes(6),
    tags.TERMINAL_COUNTRY_CODE: bytes.fromhex("0643"),
    tags.TERMINAL_VERIFICATION_RESULTS: bytes.fromhex("0000008000"),
    tags.TRANSACTION_CURRENCY_CODE: bytes.fromhex("0643"),
    tags.TRANSACTION_DATE: bytes.fromhex("260301"),
    tags.TRANSACTION_TYPE: b"\x00",
    tags.UNPREDICTABLE_NUMBER: bytes.fromhex("30901B6A"),
    tags.TERMINAL_TYPE: b"\x22",
    tags.CVM_RESULTS: bytes.fromhex("010002"),
}
APPROVED, UNABLE = b"00", b"Z3"
# pyemv uses Triple DES of `cryptography` by its old name and with keys of 16 bytes.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
NETWORKS = pytest.mark.parametrize("scheme", [MASTERCARD, UNIONPAY], ids=lambda s: s.name)


def read_records(bench: Bench) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    for apdu in ("00B2010C00", "00B2011400", "00B2021400"):
        response = bench.nfc(apdu)
        assert response.ok
        values |= tags_of(response)
    return values


def tap(bench: Bench, scheme: Scheme, p1: int = 0x80) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """SELECT to the first GENERATE AC: what the records said, and the answer."""
    bench.arm()
    assert bench.initiate(scheme).ok
    card = read_records(bench)
    response = bench.generate(dol.build(card[tags.CDOL1], TERMINAL), p1)
    assert response.ok
    return card, tags_of(response)


def session_key(scheme: Scheme, number: str, atc: bytes) -> bytes:
    """The session key, derived without our own code (EMV Book 2, A1.3 and A1.4)."""
    master = ISSUER_MASTER_KEYS[scheme.cryptogram.cipher]
    if scheme.cryptogram.cipher == "3des":
        card_key = pyemv.kd.derive_icc_mk_a(master, number, "00")
        derived: bytes = pyemv.kd.derive_common_sk(card_key, atc + bytes(6))
        return derived
    card_key = aes_block(master, bytes.fromhex((number + "00").rjust(32, "0")))
    return aes_block(card_key, atc + bytes(14))


def aes_block(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block
    return encryptor.update(block) + encryptor.finalize()


def expected_cryptogram(scheme: Scheme, key: bytes, data: bytes) -> bytes:
    if scheme.cryptogram.cipher == "3des":
        made: bytes = pyemv.ac.generate_ac(key, data, pyemv.ac.PaddingType.EMV)
        return made
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()[:8]


def check_cryptogram(
    scheme: Scheme, card: dict[int, bytes], answer: dict[int, bytes], terminal: dict[int, bytes]
) -> bytes:
    """The issuer's check from its master key; the session key for what follows."""
    key = session_key(scheme, card[tags.PAN].hex(), answer[tags.ATC])
    values = terminal | {
        tags.ATC: answer[tags.ATC],
        # Kernel 2 has relay resistance; without a certificate none of them signs.
        tags.APPLICATION_INTERCHANGE_PROFILE: bytes.fromhex(
            "1281" if scheme.kernel_id == 2 else "1280"
        ),
    }
    iad = answer[tags.ISSUER_APPLICATION_DATA]
    data = cryptogram_input(scheme.cryptogram, values, iad)
    assert answer[tags.APPLICATION_CRYPTOGRAM] == expected_cryptogram(scheme, key, data)
    return key


def results_of(scheme: Scheme, answer: dict[int, bytes]) -> CardVerificationResults:
    """What the card tells its issuer in 9F10."""
    value = answer[tags.ISSUER_APPLICATION_DATA]
    return IssuerApplicationData.decode(scheme.cryptogram, value).cvr


@NETWORKS
def test_the_issuer_verifies_the_arqc_of_a_tap(scheme: Scheme) -> None:
    bench = Bench()
    bench.load(scheme)
    card, answer = tap(bench, scheme)
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x80"
    assert card[tags.PAN].hex() == make_number(scheme, 64)
    assert answer[tags.ATC] == (65).to_bytes(2)
    check_cryptogram(scheme, card, answer, TERMINAL)


@NETWORKS
def test_records_hold_all_that_a_terminal_needs(scheme: Scheme) -> None:
    bench = Bench()
    bench.load(scheme)
    bench.arm()
    assert bench.initiate(scheme).ok
    card = read_records(bench)
    number = make_number(scheme, 64)
    assert card[tags.TRACK_2_EQUIVALENT_DATA].hex().upper().startswith(f"{number}D3012201")
    assert {tag: card[tag].hex().upper() for tag in card} | {0x8C: "", 0x8D: "", 0x57: ""} == {
        0x57: "",
        0x5F20: "202F",
        0x5A: number,
        0x5F24: "301231",
        0x5F25: "260101",
        0x5F28: "0643",
        0x5F34: "00",
        0x9F07: "3D00",
        0x9F08: scheme.application_version.hex().upper(),
        0x9F42: "0643",
        0x9F19: "0" + scheme.token_requestor_id,
        0x9F24: f"{scheme.par_bin_controller}{1:025d}".encode().hex().upper(),
        0x8C: "",
        0x8D: "",
        0x8E: "00000000000000001F03",
        0x9F0D: "FC50808800",
        0x9F0E: "0000000004",
        0x9F0F: "FC50808800",
    }


@NETWORKS
@pytest.mark.parametrize("genuine", [True, False], ids=["genuine", "forged"])
def test_second_cryptogram_follows_the_issuers_answer(scheme: Scheme, genuine: bool) -> None:
    bench = Bench()
    bench.load(scheme)
    card, arqc = tap(bench, scheme)
    key = check_cryptogram(scheme, card, arqc, TERMINAL)
    ac = arqc[tags.APPLICATION_CRYPTOGRAM]
    if scheme.cryptogram.arpc_method == 1:
        issuer = arpc_1("3des", key, ac, APPROVED) + APPROVED
    else:
        issuer = arpc_2("aes", key, ac, b"\0\x80\0\0") + b"\0\x80\0\0"
    if not genuine:
        issuer = bytes((issuer[0] ^ 1,)) + issuer[1:]
    second_values = {
        tags.ISSUER_AUTHENTICATION_DATA: issuer,
        tags.AUTHORISATION_RESPONSE_CODE: APPROVED,
        tags.TERMINAL_VERIFICATION_RESULTS: bytes.fromhex("0000008001"),
        tags.UNPREDICTABLE_NUMBER: bytes.fromhex("01020304"),
    }
    data = dol.build(card[tags.CDOL2], second_values)
    response = bench.generate(data, 0x40)
    assert response.ok
    answer = tags_of(response)
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == (b"\x40" if genuine else b"\x00")
    assert answer[tags.ATC] == arqc[tags.ATC]
    check_cryptogram(scheme, card, answer, TERMINAL | second_values)
    results = results_of(scheme, answer)
    assert (results.ac_first, results.issuer_authenticated) == (AcType.ARQC, genuine)
    assert results.ac_second is (AcType.TC if genuine else AcType.AAC)
    assert bench.generate(data, 0x40).sw == 0x6985


@pytest.mark.parametrize(
    ("p1", "code", "cid"),
    [(0x40, APPROVED, b"\x40"), (0x00, APPROVED, b"\x00"), (0x40, UNABLE, b"\x00")],
)
def test_second_cryptogram_without_issuer_authentication(
    bench: Bench, p1: int, code: bytes, cid: bytes
) -> None:
    card, _ = tap(bench, MASTERCARD)
    data = dol.build(card[tags.CDOL2], {tags.AUTHORISATION_RESPONSE_CODE: code})
    answer = tags_of(bench.generate(data, p1))
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == cid
    results = results_of(MASTERCARD, answer)
    assert results.issuer_authenticated is None
    assert results.unable_to_go_online is (code == UNABLE)


@NETWORKS
def test_an_issuer_that_does_not_approve_gets_no_tc(scheme: Scheme) -> None:
    bench = Bench()
    bench.load(scheme)
    card, arqc = tap(bench, scheme)
    key = check_cryptogram(scheme, card, arqc, TERMINAL)
    ac = arqc[tags.APPLICATION_CRYPTOGRAM]
    if scheme.cryptogram.arpc_method == 1:
        issuer = arpc_1("3des", key, ac, b"05") + b"05"
    else:
        issuer = arpc_2("aes", key, ac, bytes(4)) + bytes(4)
    data = dol.build(card[tags.CDOL2], {tags.ISSUER_AUTHENTICATION_DATA: issuer})
    assert tags_of(bench.generate(data, 0x40))[tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x00"


def test_a_tc_is_never_given_offline(bench: Bench) -> None:
    _, answer = tap(bench, MASTERCARD, p1=0x40)
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x80"


def test_an_aac_that_is_asked_for_ends_the_debit_and_the_number(bench: Bench) -> None:
    card, answer = tap(bench, MASTERCARD, p1=0x00)
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x00"
    check_cryptogram(MASTERCARD, card, answer, TERMINAL)
    assert bench.generate(dol.build(card[tags.CDOL2], {}), 0x40).sw == 0x6985
    assert bench.element.credentials_left() == 3


def test_a_request_for_cda_gets_the_plain_answer(bench: Bench) -> None:
    card, answer = tap(bench, MASTERCARD, p1=0x90)
    assert answer[tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x80"
    check_cryptogram(MASTERCARD, card, answer, TERMINAL)


@pytest.mark.parametrize("terminal_type", [b"\x13", b"\x16", b"\x23", b"\x26", b"\x36"])
def test_a_terminal_that_is_never_online_is_declined(bench: Bench, terminal_type: bytes) -> None:
    bench.arm()
    assert bench.initiate().ok
    card = read_records(bench)
    data = dol.build(card[tags.CDOL1], TERMINAL | {tags.TERMINAL_TYPE: terminal_type})
    assert tags_of(bench.generate(data, 0x80))[tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x00"


def test_every_debit_has_a_number_of_its_own(bench: Bench) -> None:
    numbers = [tap(bench, MASTERCARD)[0][tags.PAN] for _ in range(4)]
    assert len(set(numbers)) == 4
    assert bench.element.credentials_left() == 0


def test_directory_entry_and_description_name_kernel_and_wishes(bench: Bench) -> None:
    directory = bench.select(b"2PAY.SYS.DDF01").data
    entry = tlv.find(directory, 0x6F, 0xA5, 0xBF0C, 0x61)
    assert entry == tlv.encode_all(
        ((0x4F, MASTERCARD.aid), (0x50, b"MASTERCARD"), (0x87, b"\x01"), (0x9F2A, b"\x02"))
    )
    described = bench.select(MASTERCARD.aid)
    values = tags_of(described)
    assert values[0x84] == MASTERCARD.aid
    assert values[0x9F38] == bytes.fromhex("9F1D089F1A029F3501")
    assert (values[0x50], values[0x9F12], values[0x9F11]) == (b"MASTERCARD", b"MASTERCARD", b"\x01")
    assert (values[0x87], values[0x5F2D]) == (b"\x01", b"ruen")
    assert tlv.find(described.data, 0x6F, 0xA5, 0xBF0C, 0x42) == bytes.fromhex("520473")
