"""A tool that other people wrote has managed a laboratory's chip: its run, command by command.

The tool itself needs an old cipher library, so it is not run here. It checked each answer when the
run was recorded, and nothing in an answer is random: whatever changes one of them shows here.
"""

import json
from pathlib import Path

from tests.unit.roles.element.conftest import KEYS, MASTERCARD, SERIAL
from tests.unit.roles.element.gp.conftest import Managed
from zheton.adapters.element_memory import TransientMemory
from zheton.core.scp03.channel import SecurityLevel
from zheton.roles.element.element import Interface
from zheton.roles.element.manufacture import manufacture
from zheton.roles.element.registry import WELL_KNOWN_KEYS

FILE = Path(__file__).parents[5] / "vectors" / "py-gp-session.json"
EXCHANGES: list[tuple[str, str]] = json.loads(FILE.read_text())["exchanges"]


def test_a_whole_run_of_py_gp_is_answered_as_it_was() -> None:
    memory = TransientMemory()
    keys = WELL_KNOWN_KEYS
    manufacture(memory, serial=SERIAL, payment_keys=KEYS, issuer_keys=keys, laboratory=True)
    chip = Managed(memory=memory)
    chip.load(MASTERCARD)
    for command, answer in EXCHANGES:
        given = chip.element.transmit(Interface.NFC, bytes.fromhex(command), chip.now)
        assert given.hex().upper() == answer, command
    assert chip.state.issuer_domain.failures == 0


def test_what_the_run_spans() -> None:
    commands = [bytes.fromhex(command) for command, _ in EXCHANGES]
    levels = {command[2] for command in commands if command[1] == 0x82}
    assert levels == set(SecurityLevel)
    used = {command[1] for command in commands}
    assert used == {0xA4, 0x50, 0x82, 0xCA, 0xF2, 0xD8, 0xE6, 0xF0, 0xE4}
    assert all(answer.endswith("9000") for _, answer in EXCHANGES)
