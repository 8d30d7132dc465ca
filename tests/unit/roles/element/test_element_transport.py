"""T=1 and T=0: short, extended, wrong and missing Le, 61xx with GET RESPONSE, 6Cxx."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.roles.element.conftest import Bench
from zheton.core.emv.apdu import Command, Response
from zheton.roles.element.element import Interface
from zheton.roles.element.transport import Link, Protocol

PPSE = "325041592E5359532E4444463031"
SELECT = f"00A404000E{PPSE}"


class Reader:
    """A reader on one protocol, and a card that answers with `data` and counts its commands."""

    def __init__(self, protocol: Protocol, data: bytes, sw: int = 0x9000) -> None:
        self.seen: list[bytes] = []
        self._link, self._answer = Link(protocol), Response(data, sw).encode()
        self.reset = self._link.reset

    def __call__(self, apdu: str) -> tuple[str, int]:
        response = Response.decode(self._link.exchange(bytes.fromhex(apdu), self._card))
        return response.data.hex(), response.sw

    def _card(self, apdu: bytes) -> bytes:
        self.seen.append(apdu)
        return self._answer


def t1(data: bytes, sw: int = 0x9000) -> Reader:
    return Reader(Protocol.T1, data, sw)


def t0(data: bytes, sw: int = 0x9000) -> Reader:
    return Reader(Protocol.T0, data, sw)


@pytest.mark.parametrize("apdu", ["00B2010C00", "00B2010C04", "00B2010C05", "00B2010C000000"])
def test_t1_gives_what_fits_le(apdu: str) -> None:
    assert t1(b"abcd")(apdu) == ("61626364", 0x9000)


def test_t1_says_which_le_is_right_and_does_not_act_twice() -> None:
    reader = t1(b"abcd")
    assert reader("00B2010C03") == ("", 0x6C04)
    assert reader("00B2010C04") == ("61626364", 0x9000)
    assert len(reader.seen) == 1
    assert reader("00B2010C04") == ("61626364", 0x9000)
    assert len(reader.seen) == 2


def test_t1_without_le_the_answer_waits() -> None:
    reader = t1(b"abcd")
    assert reader(SELECT) == ("", 0x6104)
    assert reader("00C0000002") == ("6162", 0x6102)
    assert reader("00C0000000") == ("6364", 0x9000)
    assert reader("00C0000000") == ("", 0x6985)
    assert reader("00C0010000") == ("", 0x6A86)


def test_t1_long_answers_come_in_parts_or_at_once() -> None:
    data = bytes(300)
    assert t1(data)("00B2010C000000") == (data.hex(), 0x9000)
    reader = t1(data)
    assert reader("00B2010C00") == (bytes(256).hex(), 0x612C)
    assert reader("00C000002C") == (bytes(44).hex(), 0x9000)
    assert t1(bytes(256))("00B2010C10") == ("", 0x6C00)
    assert t1(bytes(256))(SELECT) == ("", 0x6100)


def test_what_waits_is_gone_with_the_next_command_or_a_reset() -> None:
    for protocol in Protocol:
        reader = Reader(protocol, b"abcd")
        assert reader(SELECT)[1] == 0x6104
        reader(SELECT)
        reader.reset()
        assert reader("00C0000004") == ("", 0x6985)


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_status_without_data_passes(protocol: Protocol) -> None:
    for apdu in ("00B2010C00", "00B2010C", SELECT, SELECT + "00"):
        assert Reader(protocol, b"", 0x6985)(apdu) == ("", 0x6985)


def test_t0_case_4_waits_for_get_response() -> None:
    for apdu in (SELECT, SELECT + "00"):
        reader = t0(b"abcd")
        assert reader(apdu) == ("", 0x6104)
        assert reader("00C0000000") == ("", 0x6C04)
        assert reader("00C0000004") == ("61626364", 0x9000)
        assert reader.seen == [bytes.fromhex(SELECT)]


def test_t0_case_2_wants_exactly_le() -> None:
    reader = t0(b"abcd")
    assert reader("00B2010C00") == ("", 0x6C04)
    assert reader("00B2010C04") == ("61626364", 0x9000)
    assert len(reader.seen) == 1
    assert t0(bytes(256))("00B2010C00") == (bytes(256).hex(), 0x9000)
    assert t0(b"abcd")("00B2010C") == ("", 0x6C04)


def test_t0_long_answers_come_in_parts() -> None:
    reader = t0(bytes(300))
    assert reader("00B2010C00") == ("", 0x6100)
    assert reader("00C0000000") == (bytes(256).hex(), 0x612C)
    assert reader("00C000002C") == (bytes(44).hex(), 0x9000)


@pytest.mark.parametrize(
    "apdu", ["", "00A4", "00A4040003AAAA", SELECT + "0000", "00A40400000001AA"]
)
def test_t0_refuses_what_is_no_command(apdu: str) -> None:
    reader = t0(b"abcd")
    assert reader(apdu) == ("", 0x6700)
    assert not reader.seen


def test_t1_leaves_what_is_no_command_to_the_element(bench: Bench) -> None:
    link = Link(Protocol.T1)
    assert link.exchange(b"\x00\xa4", element_of(bench)) == b"\x67\x00"


def element_of(bench: Bench) -> Callable[[bytes], bytes]:
    return lambda apdu: bench.element.transmit(Interface.NFC, apdu, bench.now)


def test_both_protocols_read_the_same_directory(bench: Bench) -> None:
    card = element_of(bench)
    whole = Response.decode(Link(Protocol.T1).exchange(bytes.fromhex(SELECT + "00"), card))
    contact = Link(Protocol.T0)
    waiting = Response.decode(contact.exchange(bytes.fromhex(SELECT), card)).sw
    assert waiting == 0x6100 | len(whole.data)
    fetched = Command(0x00, 0xC0, 0, 0, le=len(whole.data)).encode()
    assert Response.decode(contact.exchange(fetched, card)) == whole


@given(
    st.sampled_from(Protocol),
    st.lists(st.binary(max_size=12) | st.just(bytes.fromhex("00C0000000")), max_size=6),
    st.binary(max_size=300),
)
def test_no_bytes_upset_a_link(protocol: Protocol, commands: list[bytes], data: bytes) -> None:
    link = Link(protocol)
    for command in commands:
        response = Response.decode(link.exchange(command, lambda _: data + b"\x90\x00"))
        assert response.sw >> 12 in (0x6, 0x9)
