"""The seven forms of a command, responses, and no input that crashes the decoders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import DecodeError, EncodeError

byte = st.integers(0, 255)
data_fields = st.one_of(st.binary(max_size=300), st.just(bytes(65_535)))
lengths = st.one_of(st.none(), st.integers(1, 300), st.integers(65_000, 65_536))


@pytest.mark.parametrize(
    ("apdu", "data", "le"),
    [
        pytest.param("00A40400", 0, None, id="1"),
        pytest.param("00A4040010", 0, 16, id="2S"),
        pytest.param("00A4040000", 0, 256, id="2S, all"),
        pytest.param("00A404000201 02", 2, None, id="3S"),
        pytest.param("00A404000201 0205", 2, 5, id="4S"),
        pytest.param("00A404000201 0200", 2, 256, id="4S, all"),
        pytest.param("00A40400000101", 0, 257, id="2E"),
        pytest.param("00A40400000000", 0, 65_536, id="2E, all"),
        pytest.param("00A40400000100" + "AA" * 256, 256, None, id="3E"),
        pytest.param("00A40400000100" + "AA" * 256 + "0101", 256, 257, id="4E"),
        pytest.param("00A40400000002" + "AAAA" + "0000", 2, 65_536, id="4E, all"),
    ],
)
def test_every_form(apdu: str, data: int, le: int | None) -> None:
    raw = bytes.fromhex(apdu)
    command = Command.decode(raw)
    assert (len(command.data), command.le) == (data, le)
    assert command.encode() == raw


def test_the_extended_form_may_be_used_for_short_values() -> None:
    for apdu in ("00A40400000001AA", "00A4040001AA"):
        assert Command.decode(bytes.fromhex(apdu)) == Command(0, 0xA4, 4, 0, b"\xaa")
    for apdu in ("00A404000000 10", "00A4040010"):
        assert Command.decode(bytes.fromhex(apdu)) == Command(0, 0xA4, 4, 0, le=16)


@given(byte, byte, byte, byte, data_fields, lengths)
def test_round_trip(cla: int, ins: int, p1: int, p2: int, data: bytes, le: int | None) -> None:
    command = Command(cla, ins, p1, p2, data, le)
    assert Command.decode(command.encode()) == command


@given(data_fields, st.integers(0, 0xFFFF))
def test_response_round_trip(data: bytes, sw: int) -> None:
    response = Response(data, sw)
    assert Response.decode(response.encode()) == response
    assert response.ok == (sw == 0x9000)


@given(st.one_of(st.binary(max_size=20), st.binary(max_size=12).map(lambda b: bytes(4) + b)))
def test_no_bytes_crash_it(apdu: bytes) -> None:
    try:
        command = Command.decode(apdu)
        assert Command.decode(command.encode()) == command
    except DecodeError as error:
        assert error.field in ("command header", "Lc", "Le")
        assert 0 <= error.offset <= len(apdu)
    try:
        assert Response.decode(apdu).encode() == apdu
    except DecodeError as error:
        assert (error.field, error.offset) == ("response", len(apdu))


@pytest.mark.parametrize(
    ("apdu", "field", "offset"),
    [
        ("00A404", "command header", 3),
        ("00A4040002AA", "Lc", 4),
        ("00A4040001AA0000", "Le", 6),
        ("00A404000001", "Lc", 5),
        ("00A4040000000001", "Lc", 4),
        ("00A40400000002AA", "Lc", 4),
        ("00A40400000001AA00", "Le", 8),
        ("00A40400000001AA000000", "Le", 8),
    ],
)
def test_problems_are_placed(apdu: str, field: str, offset: int) -> None:
    with pytest.raises(DecodeError) as refused:
        Command.decode(bytes.fromhex(apdu))
    assert (refused.value.field, refused.value.offset) == (field, offset)


def test_what_is_too_long_is_refused() -> None:
    with pytest.raises(DecodeError, match="too long"):
        Command.decode(bytes(70_000))
    with pytest.raises(DecodeError, match="too long"):
        Response.decode(bytes(70_000))
    with pytest.raises(EncodeError, match="command data"):
        Command(0, 0, 0, 0, bytes(65_536))
    with pytest.raises(EncodeError, match="response data"):
        Response(bytes(65_537))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EncodeError, match="one byte each"):
        Command(0x100, 0, 0, 0)
    for le in (0, -1, 65_537):
        with pytest.raises(EncodeError, match="Le"):
            Command(0, 0, 0, 0, le=le)
    with pytest.raises(EncodeError, match="two bytes"):
        Response(sw=0x10000)


def test_data_do_not_show() -> None:
    secret = bytes.fromhex("5413330089600010")
    command, response = Command(0x80, 0xE2, 0, 0, secret), Response(secret)
    assert repr(command) == "Command(80 E2 00 00, <8 bytes>, le=None)"
    assert repr(response) == "Response(<8 bytes>, sw=9000)"
