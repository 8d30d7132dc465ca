"""SCP03: both sides agree whatever they say, and nothing that was touched passes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.emv import status
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import DecodeError, EncodeError, VerificationError
from zheton.core.scp03 import card, host
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import (
    StaticKeys,
    card_cryptogram,
    derive_session,
    pseudo_random_challenge,
)

AID = bytes.fromhex("A000000151000000")
HOST_CHALLENGE = bytes(range(8))
KEYS = StaticKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))
COMMAND = Command(0x80, 0xE2, 0x80, 0x00, b"ten bytes.", le=256)

levels = st.sampled_from(SecurityLevel)
static_keys = st.sampled_from((16, 24, 32)).flatmap(
    lambda n: st.builds(StaticKeys, *[st.binary(min_size=n, max_size=n)] * 3)
)
commands = st.builds(
    Command,
    st.sampled_from((0x00, 0x80, 0x83)),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=300),
    st.sampled_from((None, 1, 256, 65_536)),
)
responses = st.one_of(
    st.builds(Response, st.binary(max_size=300), st.sampled_from((0x9000, 0x6310, 0x6283))),
    st.builds(Response, st.just(b""), st.sampled_from((0x6A88, 0x6982))),
)


def answer_of(keys: StaticKeys, counter: int = 0) -> InitializeUpdateResponse:
    challenge = pseudo_random_challenge(keys, counter, AID)
    session = derive_session(keys, HOST_CHALLENGE, challenge)
    cryptogram = card_cryptogram(session, HOST_CHALLENGE, challenge)
    return InitializeUpdateResponse(bytes(10), 0x30, challenge, cryptogram, counter)


def opened(
    level: SecurityLevel, keys: StaticKeys = KEYS
) -> tuple[host.HostSession, card.CardSession]:
    answer = answer_of(keys)
    ours, command = host.open_session(keys, level, HOST_CHALLENGE, answer)
    return ours, card.open_session(keys, HOST_CHALLENGE, answer.challenge, command)


@given(static_keys, levels, st.lists(st.tuples(commands, responses), max_size=4))
def test_both_sides_agree(
    keys: StaticKeys, level: SecurityLevel, talk: list[tuple[Command, Response]]
) -> None:
    ours, theirs = opened(level, keys)
    for command, response in talk:
        wrapped = Command.decode(ours.wrap(command).encode())
        assert theirs.unwrap(wrapped) == command
        assert ours.unwrap(theirs.wrap(response)) == response


@given(levels, st.data())
def test_a_changed_command_ends_the_session(level: SecurityLevel, data: st.DataObject) -> None:
    ours, theirs = opened(level)
    wrapped = ours.wrap(COMMAND)
    raw = wrapped.encode()[:-1]  # Le is not protected: it says nothing but how much to answer
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    try:
        changed = Command.decode((int.from_bytes(raw) ^ 1 << bit).to_bytes(len(raw)))
    except DecodeError:
        return
    with pytest.raises(VerificationError):
        theirs.unwrap(changed)
    with pytest.raises(VerificationError):
        theirs.unwrap(wrapped)


@pytest.mark.parametrize("level", SecurityLevel)
def test_commands_pass_once_and_in_order(level: SecurityLevel) -> None:
    ours, theirs = opened(level)
    first, second = ours.wrap(COMMAND), ours.wrap(COMMAND)
    assert first != second
    with pytest.raises(VerificationError):
        theirs.unwrap(second)
    ours, theirs = opened(level)
    first = ours.wrap(COMMAND)
    theirs.unwrap(first)
    with pytest.raises(VerificationError):
        theirs.unwrap(first)


@pytest.mark.parametrize("level", SecurityLevel)
def test_a_plain_command_ends_the_session(level: SecurityLevel) -> None:
    ours, theirs = opened(level)
    with pytest.raises(VerificationError, match="does not belong"):
        theirs.unwrap(COMMAND)
    with pytest.raises(VerificationError, match="does not belong"):
        theirs.unwrap(ours.wrap(COMMAND))
    _, theirs = opened(level)
    with pytest.raises(VerificationError, match="does not belong"):
        theirs.unwrap(Command(0x84, 0xE2, 0, 0, b"short"))


@given(st.integers(0, 8 * 18 - 1))
def test_a_changed_response_is_refused(bit: int) -> None:
    ours, theirs = opened(SecurityLevel.C_MAC_R_MAC)
    theirs.unwrap(ours.wrap(COMMAND))
    sent = theirs.wrap(Response(b"ten bytes."))
    changed = Response((int.from_bytes(sent.data) ^ 1 << bit).to_bytes(18), sent.sw)
    with pytest.raises(VerificationError):
        ours.unwrap(changed)
    with pytest.raises(VerificationError):
        ours.unwrap(replace(sent, sw=0x6310))
    with pytest.raises(VerificationError):
        ours.unwrap(Response())


def test_what_travels_is_encrypted() -> None:
    ours, theirs = opened(SecurityLevel.C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC)
    first, second = ours.wrap(COMMAND), ours.wrap(COMMAND)
    assert COMMAND.data not in first.data
    assert first.data[:16] != second.data[:16]
    theirs.unwrap(first)
    sent = theirs.wrap(Response(COMMAND.data))
    assert COMMAND.data not in sent.data
    assert sent.data[:16] != first.data[:16]


def test_errors_go_alone() -> None:
    ours, theirs = opened(SecurityLevel.C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC)
    theirs.unwrap(ours.wrap(COMMAND))
    sent = theirs.wrap(Response(b"a secret", status.CONDITIONS_NOT_SATISFIED))
    assert sent == Response(b"", status.CONDITIONS_NOT_SATISFIED)
    assert ours.unwrap(sent) == sent
    with pytest.raises(VerificationError, match="error status word"):
        ours.unwrap(Response(b"forged", status.CONDITIONS_NOT_SATISFIED))


def test_a_card_without_the_keys_is_refused() -> None:
    other = StaticKeys(bytes(16), bytes(16), bytes(16))
    with pytest.raises(VerificationError, match="card cryptogram"):
        host.open_session(KEYS, SecurityLevel.C_MAC, HOST_CHALLENGE, answer_of(other))


def test_a_host_without_the_keys_is_refused() -> None:
    other = StaticKeys(bytes(16), bytes(16), bytes(16))
    answer = answer_of(other)
    _, command = host.open_session(other, SecurityLevel.C_MAC, HOST_CHALLENGE, answer)
    with pytest.raises(VerificationError, match="command MAC"):
        card.open_session(KEYS, HOST_CHALLENGE, answer.challenge, command)


def test_a_right_mac_over_a_wrong_cryptogram_is_refused() -> None:
    answer = answer_of(KEYS)
    keys = derive_session(KEYS, HOST_CHALLENGE, answer.challenge)
    for cryptogram in (bytes(8), b""):
        session = host.HostSession(keys, SecurityLevel.C_MAC)
        forged = session.wrap(Command(0x80, 0x82, 0x01, 0x00, cryptogram))
        with pytest.raises(VerificationError, match="host cryptogram"):
            card.open_session(KEYS, HOST_CHALLENGE, answer.challenge, forged)


@pytest.mark.parametrize("p1", [0x00, 0x02, 0x10, 0x31, 0xFF])
def test_unknown_security_levels_are_refused(p1: int) -> None:
    answer = answer_of(KEYS)
    _, command = host.open_session(KEYS, SecurityLevel.C_MAC, HOST_CHALLENGE, answer)
    with pytest.raises(VerificationError):
        card.open_session(KEYS, HOST_CHALLENGE, answer.challenge, replace(command, p1=p1))


def test_a_recorded_opening_does_not_fit_the_next_challenge() -> None:
    first = answer_of(KEYS, counter=0)
    _, command = host.open_session(KEYS, SecurityLevel.C_MAC, HOST_CHALLENGE, first)
    following = pseudo_random_challenge(KEYS, 1, AID)
    assert following != first.challenge
    with pytest.raises(VerificationError):
        card.open_session(KEYS, HOST_CHALLENGE, following, command)


def test_a_command_that_does_not_fit_leaves_the_session_as_it_was() -> None:
    ours, theirs = opened(SecurityLevel.C_DECRYPTION_C_MAC)
    for command in (Command(0x80, 0xE2, 0, 0, bytes(65_535)), Command(0xC0, 0xE2, 0, 0)):
        with pytest.raises(EncodeError):
            ours.wrap(command)
    assert theirs.unwrap(ours.wrap(COMMAND)) == COMMAND


@pytest.mark.parametrize("data", [b"", bytes(15), bytes(16), bytes(32)])
def test_a_command_that_does_not_decrypt_ends_the_session(data: bytes) -> None:
    """A host with the right keys and a wrong idea of padding."""
    answer = answer_of(KEYS)
    _, command = host.open_session(KEYS, SecurityLevel.C_DECRYPTION_C_MAC, HOST_CHALLENGE, answer)
    theirs = card.open_session(KEYS, HOST_CHALLENGE, answer.challenge, command)
    keys = derive_session(KEYS, HOST_CHALLENGE, answer.challenge)
    careless = host.HostSession(keys, SecurityLevel.C_MAC)
    assert (
        careless.external_authenticate(HOST_CHALLENGE, answer.challenge).data[:8]
        == command.data[:8]
    )
    careless = host.HostSession(keys, SecurityLevel.C_MAC)
    careless.wrap(Command(0x80, 0x82, 0x03, 0x00, command.data[:8]))  # the same first link
    wrapped = careless.wrap(Command(0x80, 0xE2, 0, 0, data))
    if not data:
        assert theirs.unwrap(wrapped).data == b""
        return
    with pytest.raises(VerificationError, match="does not decrypt"):
        theirs.unwrap(wrapped)
    with pytest.raises(VerificationError, match="does not belong"):
        theirs.unwrap(wrapped)


@given(
    st.builds(
        InitializeUpdateResponse,
        st.binary(min_size=10, max_size=10),
        st.integers(0, 255),
        st.binary(min_size=8, max_size=8),
        st.binary(min_size=8, max_size=8),
        st.integers(0, 0xFFFFFF),
    )
)
def test_answer_round_trip(answer: InitializeUpdateResponse) -> None:
    assert InitializeUpdateResponse.decode(answer.encode()) == answer
    random = replace(answer, sequence_counter=None, i=0x60)
    assert InitializeUpdateResponse.decode(random.encode()) == random


@given(
    st.one_of(st.binary(max_size=40), st.binary(max_size=24).map(lambda b: bytes(11) + b"\3p" + b))
)
def test_no_bytes_crash_the_answer(data: bytes) -> None:
    try:
        assert InitializeUpdateResponse.decode(data).encode() == data
    except DecodeError as error:
        assert error.field == "INITIALIZE UPDATE response"
        assert 0 <= error.offset <= len(data)


def test_other_protocols_are_refused() -> None:
    for scp, i in ((0x02, 0x15), (0x03, 0x71)):
        with pytest.raises(DecodeError, match="another protocol"):
            InitializeUpdateResponse.decode(bytes(11) + bytes((scp, i)) + bytes(19))


def test_what_does_not_fit_is_refused() -> None:
    for keys in ((16, 16, 24), (15, 15, 15), (24, 16, 16)):
        with pytest.raises(EncodeError):
            StaticKeys(*(bytes(size) for size in keys))
    with pytest.raises(EncodeError, match="challenge"):
        derive_session(KEYS, bytes(8), bytes(16))
    with pytest.raises(EncodeError, match="sequence counter"):
        pseudo_random_challenge(KEYS, 1 << 24, AID)
    answer = answer_of(KEYS)
    for wrong in (
        replace(answer, challenge=bytes(7)),
        replace(answer, sequence_counter=None),
        replace(answer, i=0x60),
    ):
        with pytest.raises(EncodeError):
            wrong.encode()


def test_keys_do_not_show() -> None:
    assert repr(KEYS) == "StaticKeys()"
    assert repr(derive_session(KEYS, bytes(8), bytes(8))) == "SessionKeys()"
    ours, theirs = opened(SecurityLevel.C_MAC)
    assert "0001020304" not in repr(ours) + repr(theirs)
