"""Personalisation: data groupings, payloads, STORE DATA; every codec there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.emv import perso
from zheton.core.emv.apdu import Command
from zheton.core.emv.perso import BatchHeader, Credential, Credentials, Dgi
from zheton.core.errors import DecodeError, EncodeError

_dgis = st.builds(Dgi, st.integers(0, 0xFFFF), st.binary(max_size=600))
_dates = st.dates().map(lambda day: f"{day:%y%m%d}")
_headers = st.builds(
    BatchHeader,
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=8, max_size=8),
    _dates,
    _dates,
    st.integers(0, 0xFF),
    st.integers(0, 99),
)
_credentials = st.builds(
    Credential,
    st.integers(0, 10**16 - 1).map(lambda number: f"{number:016d}"),
    st.integers(1, 0xFFFF),
    st.binary(min_size=16, max_size=16),
)


@given(st.lists(_dgis, max_size=6))
def test_data_groupings_there_and_back(dgis: list[Dgi]) -> None:
    assert perso.decode_dgis(perso.encode_dgis(dgis)) == tuple(dgis)


@pytest.mark.parametrize(("size", "length"), [(0, "00"), (254, "fe"), (255, "ff00ff")])
def test_length_of_a_data_grouping(size: int, length: str) -> None:
    encoded = perso.encode_dgis([Dgi(0x0101, bytes(size))])
    assert encoded.hex() == "0101" + length + "00" * size


@pytest.mark.parametrize("cut", ["D0", "D001", "D00102AA", "D001FF00", "D001FF0003AAAA"])
def test_data_groupings_cut_short(cut: str) -> None:
    with pytest.raises(DecodeError):
        perso.decode_dgis(bytes.fromhex(cut))


def test_a_data_grouping_too_long() -> None:
    for wrong in (Dgi(0x1_0000, b""), Dgi(1, bytes(0x1_0000))):
        with pytest.raises(EncodeError):
            perso.encode_dgis([wrong])


@given(_headers)
def test_header_there_and_back(header: BatchHeader) -> None:
    assert BatchHeader.decode(header.encode()) == header


@given(st.binary(min_size=8, max_size=8), st.lists(_credentials, min_size=1, max_size=64))
def test_credentials_there_and_back(batch_ref: bytes, credentials: list[Credential]) -> None:
    payload = Credentials(batch_ref, tuple(credentials))
    assert Credentials.decode(payload.encode()) == payload


@given(st.binary(max_size=100))
def test_no_bytes_upset_a_decoder(data: bytes) -> None:
    for decode in (
        perso.decode_dgis,
        BatchHeader.decode,
        Credential.decode,
        Credentials.decode,
    ):
        try:
            decode(data)
        except DecodeError as error:
            assert data.hex() not in str(error) or len(data) < 4


def test_a_credential_shows_neither_number_nor_key() -> None:
    credential = Credential("5204730000000000", 1, bytes(range(16)))
    shown = repr(Credentials(bytes(8), (credential,))) + str(credential)
    assert "520473" not in shown
    assert "\\x01\\x02\\x03" not in shown


@pytest.mark.parametrize(
    ("number", "atc", "key"),
    [
        ("520473000000000", 1, bytes(16)),
        ("520473000000000x", 1, bytes(16)),
        ("٠" * 16, 1, bytes(16)),
        ("5204730000000000", 0, bytes(16)),
        ("5204730000000000", 0x1_0000, bytes(16)),
        ("5204730000000000", 1, bytes(15)),
    ],
)
def test_a_credential_that_is_none(number: str, atc: int, key: bytes) -> None:
    with pytest.raises(EncodeError) as caught:
        Credential(number, atc, key)
    assert number not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"card_ref": bytes(15)},
        {"batch_ref": bytes(9)},
        {"expiry": "3012"},
        {"effective": "30123x"},
        {"derivation_key_index": 256},
        {"pan_sequence_number": 100},
    ],
)
def test_a_header_that_is_none(change: dict[str, object]) -> None:
    good: dict[str, object] = {
        "card_ref": bytes(16),
        "batch_ref": bytes(8),
        "expiry": "301231",
        "effective": "260101",
        "derivation_key_index": 1,
        "pan_sequence_number": 0,
    }
    with pytest.raises(EncodeError):
        BatchHeader(**(good | change))  # type: ignore[arg-type]


@given(st.lists(_dgis, min_size=1, max_size=8))
def test_blocks_are_in_order_marked_and_whole(dgis: list[Dgi]) -> None:
    commands = perso.store_data_commands(dgis)
    assert b"".join(command.data for command in commands) == perso.encode_dgis(dgis)
    assert [command.p2 for command in commands] == list(range(len(commands)))
    assert [command.p1 for command in commands[:-1]] == [0x08] * (len(commands) - 1)
    assert commands[-1].p1 == 0x88
    assert {(command.cla, command.ins) for command in commands} == {(0x80, 0xE2)}


def test_a_full_block_still_fits_a_short_command_when_wrapped() -> None:
    block = perso.store_data_commands([Dgi(1, bytes(1000))])[0]
    padded = len(block.data) // 16 * 16 + 16
    wrapped = Command(0x84, 0xE2, block.p1, block.p2, bytes(padded + 8))
    assert len(block.data) == perso.BLOCK_BYTES_MAX
    assert len(wrapped.encode()) <= 5 + 255


def test_an_empty_or_endless_package() -> None:
    for wrong in ([], [Dgi(1, bytes(0xFFFF))]):
        with pytest.raises(EncodeError):
            perso.store_data_commands(wrong)
