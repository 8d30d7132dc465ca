"""The key file: made whole or not at all, its owner's alone, sealed or said to be open."""

import copy
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from zheton.adapters.keys.file import memory_keys
from zheton.adapters.keys.opening import KeySettings, open_keys, seal
from zheton.adapters.keys.renewal import ALGORITHM
from zheton.adapters.keys.ring import Purpose, Ring
from zheton.core.crypto.scrypt import ScryptCost
from zheton.core.errors import ConfigurationError, ConflictError
from zheton.core.scheme import Cipher
from zheton.core.token.number import TokenRange
from zheton.core.token.pan import Pan

BINS: dict[str, Cipher] = {"520473": "3des", "62355312": "aes"}
PAN, ROW = Pan("5413330089600010"), (5, "05" * 16)
GOOD, OTHER = "correct horse battery", "another horse altogether"


@dataclass(frozen=True)
class Given:
    passphrase: str | None = field(default=None, repr=False)

    def given(self) -> str | None:
        return self.passphrase

    def ask(self) -> str:
        assert self.passphrase is not None, "somebody was asked"
        return self.passphrase


OPEN = KeySettings(BINS, "2019-09-10", Given(), cost=ScryptCost(1 << 14))
SEALED = replace(OPEN, passphrase=Given(GOOD))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("keys") / "vault.keys"
    open_keys(path, OPEN)
    return path.read_bytes()


def put(path: Path, content: bytes) -> Path:
    path.touch(0o600)
    path.write_bytes(content)
    return path


@pytest.fixture
def plain(tmp_path: Path, made: bytes) -> Path:
    return put(tmp_path / "vault.keys", made)


@pytest.fixture
def sealed(plain: Path) -> Path:
    seal(plain, OPEN, GOOD)
    return plain


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "vault.keys"
    open_keys(path, OPEN)
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert {each.name for each in path.parent.iterdir()} == {"vault.keys", ".vault.keys.lock"}


def test_processes_that_start_together_share_one_file(tmp_path: Path) -> None:
    def thumbprint(_: int) -> str:
        return open_keys(tmp_path / "vault.keys", OPEN).envelope_thumbprint()

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(thumbprint, range(3)))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_others_may_not_read_it(plain: Path, mode: int) -> None:
    plain.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        open_keys(plain, OPEN)


def test_a_file_cut_anywhere_is_told_in_one_sentence(plain: Path, made: bytes) -> None:
    for length in range(0, len(made) - 2, 97):
        put(plain, made[:length])
        with pytest.raises(ConfigurationError, match=r"no key file of Zheton, or was cut short"):
            open_keys(plain, OPEN)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 1}', '{"format": 3}', '{"format": 2, "custody": []}',
                '{"format": 2, "custody": {}, "keys": [{}]}', "[" * 50_000]
)  # fmt: skip
def test_a_file_that_is_no_key_file(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError, match="no key file"):
        open_keys(put(tmp_path / "vault.keys", content.encode()), OPEN)


def test_a_passphrase_seals_a_plain_file_and_the_keys_stay(plain: Path) -> None:
    before = open_keys(plain, OPEN)
    row = before.seal_pan(PAN, *ROW)
    key = json.loads(plain.read_text())["custody"]["key"]
    seal(plain, OPEN, GOOD)
    assert key not in plain.read_text()
    after = open_keys(plain, SEALED)
    assert after.open_pan(*row, *ROW) == PAN
    assert after.custody_kind() == "passphrase"
    assert [e.check for e in after.entries()] == [e.check for e in before.entries()]
    assert stat.S_IMODE(plain.stat().st_mode) == 0o600


def test_a_new_passphrase_takes_the_place_of_the_old(sealed: Path) -> None:
    seal(sealed, SEALED, OTHER)
    open_keys(sealed, replace(OPEN, passphrase=Given(OTHER)))
    with pytest.raises(ConfigurationError, match="does not open the key file"):
        open_keys(sealed, SEALED)


def test_a_wrong_passphrase_is_one_clear_sentence_and_changes_nothing(sealed: Path) -> None:
    content, wrong = sealed.read_bytes(), replace(OPEN, passphrase=Given(OTHER))
    with pytest.raises(ConfigurationError) as told:
        open_keys(sealed, wrong)
    assert str(told.value).count(".") == 1
    assert OTHER not in str(told.value)
    with pytest.raises(ConfigurationError, match="does not open the key file"):
        seal(sealed, wrong, GOOD + "!")
    assert sealed.read_bytes() == content


def test_a_short_passphrase_is_refused(plain: Path) -> None:
    with pytest.raises(ConfigurationError, match="12 characters"):
        seal(plain, OPEN, "short")
    open_keys(plain, OPEN)


