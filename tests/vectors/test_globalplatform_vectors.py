"""Every vector of SCP03: each session is replayed from the side of the host and of the card."""

import json
from pathlib import Path
from typing import Any

import pytest

from zheton.core.emv.apdu import Command, Response
from zheton.core.scp03 import card, host
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import StaticKeys, derive_session, pseudo_random_challenge

FILE = Path(__file__).parents[2] / "vectors" / "globalplatform.json"
VECTORS = json.loads(FILE.read_text())["vectors"]
SCP03 = [vector for vector in VECTORS if vector["protocol"].startswith("SCP03")]

each = pytest.mark.parametrize("vector", SCP03, ids=lambda vector: vector["protocol"])
Vector = dict[str, Any]


def raw(vector: Vector, name: str) -> bytes:
    return bytes.fromhex(vector[name])


def opened(vector: Vector) -> tuple[StaticKeys, bytes, InitializeUpdateResponse]:
    keys = StaticKeys(raw(vector, "enc"), raw(vector, "mac"), raw(vector, "dek"))
    command = Command.decode(raw(vector, "initialize_update"))
    assert host.initialize_update(command.data, command.p1) == command
    answer = InitializeUpdateResponse.decode(raw(vector, "response"))
    assert answer.encode() == raw(vector, "response")
    return keys, command.data, answer


@each
def test_session_keys(vector: Vector) -> None:
    keys, host_challenge, answer = opened(vector)
    session = derive_session(keys, host_challenge, answer.challenge)
    for name, key in (("s_enc", session.enc), ("s_mac", session.mac), ("s_rmac", session.rmac)):
        assert vector.get(name, key.hex().upper()) == key.hex().upper()


@each
def test_challenge(vector: Vector) -> None:
    keys, _, answer = opened(vector)
    assert answer.sequence_counter is not None
    expected = pseudo_random_challenge(keys, answer.sequence_counter, raw(vector, "aid"))
    assert answer.challenge == expected


@each
def test_messages(vector: Vector) -> None:
    keys, host_challenge, answer = opened(vector)
    authenticate = Command.decode(raw(vector, "external_authenticate"))
    level = SecurityLevel(authenticate.p1)
    ours, command = host.open_session(keys, level, host_challenge, answer)
    assert command == authenticate
    theirs = card.open_session(keys, host_challenge, answer.challenge, command)
    assert theirs.level is level
    for name, wrapped in vector["wrapped_in_this_order"]:
        plain, sent = raw(vector["plain_commands"], name.split(" ")[0]), bytes.fromhex(wrapped)
        if "response" in name:
            assert theirs.wrap(Response(plain)) == Response(sent)
            assert ours.unwrap(Response(sent)) == Response(plain)
        else:
            assert ours.wrap(Command.decode(plain)).encode() == sent
            assert theirs.unwrap(Command.decode(sent)).encode() == plain


def test_what_the_vectors_span() -> None:
    lengths = {len(raw(vector, "enc")) for vector in SCP03}
    levels = {Command.decode(raw(vector, "external_authenticate")).p1 for vector in SCP03}
    assert lengths == {16, 24, 32}
    assert levels == {0x03, 0x11, 0x33}
    assert len(SCP03) == len(VECTORS) - 1  # the other one is SCP02, which the element refuses
    assert all(vector["source"] for vector in VECTORS)
