"""`zheton keys` as somebody types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zheton.adapters.keys import renewal
from zheton.adapters.keys.ring import Purpose
from zheton.apps.cli.keys import app
from zheton.apps.cli.main import main
from zheton.apps.lab.stolen import steal
from zheton.apps.wiring import Installation
from zheton.core.errors import ConfigurationError

CARDS = 3


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with some cards."""
    folder = tmp_path_factory.mktemp("vault")
    steal(folder, candidates=CARDS, cards=CARDS)
    return folder


@pytest.fixture(autouse=True)
def nobody_said_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZHETON_PASSPHRASE", "ZHETON_NEW_PASSPHRASE", "ZHETON_PKCS11_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def run(folder: Path, *arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments), "--data", str(folder)])
    if result.exception:
        raise result.exception
    return result.output


def test_list_shows_check_values_and_no_key_and_says_that_it_is_plain(enrolled: Path) -> None:
    told = run(enrolled, "list")
    ring = json.loads((enrolled / "vault.keys").read_text())
    for key in ring["keys"]:
        assert key["check"] in told
        assert key["stored"][:16] not in told
    assert ring["custody"]["key"] not in told
    assert "Not sealed" in told


def test_data_and_index_rotate_and_bring_all_cards(enrolled: Path) -> None:
    for purpose in ("data", "index"):
        told = run(enrolled, "rotate", purpose)
        assert f"{purpose}, version 2" in told
        assert f"{CARDS} cards are brought to the newest key" in told
        again = run(enrolled, "rotate", purpose)  # what was before goes only now
        assert f"{purpose}, version 3" in again
    keys = Installation(enrolled).keys
    versions = [(e.purpose, e.version) for e in keys.entries() if e.purpose in ("data", "index")]
    assert sorted(versions) == [("data", 2), ("data", 3), ("index", 2), ("index", 3)]


def test_a_rotation_that_was_cut_is_finished_before_another_begins(enrolled: Path) -> None:
    before = max(e.version for e in Installation(enrolled).keys.entries() if e.purpose == "data")
    installation = Installation(enrolled)
    installation.keys.change(
        lambda ring, on: renewal.with_new_version(ring, on, Purpose.DATA, "", "2019-09-10")
    )
    told = run(enrolled, "rotate", "data")
    assert "cut short" in told
    after = max(e.version for e in Installation(enrolled).keys.entries() if e.purpose == "data")
    assert after == before + 1


def test_an_issuer_key_is_named_by_its_bin(enrolled: Path) -> None:
    assert "issuer 520473, version 2, 3des" in run(enrolled, "rotate", "issuer", "520473")
    for wrong in (("rotate", "issuer"), ("rotate", "data", "520473")):
        with pytest.raises(ConfigurationError, match="rotate issuer BIN"):
            run(enrolled, *wrong)


def test_envelope_and_audit_keys_rotate(enrolled: Path) -> None:
    assert Installation(enrolled).keys.envelope_thumbprint() not in run(
        enrolled, "rotate", "envelope"
    )
    assert "audit, version 2, ed25519" in run(enrolled, "rotate", "audit")


def test_whoever_kept_the_first_audit_key_verifies_what_a_later_one_signed(
    enrolled: Path, tmp_path: Path
) -> None:
    on = ["--data", str(enrolled)]
    assert main(["audit", "checkpoint", *on]) == 0
    kept = tmp_path / "kept.public"
    kept.write_text((enrolled / "audit.public").read_text())
    assert "audit.public" in run(enrolled, "rotate", "audit")
    run(enrolled, "rotate", "data")  # opens every card, so there is something to sign
    assert main(["audit", "checkpoint", *on]) == 0
    assert main(["audit", "verify", *on, "--key", str(kept)]) == 0
    kept.write_text(f"1 {bytes(32).hex()}\n")
    assert main(["audit", "verify", *on, "--key", str(kept)]) == 1


def test_a_new_bin_gets_its_keys(enrolled: Path) -> None:
    with pytest.raises(ConfigurationError, match="--cipher"):
        run(enrolled, "create", "53330011")
    assert "issuer 53330011, version 1, aes" in run(
        enrolled, "create", "53330011", "--cipher", "aes"
    )
    assert "there already" in run(enrolled, "create", "520473")


def test_seal_and_open_by_a_file(enrolled: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for file, passphrase in ((first, "correct horse battery\n"), (second, "another animal\n")):
        file.touch(0o600)
        file.write_text(passphrase)
    assert "is sealed" in run(enrolled, "seal", "--new-passphrase-file", first)
    with pytest.raises(ConfigurationError, match="nobody is here to ask"):
        run(enrolled, "list")
    assert "Sealed by a passphrase" in run(enrolled, "list", "--passphrase-file", first)
    run(enrolled, "seal", "--passphrase-file", first, "--new-passphrase-file", second)
    with pytest.raises(ConfigurationError, match="does not open the key file"):
        run(enrolled, "list", "--passphrase-file", first)
    second.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        run(enrolled, "list", "--passphrase-file", second)
