"""Whatever comes on either interface in any state: an answer, and no number used twice."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.roles.element.conftest import (
    MASTERCARD,
    UNIONPAY,
    Bench,
    make_package,
    make_profile,
    tags_of,
)
from zheton.adapters.element_memory import TransientMemory
from zheton.core.emv import perso, tags
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import DecodeError
from zheton.roles.element import image
from zheton.roles.element.element import Interface

_STEPS = [
    "00A404000E325041592E5359532E444446303100",
    "00A4040007A000000004101000",
    "00A4040003A0000000",
    "00A4040203A0000000",
    "80A8000002830000",
    "00B2010C00",
    "00B2011400",
    "80AE800021" + "00" * 33,
    "80AE400021" + "01" * 33,
    "80AE000021" + "02" * 33,
    "80AE400015" + "00" * 21,
    "80AE400015" + "77" * 21,
    "80CA9F3600",
    "00A4040008F05A4845544F4E0100",
    "8050000008112233445566778800",
    "8482030010" + "00" * 16,
    "84E2880018" + "00" * 24,
]
_apdus = st.sampled_from([bytes.fromhex(step) for step in _STEPS])
_headers = st.builds(
    lambda cla, ins, tail: bytes((cla, ins)) + tail,
    st.sampled_from([0x00, 0x80, 0x84]),
    st.sampled_from([0xA4, 0xA8, 0xB2, 0xCA, 0xAE, 0x50, 0x82, 0xE2, 0xE4, 0xE6, 0xF0, 0xF2, 0xD8]),
    st.binary(max_size=40),
)
_transmits = st.tuples(
    st.sampled_from([*Interface, Interface.NFC]),
    _apdus | _apdus | _headers | st.binary(max_size=300),
)
_events = st.sampled_from(["arm", "disarm", "off", "reset", "restart", "wait", "load"])


def _loaded() -> Bench:
    bench = Bench()
    bench.load(MASTERCARD, card=1, priority=1)
    bench.load(UNIONPAY, card=2, priority=2)
    return bench


_IMAGE = _loaded().memory.load()
_PACKAGE = make_package(make_profile(MASTERCARD), MASTERCARD)


def _happen(bench: Bench, event: str) -> None:
    if event == "arm":
        bench.element.put_on()
        bench.element.arm(bench.now)
    elif event == "disarm":
        bench.element.disarm()
    elif event == "off":
        bench.element.power_off()
    elif event == "reset":
        bench.element.reset(Interface.NFC)
    elif event == "restart":
        bench.restart()
    elif event == "wait":
        bench.wait(31)
    elif not bench.element._chip.state.payment_domain.locked:  # strangers may have locked it
        assert set(bench.store(_PACKAGE)) == {0x9000}


@settings(max_examples=150, deadline=None)
@given(st.lists(_events | _transmits | _transmits, max_size=40))
def test_no_sequence_upsets_the_element(steps: list[str | tuple[Interface, bytes]]) -> None:
    bench = Bench(memory=TransientMemory(_IMAGE))
    made: list[tuple[bytes, bytes]] = []
    windows: dict[bytes, set[int]] = {}
    window = 0
    for step in steps:
        if isinstance(step, str):
            _happen(bench, step)
            window += step in ("arm", "restart", "off")
            continue
        response = Response.decode(bench.element.transmit(*step, bench.now))
        assert response.sw >> 12 in (0x6, 0x9)
        assert response.ok or not response.data or response.sw == 0x6283
        if step[0] is Interface.NFC and response.ok and response.data:
            values = tags_of(response)
            if tags.APPLICATION_CRYPTOGRAM in values:
                made.append((values[tags.ATC], values[tags.CRYPTOGRAM_INFORMATION_DATA]))
            if tags.PAN in values:
                windows.setdefault(values[tags.PAN], set()).add(window)
        # What is kept is always what is running.
        assert image.decode(bench.memory.load() or b"") == bench.element._chip.state
    # A number appears in one window only; its ATC in one first cryptogram and at most one second.
    assert all(len(seen) == 1 for seen in windows.values())
    assert all(count <= 2 for count in Counter(atc for atc, _ in made).values())
    firsts = Counter(atc for atc, cid in made if cid == b"\x80")
    assert all(count == 1 for count in firsts.values())


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=400) | st.binary(max_size=40).map(lambda tail: (_IMAGE or b"")[:90] + tail)
)
def test_no_bytes_upset_the_image(data: bytes) -> None:
    try:
        state = image.decode(data)
    except DecodeError:
        return
    assert image.decode(image.encode(state)) == state


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([perso.CARD_PROFILE, perso.BATCH_HEADER, perso.CREDENTIALS, 0xD0FF]),
            st.binary(max_size=40) | st.sampled_from([dgi.value for dgi in _PACKAGE]),
        ).map(lambda pair: perso.Dgi(*pair)),
        min_size=1,
        max_size=5,
    )
)
def test_no_package_upsets_the_element(dgis: list[perso.Dgi]) -> None:
    bench = Bench(memory=TransientMemory(_IMAGE))
    before = bench.element.credentials_left()
    status = bench.store(dgis)
    assert set(status[:-1]) <= {0x9000}
    # Batch 1 is loaded already, so nothing that is drawn here can add or take a credential.
    assert bench.element.credentials_left() == before
    assert status[-1] in (0x9000, 0x6A80, 0x6A84, 0x6A88)


def test_answers_are_bounded() -> None:
    bench = _loaded()
    longest = Command(0x00, 0xA4, 0x04, 0x00, bytes(65_535), le=65_536).encode()
    for interface in Interface:
        assert bench.element.transmit(interface, longest, bench.now) == b"\x67\x00"
        assert bench.element.transmit(interface, bytes(70_000), bench.now) == b"\x67\x00"
