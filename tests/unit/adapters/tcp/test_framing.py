"""Frames cut from a stream that arrives in any pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zheton.adapters.tcp.framing import FRAME_BYTES_MAX, Framer, framed
from zheton.core.errors import DecodeError, EncodeError


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.data())
@settings(max_examples=60)
def test_frames_survive_any_cutting(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(framed, payloads))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    framer = Framer()
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += framer.feed(stream[start:end])
    assert found == payloads


@pytest.mark.parametrize("header", [b"\x00\x00", (FRAME_BYTES_MAX + 1).to_bytes(2, "big")])
def test_a_length_out_of_bounds_is_refused_before_the_bytes_come(header: bytes) -> None:
    frames = Framer().feed(framed(b"first") + header)
    assert next(frames) == b"first"
    with pytest.raises(DecodeError, match="frame at byte 7"):
        next(frames)


@pytest.mark.parametrize("payload", [b"", bytes(FRAME_BYTES_MAX + 1)])
def test_a_payload_out_of_bounds_is_not_sent(payload: bytes) -> None:
    with pytest.raises(EncodeError):
        framed(payload)
    assert len(framed(bytes(FRAME_BYTES_MAX))) == FRAME_BYTES_MAX + 2
