"""Messages in fragments: any MTU, and whatever a link or a stranger makes of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.core.ble.exchange import Execute, Responder, fault
from zheton.core.ble.fragment import Broken, Fault, Message, Reassembler, fragments
from zheton.core.ble.service import ATT_MTU_MAX, ATT_MTU_MIN, ATT_OVERHEAD, MESSAGE_BYTES_MAX
from zheton.core.errors import EncodeError

contents = st.binary(min_size=1, max_size=300)
mtus = st.integers(ATT_MTU_MIN, ATT_MTU_MAX)
numbers = st.integers(0, 255)


def join(incoming: Reassembler, values: list[bytes]) -> list[Message | Broken]:
    return [got for value in values if (got := incoming.feed(value)) is not None]


@given(st.binary(min_size=1, max_size=MESSAGE_BYTES_MAX), mtus, numbers, st.booleans())
def test_any_message_crosses_any_mtu(content: bytes, mtu: int, number: int, error: bool) -> None:
    message = Message(number, content, error)
    values = list(fragments(message, mtu))
    assert all(4 < len(value) <= min(mtu - ATT_OVERHEAD, 512) for value in values)
    assert join(Reassembler(), values) == [message]


@given(st.lists(st.tuples(contents, mtus), min_size=1, max_size=5), st.data())
def test_repeated_fragments_change_nothing(
    several: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    incoming, got = Reassembler(), []
    for number, (content, mtu) in enumerate(several):
        values = list(fragments(Message(number, content), mtu))
        for at, value in enumerate(values):
            got += join(incoming, [value])
            # The first fragment of a message that is whole begins it anew, and that is right.
            earliest = 0 if at + 1 < len(values) else 1
            if earliest <= at:
                got += join(incoming, [values[data.draw(st.integers(earliest, at))]])
    assert got == [Message(number, content) for number, (content, _) in enumerate(several)]


@given(st.lists(contents, min_size=1, max_size=4), st.data())
def test_loss_and_disorder_never_deliver_a_wrong_message(
    sent: list[bytes], data: st.DataObject
) -> None:
    messages = [Message(number, content) for number, content in enumerate(sent)]
    values = [value for message in messages for value in fragments(message, ATT_MTU_MIN)]
    chosen = data.draw(st.lists(st.sampled_from(values), max_size=2 * len(values)))
    for got in join(Reassembler(), chosen):
        assert isinstance(got, Broken) or got in messages


@given(contents, st.data())
def test_a_message_without_one_fragment_is_dropped_and_the_next_comes(
    content: bytes, data: st.DataObject
) -> None:
    values = list(fragments(Message(1, content), ATT_MTU_MIN))
    lost = data.draw(st.integers(0, len(values) - 1))
    incoming = Reassembler()
    got = join(incoming, values[:lost] + values[lost + 1 :])
    assert not any(isinstance(each, Message) for each in got)
    again = Message(2, content)
    assert join(incoming, list(fragments(again, ATT_MTU_MIN)))[-1] == again


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_garbage_raises_nothing(values: list[bytes]) -> None:
    incoming, responder = Reassembler(), Responder()
    for value in values:
        got = incoming.feed(value)
        assert got is None or isinstance(got, Broken) or 1 <= len(got.content) <= MESSAGE_BYTES_MAX
        if isinstance(responder.take(value), Execute):
            responder.answered(b"\x90\x00")


FIRST = bytes.fromhex("80070000")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([b""], Fault.MALFORMED),
        ([FIRST], Fault.MALFORMED),
        ([FIRST + b"\5"], Fault.MALFORMED),
        ([FIRST + b"\5\0"], Fault.MALFORMED),
        ([bytes.fromhex("81070000") + b"\1\0A"], Fault.MALFORMED),
        ([bytes.fromhex("00070000") + b"\1\0A"], Fault.MALFORMED),
        ([bytes.fromhex("80070100") + b"\1\0A"], Fault.MALFORMED),
        ([FIRST + b"\0\0A"], Fault.LENGTH),
        ([FIRST + b"\1\x08A"], Fault.TOO_LONG),
        ([FIRST + b"\1\0AB"], Fault.LENGTH),
        ([FIRST + b"\1\0A"], Fault.LENGTH),  # all there, and not the last
        ([bytes.fromhex("C0070000") + b"\2\0A"], Fault.LENGTH),
        ([bytes.fromhex("40070100") + b"A"], Fault.MISSING),
        ([FIRST + b"\3\0A", bytes.fromhex("40070200") + b"BC"], Fault.MISSING),
        ([FIRST + b"\3\0A", bytes.fromhex("40080100") + b"BC"], Fault.MISSING),
        ([FIRST + b"\3\0A", bytes.fromhex("60070100") + b"BC"], Fault.MISSING),
        ([FIRST + b"\3\0A", FIRST + b"\3\0B"], Fault.CHANGED),
    ],
)
def test_each_lie_has_its_name(values: list[bytes], why: Fault) -> None:
    got = join(Reassembler(), values)
    assert len(got) == 1 and isinstance(got[0], Broken) and got[0].fault == why


@pytest.mark.parametrize(("size", "mtu"), [(0, 23), (MESSAGE_BYTES_MAX + 1, 23), (1, 22), (1, 518)])
def test_what_fits_no_link_is_not_cut(size: int, mtu: int) -> None:
    with pytest.raises(EncodeError):
        list(fragments(Message(0, bytes(size)), mtu))


def send(responder: Responder, message: Message) -> list[Execute | Message]:
    values = fragments(message, ATT_MTU_MIN)
    return [got for value in values if (got := responder.take(value)) is not None]


def test_a_command_is_executed_once_however_often_it_comes() -> None:
    responder, command = Responder(), Message(1, bytes(60))
    assert send(responder, command) == [Execute(1, bytes(60))]
    assert send(responder, command) == []  # under way
    answer = responder.answered(b"\x90\x00")
    assert answer == Message(1, b"\x90\x00")
    assert send(responder, command) == [answer]
    assert send(responder, Message(2, bytes(60))) == [Execute(2, bytes(60))]


def test_another_command_under_one_id_is_another_command() -> None:
    responder = Responder()
    send(responder, Message(1, b"A"))
    responder.answered(b"\x90\x00")
    assert send(responder, Message(1, b"B")) == [Execute(1, b"B")]


def test_one_command_is_outstanding() -> None:
    responder = Responder()
    send(responder, Message(1, b"A"))
    assert send(responder, Message(2, b"B")) == [fault(2, Fault.BUSY)]
    assert responder.answered(b"\x90\x00").number == 1


def test_an_error_is_no_command() -> None:
    assert send(Responder(), Message(1, b"\1", error=True)) == [fault(1, Fault.MALFORMED)]
