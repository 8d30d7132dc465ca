"""Certificates and combined signatures, taken apart by the tables of Book 2 beside the product."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.core.crypto import rsa
from zheton.core.crypto.rsa import PrivateKey, PublicKey
from zheton.core.emv import combined, tags
from zheton.core.emv.certificates import (
    ICC_CERTIFICATE,
    ISSUER_CERTIFICATE,
    Certificate,
    CertificateText,
    certified,
    certify,
)
from zheton.core.emv.combined import DynamicData, transaction_data_hash
from zheton.core.errors import EncodeError, VerificationError

AUTHORITY, ISSUER, CARD = rsa.generate(1984), rsa.generate(1536), rsa.generate(1152)
SHORT_ISSUER = rsa.generate(1152, 65537)  # too short for the card's key: a remainder is left
TEXTS = {
    ISSUER_CERTIFICATE: CertificateText("54333300", "1230", b"\0\0\1"),
    ICC_CERTIFICATE: CertificateText("5433330000000003", "0628", b"\0\0\2"),
}
STATIC = bytes.fromhex("5A0854333300000000035F2403280630") + b"\x12\x80"
NUMBER = bytes.fromhex("01020304")


def blinding(key: PrivateKey) -> bytes:
    return (7).to_bytes(key.public.size)


def issuer_certificate() -> Certificate:
    text = TEXTS[ISSUER_CERTIFICATE]
    return certify(ISSUER_CERTIFICATE, AUTHORITY, text, ISSUER.public, blinding(AUTHORITY))


def card_certificate(issuer: PrivateKey = ISSUER) -> Certificate:
    return certify(
        ICC_CERTIFICATE, issuer, TEXTS[ICC_CERTIFICATE], CARD.public, blinding(issuer),
        static=STATIC,
    )  # fmt: skip


def block(key: PublicKey, signature: bytes) -> bytes:
    return pow(int.from_bytes(signature), key.exponent, key.modulus).to_bytes(len(signature))


def test_an_issuers_certificate_is_that_of_table_2() -> None:
    made = issuer_certificate()
    whole = block(AUTHORITY.public, made.signature)
    modulus = ISSUER.public.modulus_bytes
    text = bytes.fromhex("02 54333300 1230 000001 01 01 C0 01") + modulus
    text = text.ljust(248 - 22, b"\xbb")
    assert whole == b"\x6a" + text + hashlib.sha1(text + b"\x03").digest() + b"\xbc"  # noqa: S324
    assert made.remainder == b""


@pytest.mark.parametrize("issuer", [ISSUER, SHORT_ISSUER], ids=["whole", "remainder"])
def test_a_cards_certificate_is_that_of_table_14(issuer: PrivateKey) -> None:
    made = card_certificate(issuer)
    whole = block(issuer.public, made.signature)
    room = issuer.public.size - 42
    text = bytes.fromhex("04 5433330000000003FFFF 0628 000002 01 01 90 01")
    text += CARD.public.modulus_bytes[:room].ljust(room, b"\xbb")
    covered = text + made.remainder + b"\x03" + STATIC
    assert whole == b"\x6a" + text + hashlib.sha1(covered).digest() + b"\xbc"  # noqa: S324
    assert made.remainder == CARD.public.modulus_bytes[room:]
    assert bool(made.remainder) == (issuer is SHORT_ISSUER)


@pytest.mark.parametrize("issuer", [ISSUER, SHORT_ISSUER], ids=["whole", "remainder"])
def test_a_terminal_recovers_what_was_certified(issuer: PrivateKey) -> None:
    found = certified(
        ICC_CERTIFICATE, issuer.public, card_certificate(issuer), b"\x03", static=STATIC
    )
    assert (found.text, found.key) == (TEXTS[ICC_CERTIFICATE], CARD.public)
    found = certified(ISSUER_CERTIFICATE, AUTHORITY.public, issuer_certificate(), b"\x03")
    assert (found.text, found.key) == (TEXTS[ISSUER_CERTIFICATE], ISSUER.public)


@settings(max_examples=60)
@given(st.integers(0, 1536 - 1), st.integers(0, 8 * len(STATIC) - 1))
def test_a_bit_flipped_anywhere_verifies_nothing(at: int, static_at: int) -> None:
    good = card_certificate()

    def refused(certificate: Certificate, exponent: bytes, static: bytes) -> None:
        with pytest.raises(VerificationError):
            certified(ICC_CERTIFICATE, ISSUER.public, certificate, exponent, static=static)

    refused(replace(good, signature=flipped(good.signature, at)), b"\x03", STATIC)
    refused(good, b"\x03", flipped(STATIC, static_at))
    refused(good, b"\x01\x00\x01", STATIC)
    refused(good, b"", STATIC)
    refused(replace(good, remainder=b"\0"), b"\x03", STATIC)


def flipped(data: bytes, at: int) -> bytes:
    return (int.from_bytes(data) ^ 1 << at).to_bytes(len(data))


def test_a_certificate_of_another_form_or_authority_is_none() -> None:
    made = issuer_certificate()
    with pytest.raises(VerificationError):
        certified(ICC_CERTIFICATE, AUTHORITY.public, made, b"\x03")
    with pytest.raises(VerificationError):
        certified(ISSUER_CERTIFICATE, rsa.generate(1984).public, made, b"\x03")


def signed_text(issuer: PrivateKey, text: bytes) -> Certificate:
    """What an authority signs that keeps to no table."""
    text = text.ljust(issuer.public.size - 22, b"\xbb")
    whole = b"\x6a" + text + hashlib.sha1(text + b"\x03").digest() + b"\xbc"  # noqa: S324
    return Certificate(issuer.sign(whole, blinding(issuer)), b"")


@pytest.mark.parametrize(
    "head",
    [
        "02 54333300 1330 000001 01 01 90 01",  # month 13
        "02 543A3300 1230 000001 01 01 90 01",  # a letter in the number
        "02 FFFFFFFF 1230 000001 01 01 90 01",  # no number
        "02 54333300 1230 000001 02 01 90 01",  # another hash
        "02 54333300 1230 000001 01 02 90 01",  # another algorithm
        "02 54333300 1230 000001 01 01 8F 01",  # a modulus longer than it says
        "02 54333300 1230 000001 01 01 FF 01",  # a remainder that did not come
        "02 54333300 1230 000001 01 01 10 01",  # a key too short to sign anything
        "02 54333300 1230 000001 01 01 90 03",  # another length of the exponent
    ],
)
def test_a_signed_certificate_that_keeps_to_no_table_is_refused(head: str) -> None:
    made = signed_text(AUTHORITY, bytes.fromhex(head) + CARD.public.modulus_bytes)
    with pytest.raises(VerificationError):
        certified(ISSUER_CERTIFICATE, AUTHORITY.public, made, b"\x03")


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        (ISSUER_CERTIFICATE, {"identifier": "54"}),
        (ISSUER_CERTIFICATE, {"identifier": "543333001"}),
        (ICC_CERTIFICATE, {"identifier": "54333300"}),
        (ICC_CERTIFICATE, {"identifier": "54333300000000x3"}),
        (ICC_CERTIFICATE, {"expiry": "0028"}),
        (ICC_CERTIFICATE, {"expiry": "062"}),
        (ICC_CERTIFICATE, {"serial": b""}),
    ],
)
def test_a_text_that_does_not_fit_is_not_certified(form: int, changes: dict[str, str]) -> None:
    text = replace(TEXTS[form], **changes)  # type: ignore[arg-type]
    with pytest.raises(EncodeError):
        certify(form, ISSUER, text, CARD.public, blinding(ISSUER))


REQUESTS = (b"\x83\x02\x01\x02", bytes(range(33)))
ANSWER = [
    (tags.CRYPTOGRAM_INFORMATION_DATA, b"\x80"),
    (tags.ATC, b"\0\5"),
    (tags.APPLICATION_CRYPTOGRAM, bytes(range(8))),
    (tags.ISSUER_APPLICATION_DATA, b"\x06" + bytes(6)),
]


def answered(number: bytes = NUMBER, relay: bytes = b"") -> list[tuple[int, bytes]]:
    data = DynamicData(
        b"\0\1\2\3\4\5\6\7", 0x80, bytes(range(8)), transaction_data_hash(REQUESTS, ANSWER), relay
    )
    signature = combined.sign(CARD, data, number, blinding(CARD))
    return [*ANSWER, (tags.SIGNED_DYNAMIC_APPLICATION_DATA, signature)]


@pytest.mark.parametrize("relay", [b"", bytes(range(14))], ids=["plain", "relay"])
def test_combined_data_are_those_of_table_18(relay: bytes) -> None:
    response = answered(relay=relay)
    whole = block(CARD.public, response[-1][1])
    hashed = b"".join(REQUESTS) + bytes.fromhex(
        "9F270180 9F36020005 9F26080001020304050607 9F100706000000000000"
    )
    dynamic = b"\x08\0\1\2\3\4\5\6\7\x80" + bytes(range(8)) + hashlib.sha1(hashed).digest() + relay  # noqa: S324
    text = (b"\x05\x01" + bytes((len(dynamic),)) + dynamic).ljust(144 - 22, b"\xbb")
    assert whole == b"\x6a" + text + hashlib.sha1(text + NUMBER).digest() + b"\xbc"  # noqa: S324
    found = combined.verify(CARD.public, response, REQUESTS, NUMBER)
    assert (found.cryptogram, found.cid, found.relay) == (bytes(range(8)), 0x80, relay)


@settings(max_examples=60)
@given(st.integers(0, 4), st.integers(0, 1151))
def test_a_bit_of_the_answer_flipped_is_seen(which: int, at: int) -> None:
    response = answered()
    tag, value = response[which]
    response[which] = tag, flipped(value, at % (8 * len(value)))
    with pytest.raises(VerificationError):
        combined.verify(CARD.public, response, REQUESTS, NUMBER)


def test_another_transaction_is_not_the_signed_one() -> None:
    response = answered()
    for requests, number in (
        ((REQUESTS[0], bytes(33)), NUMBER),
        (REQUESTS[:1], NUMBER),
        (REQUESTS, b"\1\2\3\5"),
    ):
        with pytest.raises(VerificationError):
            combined.verify(CARD.public, response, requests, number)
    for other in (response[1:], response[:-1], response[::-1]):
        with pytest.raises(VerificationError):
            combined.verify(CARD.public, other, REQUESTS, NUMBER)


@pytest.mark.parametrize(
    "dynamic", ["", "08", "09" + "00" * 40, "01" + "00" * 40, "08" + "00" * 30]
)
def test_signed_dynamic_data_that_are_none_are_refused(dynamic: str) -> None:
    data = bytes.fromhex(dynamic)
    text = (b"\x05\x01" + bytes((len(data),)) + data).ljust(144 - 22, b"\xbb")
    whole = b"\x6a" + text + hashlib.sha1(text + NUMBER).digest() + b"\xbc"  # noqa: S324
    signature = CARD.sign(whole, blinding(CARD))
    with pytest.raises(VerificationError):
        combined.signed(CARD.public, signature, NUMBER)


def test_a_key_too_short_for_its_data_signs_nothing() -> None:
    data = DynamicData(bytes(8), 0x80, bytes(8), bytes(20), bytes(100))
    with pytest.raises(EncodeError, match="too short"):
        combined.sign(CARD, data, NUMBER, blinding(CARD))
