"""Every recorded session of other cards, played to ours from the first byte to the last."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.element.gp.conftest import NEW_KEYS, Managed
from zheton.core.emv.apdu import Command, Response
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import StaticKeys
from zheton.roles.element.registry import Domain, KeySet

FILE = Path(__file__).parents[5] / "vectors" / "globalplatform.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"]
SCP03 = [vector for vector in VECTORS if vector["protocol"].startswith("SCP03")]
SCP02 = next(vector for vector in VECTORS if vector["protocol"].startswith("SCP02"))


def static(vector: dict[str, Any]) -> StaticKeys:
    return StaticKeys(*(bytes.fromhex(vector[name]) for name in ("enc", "mac", "dek")))


@pytest.mark.parametrize("vector", SCP03, ids=lambda vector: vector["protocol"])
def test_a_recorded_session_runs_on_the_card(vector: dict[str, Any]) -> None:
    """The answer to INITIALIZE UPDATE is the recorded one; each wrapped command is authentic."""
    recorded = InitializeUpdateResponse.decode(bytes.fromhex(vector["response"]))
    assert recorded.sequence_counter is not None
    keys, version = static(vector), recorded.key_version
    chip = Managed(laboratory=True)
    state = replace(chip.state, serial=recorded.diversification)
    before = KeySet(version, keys, recorded.sequence_counter)
    # The challenge is of the name of the recorded card's own domain (Amendment D, 6.2.2.1).
    domain = Domain(bytes.fromhex(vector["aid"]), (before,))
    chip.set_state(replace(state, issuer_domain=domain))
    initialize = Command.decode(bytes.fromhex(vector["initialize_update"]))
    authenticate = Command.decode(bytes.fromhex(vector["external_authenticate"]))
    assert chip.select_aid().ok
    assert chip.send(initialize).data == bytes.fromhex(vector["response"])
    assert chip.send(authenticate).ok
    # The host of the recording checks what our card protects.
    level = SecurityLevel(authenticate.p1)
    host, first = open_session(keys, level, initialize.data, recorded)
    assert first == authenticate
    for name, wrapped in vector["wrapped_in_this_order"]:
        if "response" not in name:
            plain = Command.decode(bytes.fromhex(vector["plain_commands"][name.split(" ")[0]]))
            assert host.wrap(plain).encode().hex().upper() == wrapped
            answer = chip.send(Command.decode(bytes.fromhex(wrapped)))
            assert answer.sw not in (0x6982, 0x6983, 0x6988)
            # GET DATA and GET STATUS are answered; the rest is for another card, and so an error.
            assert bool(host.unwrap(answer).data) is (name in ("case_2", "case_4"))
    assert chip.state.issuer_domain.failures == 0
    assert chip.state.issuer_domain.key_sets[0].sequence == recorded.sequence_counter + 1


def test_a_host_of_scp02_is_refused() -> None:
    """The card says SCP03 and no other; a host that goes on with SCP02 shows no key of ours."""
    chip = Managed(laboratory=True)
    enc = bytes.fromhex(SCP02["enc"])
    keys = StaticKeys(enc, bytes.fromhex(SCP02["mac"]), enc)
    domain = Domain(chip.state.issuer_domain.aid, (KeySet(0x20, keys),))
    chip.set_state(chip.state.with_domain(domain))
    chip.select_aid()
    challenge = bytes.fromhex(SCP02["host_challenge"])
    answer = chip.send(Command(0x80, 0x50, 0, 0, challenge, le=256))
    assert answer.data[11:13] == b"\x03\x70"
    assert len(answer.data) == 32
    assert len(bytes.fromhex(SCP02["response"])) == 28
    authenticate = Command.decode(bytes.fromhex(SCP02["external_authenticate"]))
    assert chip.send(authenticate) == Response(sw=0x6300)
    assert chip.state.issuer_domain.failures == 1


def test_keys_of_scp02_cannot_be_put() -> None:
    """Type 80 (DES) and 82 (Triple DES in CBC) of table 11-16: no such algorithm here."""
    chip = Managed()
    for kind in (0x80, 0x82):
        key = bytes((kind, 0x10)) + NEW_KEYS.enc + b"\x03" + bytes(3)
        assert chip.session().send(0xD8, 0, 0x81, b"\x02" + 3 * key).sw == 0x9484