def test_a_new_file_is_sealed_where_a_passphrase_is_given(tmp_path: Path) -> None:
    path = tmp_path / "vault.keys"
    assert open_keys(path, SEALED).custody_kind() == "passphrase"
    with pytest.raises(AssertionError, match="asked"):
        open_keys(path, OPEN)


@pytest.mark.parametrize(
    "damage",
    [{"scrypt": {"n": 1 << 30, "r": 8, "p": 1}}, {"scrypt": {"n": 2, "r": 8, "p": 1}},
     {"scrypt": {"n": "x", "r": 8, "p": 1}}, {"scrypt": {}}, {"scrypt": None}, {"salt": "x"},
     {"kind": None, "salt": None}],
)  # fmt: skip
def test_parameters_out_of_bounds_are_refused_before_they_cost(
    sealed: Path, damage: dict[str, Any]
) -> None:
    document = json.loads(sealed.read_text())
    document["custody"] |= damage
    put(sealed, json.dumps(document).encode())
    with pytest.raises(ConfigurationError, match="head of the key file"):
        open_keys(sealed, SEALED)


def test_keys_swapped_in_the_file_do_not_unwrap(plain: Path) -> None:
    document = json.loads(plain.read_text())
    keys = [e for e in document["keys"] if e["purpose"] in ("index", "par")]
    keys[0]["stored"], keys[1]["stored"] = keys[1]["stored"], keys[0]["stored"]
    put(plain, json.dumps(document).encode())
    with pytest.raises(ConfigurationError, match="does not unwrap"):
        open_keys(plain, OPEN)


@pytest.mark.parametrize("purpose", [p for p in ALGORITHM if p != "ff1"])
def test_a_ring_that_lacks_a_key_does_not_open(plain: Path, purpose: Purpose) -> None:
    document = json.loads(plain.read_text())
    document["keys"] = [e for e in document["keys"] if e["purpose"] != purpose]
    put(plain, json.dumps(document).encode())
    with pytest.raises(ConfigurationError, match=f"no {purpose} key"):
        open_keys(plain, OPEN)


def test_a_change_while_the_file_is_sealed_anew_is_refused(plain: Path) -> None:
    running = open_keys(plain, OPEN)
    seal(plain, OPEN, GOOD)
    with pytest.raises(ConflictError, match="sealed anew"):
        running.change(lambda ring, _: ring)
    assert running.open_pan(*running.seal_pan(PAN, *ROW), *ROW) == PAN  # it goes on as it was


@pytest.fixture(scope="module")
def version_1(made: bytes) -> dict[str, Any]:
    """A plain key file as it was before there were rings."""
    envelope = {"kty": "RSA"} | _rsa_private(made)
    return {
        "format": 1,
        "issuer_master": {"520473": {"1": "01" * 16, "2": "02" * 16}, "62355312": {"1": "03" * 16}},
        "ff1": {"520473": "04" * 32, "62355312": "05" * 32},
        "data": {"1": "06" * 32},
        "index": "07" * 32,
        "par": "08" * 32,
        "code": "09" * 32,
        "device": "0a" * 32,
        "envelope": envelope,
    }


def _rsa_private(made: bytes) -> dict[str, Any]:
    keys = memory_keys(Ring.from_json(json.loads(made)))
    return dict(keys._opened.envelopes[1].as_dict(private=True))


def test_a_file_of_version_1_keeps_opening(tmp_path: Path, version_1: dict[str, Any]) -> None:
    path = put(tmp_path / "vault.keys", json.dumps(version_1).encode())
    keys = open_keys(path, OPEN)
    assert keys.issuer_key_version("520473") == 2
    assert keys.token_range("520473").number(7) == TokenRange("520473", b"\4" * 32).number(7)
    assert keys._opened.data == {1: b"\6" * 32}
    assert keys._opened.index == {1: b"\7" * 32}
    assert keys.card_key("aes", "62355312", 1, "6235531200000000", 0)
    again = open_keys(path, OPEN)
    assert again.audit_epochs() == keys.audit_epochs()  # which version 1 had no key for
    assert again.envelope_thumbprint() == keys.envelope_thumbprint()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_file_of_version_1_stays_as_it_is(
    tmp_path: Path, version_1: dict[str, Any]
) -> None:
    damaged = copy.deepcopy(version_1)
    del damaged["index"]
    path = put(tmp_path / "vault.keys", json.dumps(damaged).encode())
    with pytest.raises(ConfigurationError, match="no key file"):
        open_keys(path, OPEN)
    assert json.loads(path.read_text()) == damaged
