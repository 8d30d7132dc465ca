"""A package opened with its chip's keys: what is inside is told, and no secret with it."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.roles.element.conftest import (
    HOST_CHALLENGE,
    KEYS,
    MASTERCARD,
    Bench,
    make_number,
    make_package,
    make_profile,
)
from zheton.apps.trace import Crossing
from zheton.apps.xray.decoder import steps
from zheton.apps.xray.inside import GROUPING, PLAIN, Inside
from zheton.apps.xray.step import Field
from zheton.core.emv import perso
from zheton.core.emv.apdu import Command
from zheton.core.emv.perso import Credentials, Dgi
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import initialize_update, open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import StaticKeys

PACKAGE = [*make_package(make_profile(MASTERCARD), MASTERCARD, size=20), Dgi(0xDFFF, b"unknown")]
OTHERS = StaticKeys(bytes(16), bytes(16), bytes(16))


def crossings(*, spoil: int | None = None) -> list[Crossing]:
    """A whole package on its way; a bit of one command is spoilt."""
    bench = Bench()
    sent: list[Crossing] = []

    def said(source: str, target: str, data: bytes) -> None:
        sent.append(Crossing(0.0, source, target, "apdu", data))

    bench.select_domain()
    hello = initialize_update(HOST_CHALLENGE)
    said("companion", "element", hello.encode())
    answer = bench.host(hello)
    said("element", "companion", answer.encode())
    level = SecurityLevel.C_DECRYPTION_C_MAC
    decoded = InitializeUpdateResponse.decode(answer.data)
    session, authenticate = open_session(KEYS, level, HOST_CHALLENGE, decoded)
    commands = [authenticate, *map(session.wrap, perso.store_data_commands(PACKAGE))]
    for place, command in enumerate(commands):
        data = bytearray(command.encode())
        data[-1] ^= place == spoil
        said("companion", "element", bytes(data))
        said("element", "companion", b"\x90\x00")
    return sent


def inside(keys: StaticKeys | None = KEYS, *, spoil: int | None = None) -> list[Field]:
    opened = steps(crossings(spoil=spoil), None, keys)
    return [each for step in opened for each in step.fields if each.tag in (PLAIN, GROUPING)]


def test_every_grouping_is_told_once_it_is_whole() -> None:
    told = {each.value: each.meaning for each in inside() if "so far" not in each.meaning}
    assert told["D001"] == "MASTERCARD, A0000000041010, priority 1"
    assert told["D002"] == "batch 0000000000000001, from 2026-01-01 to 2030-12-31, key 1"
    assert told["D003"] == "20 one-time numbers with session keys, counters 65 to 84; masked"
    assert told["DFFF"] == "7 bytes"
    assert told["80 E2 08 00"] == "STORE DATA, personalise, block 1, 239 bytes"


def test_no_key_and_no_number_leaves() -> None:
    shown = json.dumps([step.to_json() for step in steps(crossings(), None, KEYS)]).upper()
    (value,) = [dgi.value for dgi in PACKAGE if dgi.identifier == perso.CREDENTIALS]
    credentials = Credentials.decode(value).credentials
    secrets = [each.session_key.hex() for each in credentials] + [KEYS.enc.hex(), KEYS.mac.hex()]
    secrets += [each.number for each in credentials] + [b"unknown".hex()]
    assert make_number(MASTERCARD, 64) in secrets
    assert [each for each in secrets if each.upper() in shown] == []


def test_without_keys_or_with_anothers_nothing_is_told() -> None:
    assert inside(None) == []
    (only,) = inside(OTHERS)
    assert only.meaning == "The command MAC does not verify."


def test_a_command_that_was_changed_ends_what_is_told() -> None:
    told = [each.meaning for each in inside(spoil=2)]
    assert told[-1] == "The command MAC does not verify."
    assert "block 1" in told[1] and not any("block 2" in each for each in told)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([0x50, 0x82, 0xE2, 0xA4]), st.binary(max_size=40))))
def test_no_bytes_crash_it(said: list[tuple[int, bytes]]) -> None:
    opened = Inside(KEYS)
    for ins, data in said:
        opened.answered(data)
        opened.command(Command(0x84, ins, 0x03, 0, data))
