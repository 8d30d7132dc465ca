"""The key file: made whole or not at all, readable by its owner alone, and the same every time."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zheton.adapters.keys_file import FileKeys, open_key_file, seal_envelope
from zheton.core.errors import ConfigurationError, VerificationError
from zheton.core.token.pan import Pan

BINS = ("520473", "62355312")
PAN = Pan("5413330089600010")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys") / "vault" / "vault.keys"
    open_key_file(made, BINS)
    return made


def test_it_is_made_for_its_owner_alone_and_leaves_nothing_beside(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_it_is_the_same_file_every_time(path: Path) -> None:
    before, keys = path.read_bytes(), open_key_file(path, BINS)
    assert keys.token_bins == BINS
    version, sealed = keys.seal_pan(PAN, 5, "05" * 16)
    again = open_key_file(path, BINS)
    assert again.open_pan(version, sealed, 5, "05" * 16) == PAN
    assert again.pan_index(PAN) == keys.pan_index(PAN)
    assert again.token_range("520473").number(7) == keys.token_range("520473").number(7)
    assert path.read_bytes() == before


def test_processes_that_start_together_share_one_file(tmp_path: Path) -> None:
    def thumbprint(_: int) -> str:
        return open_key_file(tmp_path / "vault.keys", BINS).envelope_thumbprint()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(thumbprint, range(4)))) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_others_may_not_read_it(path: Path) -> None:
    path.chmod(0o640)
    try:
        with pytest.raises(ConfigurationError, match="chmod 600"):
            open_key_file(path, BINS)
    finally:
        path.chmod(0o600)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"issuer_master": {"520473": {"1": "x"}}}']
)
def test_a_file_that_is_no_key_file(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "vault.keys"
    broken.write_text(content)
    broken.chmod(0o600)
    with pytest.raises(ConfigurationError, match="no key file"):
        open_key_file(broken, BINS)


def test_it_prints_no_key(path: Path) -> None:
    keys, content = open_key_file(path, BINS), json.loads(path.read_text())
    for secret in (content["data"]["1"], content["index"], content["ff1"]["520473"]):
        assert secret not in repr(keys)
    assert set(keys.envelope_key()) <= {"kty", "n", "e", "kid"}


def test_a_bin_without_keys_is_named(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="999999"):
        open_key_file(path, BINS).token_range("999999")


def test_an_account_reference_is_25_of_36_characters_and_tells_cards_apart(path: Path) -> None:
    keys = open_key_file(path, BINS)
    suffixes = {keys.par_suffix(pan) for pan in (PAN, Pan("4111111111111111"))}
    assert len(suffixes) == 2
    for suffix in suffixes:
        assert len(suffix) == 25
        assert suffix.isascii()
        assert suffix.isalnum()
        assert suffix == suffix.upper()


def test_the_same_card_is_never_sealed_to_the_same_bytes(path: Path) -> None:
    keys: FileKeys = open_key_file(path, BINS)
    assert keys.seal_pan(PAN, 1, "a") != keys.seal_pan(PAN, 1, "a")


def test_an_entry_form_that_pins_another_key_sends_nothing(path: Path) -> None:
    keys = open_key_file(path, BINS)
    with pytest.raises(VerificationError, match="pinned"):
        seal_envelope(b"{}", keys.envelope_key(), "x")
