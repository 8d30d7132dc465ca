"""The chip signs its cryptograms, a till checks them, and a relay that is far away is noticed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from tests.unit.roles.element.conftest import (
    KEYS,
    MASTERCARD,
    SERIAL,
    UNIONPAY,
    Bench,
    make_package,
    make_profile,
    tags_of,
)
from zheton.adapters.element_memory import TransientMemory
from zheton.adapters.terminal_file import load_terminal
from zheton.core.country import country
from zheton.core.crypto import rsa
from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv import combined, perso, tags, tlv
from zheton.core.emv.card_records import IssuerKey, static_data
from zheton.core.emv.certificates import (
    ICC_CERTIFICATE,
    ISSUER_CERTIFICATE,
    CertificateText,
    certify,
)
from zheton.core.emv.perso import BatchHeader, CardCertificates, Credentials, Dgi
from zheton.core.money import currency, money
from zheton.core.scheme import Scheme
from zheton.roles.element import image
from zheton.roles.element.element import Interface
from zheton.roles.element.manufacture import OwnKey, manufacture
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import Declined, OnlineRequest, Outcome
from zheton.roles.terminal.state import Authority, Transaction

AUTHORITY, ISSUER, CHIP = rsa.generate(1984), rsa.generate(1536), rsa.generate(1152)
# An issuer whose key is so short that something of the chip's is left over (9F48).
SHORT_ISSUER = rsa.generate(1152, 65537)
INDEX = 0xE1
SIZE = 4
GENERATE_SIGNED, GENERATE_TC_SIGNED = 0x90, 0x50


def blinding(key: PrivateKey) -> bytes:
    return (11).to_bytes(key.public.size)


def issuer_key(scheme: Scheme, issuer: PrivateKey = ISSUER) -> IssuerKey:
    text = CertificateText(scheme.token_bins[0], "1230", b"\0\0\1")
    made = certify(ISSUER_CERTIFICATE, AUTHORITY, text, issuer.public, blinding(AUTHORITY))
    return IssuerKey(INDEX, made, issuer.public.exponent_bytes)


def signing_package(
    scheme: Scheme, places: Sequence[int] = range(SIZE), issuer: PrivateKey = ISSUER
) -> list[Dgi]:
    """A package as the provider makes it, with certificates for some places."""
    profile = make_profile(scheme)
    dgis = make_package(profile, scheme, size=SIZE)
    header = BatchHeader.decode(dgis[1].value)
    credentials = Credentials.decode(dgis[2].value).credentials
    certificates = {}
    for place in places:
        number = credentials[place].number
        static = static_data(profile, header, number)
        text = CertificateText(number, "1230", place.to_bytes(3))
        certificates[place] = certify(
            ICC_CERTIFICATE, issuer, text, CHIP.public, blinding(issuer), static=static
        ).signature
    return [
        *dgis,
        Dgi(perso.ISSUER_KEY, profile.card_ref + issuer_key(scheme, issuer).encode()),
        Dgi(perso.CARD_CERTIFICATES, CardCertificates(header.batch_ref, certificates).encode()),
    ]


def signing_bench() -> Bench:
    memory = TransientMemory()
    manufacture(memory, serial=SERIAL, payment_keys=KEYS, own_key=OwnKey(CHIP))
    return Bench(memory=memory)


class Field:
    """The band in a till's field; every exchange takes `delay_ms` by the till's stopwatch."""

    def __init__(self, bench: Bench, delay_ms: float = 0.0) -> None:
        self._bench, self._delay_ms, self._at = bench, delay_ms, 0.0

    def transceive(self, command: bytes) -> bytes:
        self._at += self._delay_ms
        return self._bench.element.transmit(Interface.NFC, command, self._bench.now)

    def elapsed_ms(self) -> float:
        return self._at


def present(bench: Bench, scheme: Scheme, delay_ms: float = 0.0) -> Outcome:
    till = load_terminal(country("RU"), currency("RUB"))
    authority = Authority(scheme.aid[:5], INDEX, AUTHORITY.public, date(2040, 1, 1))
    till = replace(till, capabilities=bytes.fromhex("002808"), authorities=(authority,))
    further = (b"2222", b"3333")
    sale = Transaction(
        money("350", "RUB"), bench.now.date(), bench.now.time(), b"1111", 1, further_numbers=further
    )
    bench.arm()
    field = Field(bench, delay_ms)
    return tap(field, till, sale, field)


@pytest.mark.parametrize("issuer", [ISSUER, SHORT_ISSUER], ids=["whole", "remainder"])
@pytest.mark.parametrize("scheme", [MASTERCARD, UNIONPAY], ids=["mastercard", "unionpay"])
def test_a_till_authenticates_the_band_and_goes_online(scheme: Scheme, issuer: PrivateKey) -> None:
    bench = signing_bench()
    assert set(bench.store(signing_package(scheme, issuer=issuer))) == {0x9000}
    for _ in range(SIZE):
        outcome = present(bench, scheme)
        assert isinstance(outcome, OnlineRequest), outcome.reason
        assert outcome.sale.tvr[0] == 0
        chip = tlv.flat(outcome.sale.chip)
        assert chip[tags.APPLICATION_INTERCHANGE_PROFILE][0] == 0x13
        assert tags.SIGNED_DYNAMIC_APPLICATION_DATA not in chip
    assert bench.element.credentials_left() == 0


def test_a_number_without_a_certificate_pays_online_without_a_signature() -> None:
    bench = signing_bench()
    bench.store(signing_package(MASTERCARD, places=[1]))
    proven = []
    for _ in range(SIZE):
        outcome = present(bench, MASTERCARD)
        assert isinstance(outcome, OnlineRequest)
        proven.append(outcome.sale.tvr[0] == 0)
    assert proven == [False, True, False, False]


def test_certificates_may_come_later_and_again() -> None:
    bench = signing_bench()
    package = signing_package(MASTERCARD)
    assert set(bench.store(package[:3])) == {0x9000}
    for _ in range(2):
        assert set(bench.store(package[3:])) == {0x9000}
    outcome = present(bench, MASTERCARD)
    assert isinstance(outcome, OnlineRequest)
    assert outcome.sale.tvr[0] == 0


def test_certificates_of_a_batch_that_never_came_are_refused() -> None:
    bench = signing_bench()
    package = signing_package(MASTERCARD)
    stranger = Dgi(perso.CARD_CERTIFICATES, CardCertificates(bytes(8), {0: bytes(192)}).encode())
    assert bench.store([*package[:3], stranger])[-1] == 0x6A88
    other_card = Dgi(perso.ISSUER_KEY, bytes(16) + issuer_key(MASTERCARD).encode())
    assert bench.store([*package[:3], other_card])[-1] == 0x6A88
    assert bench.element.credentials_left() == 0


def test_the_memory_keeps_keys_and_certificates_and_forgets_those_of_spent_numbers() -> None:
    bench = signing_bench()
    bench.store(signing_package(MASTERCARD))
    assert isinstance(present(bench, MASTERCARD), OnlineRequest)
    state = image.decode(bench.memory.load() or b"")
    assert state.signing_key == CHIP
    assert state.cards[0].issuer_key == issuer_key(MASTERCARD)
    assert set(state.cards[0].batches[0].certificates) == {1, 2, 3}
    bench.restart()
    outcome = present(bench, MASTERCARD)
    assert isinstance(outcome, OnlineRequest)
    assert outcome.sale.tvr[0] == 0


def test_a_chip_without_a_key_of_its_own_signs_nothing() -> None:
    bench = Bench()
    bench.store(signing_package(MASTERCARD))
    outcome = present(bench, MASTERCARD)
    assert isinstance(outcome, OnlineRequest)
    assert outcome.sale.tvr[0] == 0x80


def test_the_second_cryptogram_is_signed_too_and_covers_both_requests() -> None:
    bench = signing_bench()
    bench.store(signing_package(UNIONPAY))
    bench.arm()
    assert bench.select(UNIONPAY.aid).ok
    pdol = bytes(sum((4, 6, 2, 2, 3, 1, 4, 1)))  # 9F66 9F02 9F1A 5F2A 9A 9C 9F37 9F35
    assert bench.nfc(f"80A80000 {len(pdol) + 2:02X} 83{len(pdol):02X}{pdol.hex()} 00").ok
    first_data, second_data = bytes(25) + b"abcd" + bytes(4), bytes(8 + 2 + 5) + b"efgh"
    first = bench.generate(first_data, GENERATE_SIGNED)
    second = bench.generate(second_data, GENERATE_TC_SIGNED)
    for answer, requests, number in (
        (first, (pdol, first_data), b"abcd"),
        (second, (pdol, first_data, second_data), b"efgh"),
    ):
        objects = [(each.tag, each.value) for each in tlv.decode(answer.data)[0].children]
        assert tags.APPLICATION_CRYPTOGRAM not in dict(objects)
        proof = combined.verify(CHIP.public, objects, requests, number)
        assert bytes((proof.cid,)) == dict(objects)[tags.CRYPTOGRAM_INFORMATION_DATA]
    assert tags_of(second)[tags.CRYPTOGRAM_INFORMATION_DATA] == b"\x40"


def test_a_refusal_is_not_signed() -> None:
    bench = signing_bench()
    bench.store(signing_package(MASTERCARD))
    bench.arm()
    assert bench.initiate().ok
    assert tags.SIGNED_DYNAMIC_APPLICATION_DATA not in tags_of(bench.generate(bytes(33), 0x10))


def test_a_relay_is_refused_and_costs_the_number_only() -> None:
    bench = signing_bench()
    bench.store(signing_package(MASTERCARD))
    assert isinstance(present(bench, MASTERCARD, delay_ms=54.2), OnlineRequest)
    relayed = present(bench, MASTERCARD, delay_ms=60)
    assert isinstance(relayed, Declined)
    assert relayed.sale is not None
    assert relayed.sale.tvr[4] & 0x04


def test_relay_resistance_is_for_a_debit_under_way_and_three_times_at_most() -> None:
    bench = signing_bench()
    bench.store(signing_package(MASTERCARD))
    exchange = "80EA0000 04 01020304 00"
    assert bench.nfc(exchange).sw == 0x6985
    bench.arm()
    assert bench.initiate().ok
    assert bench.nfc("80EA0000 03 010203 00").sw == 0x6700
    assert bench.nfc("80EA0100 04 01020304 00").sw == 0x6A86
    answers = [bench.nfc(exchange) for _ in range(4)]
    assert [answer.sw for answer in answers] == [0x9000, 0x9000, 0x9000, 0x6985]
    assert all(answer.data[:2] == b"\x80\x0a" and len(answer.data) == 12 for answer in answers[:3])
    assert len({answer.data[2:6] for answer in answers[:3]}) == 3
    bench.generate(bytes(33))
    assert bench.nfc(exchange).sw == 0x6985


def test_a_profile_that_changes_leaves_no_certificate_that_would_not_verify() -> None:
    bench = signing_bench()
    package = signing_package(MASTERCARD)
    bench.store(package)
    other = replace(make_profile(MASTERCARD), usage_control=bytes.fromhex("FF00"))
    assert set(bench.store([Dgi(perso.CARD_PROFILE, other.encode())])) == {0x9000}
    outcome = present(bench, MASTERCARD)
    assert isinstance(outcome, OnlineRequest), outcome.reason
    assert outcome.sale.tvr[0] == 0x80, "online without a signature, as before there were any"
    bench.store(package[:1])
    assert set(bench.store(package)) == {0x9000}
    outcome = present(bench, MASTERCARD)
    assert isinstance(outcome, OnlineRequest)
    assert outcome.sale.tvr[0] == 0
