"""What every custody of the vault's keys must do: the key file and the PKCS#11 token alike."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.system.conftest import require
from zheton.adapters.keys import pkcs11, renewal
from zheton.adapters.keys.certification import with_certification
from zheton.adapters.keys.envelope import seal_envelope
from zheton.adapters.keys.opening import KeySettings, open_keys
from zheton.adapters.keys.ring import Purpose
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.core.crypto import ed25519, rsa
from zheton.core.crypto.scrypt import ScryptCost
from zheton.core.emv.certificates import (
    ICC_CERTIFICATE,
    ISSUER_CERTIFICATE,
    Certificate,
    CertificateText,
    certified,
)
from zheton.core.errors import (
    ConfigurationError,
    ConflictError,
    NotFoundError,
    VerificationError,
)
from zheton.core.scheme import Cipher
from zheton.core.token.audit.epochs import public_keys
from zheton.core.token.pan import Pan

BINS: dict[str, Cipher] = {"520473": "3des", "62355312": "aes"}
CARD = Pan("5413330089600010")
DAY, PIN, TOKEN = "2019-09-10", "a pin of many signs", "zheton-contract"
ROW = (7, "07" * 16)
SOFTHSM = Path(pkcs11.MODULE)


@dataclass(frozen=True)
class Given:
    """A passphrase that is there already."""

    passphrase: str | None = field(default=None, repr=False)

    def given(self) -> str | None:
        return self.passphrase

    def ask(self) -> str:
        assert self.passphrase is not None, "somebody was asked"
        return self.passphrase


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A token of SoftHSM2 that ends with the tests; a process can load the library only once."""
    require(SOFTHSM, "softhsm2")
    require("softhsm2-util", "softhsm2")
    require("pkcs11", "make pkcs11")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    tool = shutil.which("softhsm2-util") or ""
    made = [tool, "--init-token", "--free", "--label", TOKEN, "--so-pin", PIN, "--pin", PIN]
    subprocess.run(made, check=True, capture_output=True)
    return TOKEN


@pytest.fixture(scope="module", params=["plain file", "sealed file", "token"])
def settings(request: pytest.FixtureRequest) -> KeySettings:
    """How the keys are kept."""
    if request.param == "token":
        return KeySettings(BINS, DAY, Given(PIN), token=request.getfixturevalue("token"))
    passphrase = Given(PIN if request.param == "sealed file" else None)
    return KeySettings(BINS, DAY, passphrase, cost=ScryptCost(1 << 14))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, settings: KeySettings) -> Path:
    """A ring that is made once: RSA keys take their time."""
    path = tmp_path_factory.mktemp("made") / "vault.keys"
    open_keys(path, settings)
    return path


@pytest.fixture
def path(tmp_path: Path, made: Path) -> Path:
    return Path(shutil.copy(made, tmp_path))


@pytest.fixture
def keys(path: Path, settings: KeySettings) -> VaultKeys:
    return open_keys(path, settings)


def renew(keys: VaultKeys, purpose: Purpose, token_bin: str = "") -> None:
    keys.change(
        lambda ring, custody: renewal.with_new_version(ring, custody, purpose, token_bin, DAY)
    )


def check_values(keys: VaultKeys) -> list[tuple[str, str, int, str]]:
    return [(entry.purpose, entry.bin, entry.version, entry.check) for entry in keys.entries()]


def test_they_are_the_same_keys_every_time(
    path: Path, settings: KeySettings, keys: VaultKeys
) -> None:
    again = open_keys(path, settings)
    uses: list[Callable[[VaultKeys], object]] = [
        check_values,
        lambda k: k.token_range("520473").number(7),
        lambda k: k.card_key("3des", "520473", 1, "5204730000000000", 0),
        lambda k: k.card_key("aes", "62355312", 1, "6235531200000000", 0),
        lambda k: k.pan_indexes(CARD),
        lambda k: k.par_suffix(CARD),
        lambda k: k.code_mac("claim", "123456"),
        lambda k: k.device_keys("00010203").enc,
        lambda k: k.envelope_thumbprint(),
        lambda k: k.audit_signer().sign(b"entry"),
    ]
    for use in uses:
        assert use(again) == use(keys)
    assert again.open_pan(*keys.seal_pan(CARD, *ROW), *ROW) == CARD


def test_no_two_keys_are_the_same(keys: VaultKeys) -> None:
    keys.change(lambda ring, on: with_certification(ring, on, DAY))
    values = check_values(keys)
    assert len({check for *_, check in values}) == len(values) == 3 * len(BINS) + 8
    assert {purpose for purpose, *_ in values} == set(Purpose)
    derived = {
        keys.card_key("3des", "520473", 1, number, 0)
        for number in ("5204730000000000", "5204730000000018")
    }
    assert len(derived) == 2
    assert len({keys.device_keys(serial).enc for serial in ("00", "01")}) == 2


def test_swapped_ciphertexts_of_two_rows_do_not_open(keys: VaultKeys) -> None:
    version, sealed = keys.seal_pan(CARD, *ROW)
    other = keys.seal_pan(Pan("4111111111111111"), 8, "08" * 16)[1]
    for wrong in (
        (version, other, *ROW),
        (version, sealed, 8, ROW[1]),
        (version, sealed, ROW[0], "08" * 16),
        (version + 1, sealed, *ROW),
        (version, sealed[:-1], *ROW),
        (version, b"", *ROW),
    ):
        with pytest.raises(VerificationError):
            keys.open_pan(*wrong)


def test_an_issuer_key_serves_its_own_cipher_bin_and_version(keys: VaultKeys) -> None:
    with pytest.raises(ConfigurationError, match="for 3des"):
        keys.card_key("aes", "520473", 1, "5204730000000000", 0)
    with pytest.raises(ConfigurationError, match="Version 2"):
        keys.card_key("3des", "520473", 2, "5204730000000000", 0)
    for use in (keys.token_range, keys.issuer_key_version):
        with pytest.raises(ConfigurationError, match="zheton keys create 999999"):
            use("999999")


def test_a_new_version_of_an_issuer_key_is_for_new_batches(keys: VaultKeys) -> None:
    before = keys.card_key("3des", "520473", 1, "5204730000000000", 0)
    renew(keys, Purpose.ISSUER, "520473")
    assert keys.issuer_key_version("520473") == 2
    assert keys.issuer_key_version("62355312") == 1
    assert keys.card_key("3des", "520473", 1, "5204730000000000", 0) == before
    assert keys.card_key("3des", "520473", 2, "5204730000000000", 0) != before


def test_what_another_process_rotated_is_taken_up(
    path: Path, settings: KeySettings, keys: VaultKeys
) -> None:
    """The first has been running all the while; it is never told."""
    other = open_keys(path, settings)
    for purpose in (Purpose.DATA, Purpose.INDEX, Purpose.ENVELOPE, Purpose.AUDIT):
        renew(other, purpose)
    renew(other, Purpose.ISSUER, "520473")
    assert keys.open_pan(*other.seal_pan(CARD, *ROW), *ROW) == CARD
    new_key = other.card_key("3des", "520473", 2, "5204730000000000", 0)
    assert keys.card_key("3des", "520473", 2, "5204730000000000", 0) == new_key
    assert keys.data_key_version() == keys.seal_pan(CARD, *ROW)[0] == 2
    assert keys.issuer_key_version("520473") == 2
    assert keys.pan_indexes(CARD) == other.pan_indexes(CARD)
    assert keys.envelope_thumbprint() == other.envelope_thumbprint()
    assert keys.audit_signer().sign(b"x") == other.audit_signer().sign(b"x")


def test_an_older_data_key_opens_until_it_is_dropped(keys: VaultKeys) -> None:
    sealed = keys.seal_pan(CARD, *ROW)
    renew(keys, Purpose.DATA)
    assert keys.open_pan(*sealed, *ROW) == CARD
    keys.change(lambda ring, _: renewal.without_older(ring, Purpose.DATA))
    with pytest.raises(VerificationError, match="not there"):
        keys.open_pan(*sealed, *ROW)


def test_both_indexes_are_looked_up_while_cards_move(keys: VaultKeys) -> None:
    (old,) = keys.pan_indexes(CARD)
    renew(keys, Purpose.INDEX)
    new, still = keys.pan_indexes(CARD)
    assert still == old != new
    keys.change(lambda ring, _: renewal.without_older(ring, Purpose.INDEX))
    assert keys.pan_indexes(CARD) == (new,)


def test_envelopes_to_the_key_before_still_open(keys: VaultKeys) -> None:
    pinned, key = keys.envelope_thumbprint(), keys.envelope_key()
    assert set(key) <= {"kty", "n", "e", "kid"}
    early = seal_envelope(b"early", key, pinned)
    renew(keys, Purpose.ENVELOPE)
    late = seal_envelope(b"late", keys.envelope_key(), keys.envelope_thumbprint())
    assert keys.open_envelope(early) == b"early"
    assert keys.open_envelope(late) == b"late"
    with pytest.raises(VerificationError, match="pinned"):
        seal_envelope(b"{}", keys.envelope_key(), pinned)
    with pytest.raises(VerificationError, match="does not open"):
        keys.open_envelope(late[:-8] + "AAAAAAAA")


def test_each_audit_key_is_vouched_for_by_the_one_before(keys: VaultKeys) -> None:
    for _ in range(2):
        renew(keys, Purpose.AUDIT)
    epochs, signer = keys.audit_epochs(), keys.audit_signer()
    assert [epoch.version for epoch in epochs] == [1, 2, 3]
    assert public_keys(epochs)[-1] == signer.public
    ed25519.verify(signer.public, b"checkpoint", signer.sign(b"checkpoint"))


def test_a_new_bin_gets_keys_once(keys: VaultKeys) -> None:
    keys.change(lambda ring, custody: renewal.with_bin(ring, custody, "53330011", "aes", DAY))
    assert keys.issuer_key_version("53330011") == 1
    assert keys.token_range("53330011").index(keys.token_range("53330011").number(7)) == 7
    with pytest.raises(ConflictError, match="for life"):
        keys.change(lambda ring, custody: renewal.with_bin(ring, custody, "53330011", "aes", DAY))
    with pytest.raises(ConfigurationError, match="6 or 8 digits"):
        keys.change(lambda ring, custody: renewal.with_bin(ring, custody, "5333", "aes", DAY))
    with pytest.raises(NotFoundError):
        renew(keys, Purpose.ISSUER, "5333")


@pytest.mark.parametrize("purpose", [Purpose.FF1, Purpose.PAR, Purpose.CODE, Purpose.DEVICE])
def test_keys_for_life_do_not_rotate(keys: VaultKeys, purpose: Purpose) -> None:
    with pytest.raises(ConflictError, match="for life"):
        renew(keys, purpose)


def test_no_key_shows_in_repr(keys: VaultKeys) -> None:
    shown = repr(keys) + repr(keys._opened) + repr(keys._custody) + repr(keys._ring)
    shown += repr(list(keys._opened.masters.values()))
    secrets = [*keys._opened.data.values(), *keys._opened.index.values(), keys._opened.par]
    secrets += [entry.stored for entry in keys.entries()]
    if keys.custody_kind() != pkcs11.PKCS11:
        secrets.append(keys._custody.kek)  # type: ignore[attr-defined]
    for secret in secrets:
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


def test_the_file_holds_no_key_that_is_sealed(path: Path, keys: VaultKeys) -> None:
    content = path.read_text()
    for secret in (*keys._opened.data.values(), *keys._opened.index.values(), keys._opened.par):
        assert secret.hex() not in content


def test_masters_in_a_token_can_not_be_read(token: str, tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "vault.keys", KeySettings(BINS, DAY, Given(PIN), token=token))
    masters = [master for _, master in keys._opened.masters.values()] + [keys._opened.device]
    for master in masters:
        assert isinstance(master, pkcs11.TokenMaster)
        with pytest.raises(master.pkcs11.exceptions.AttributeSensitive):
            master.key[master.pkcs11.Attribute.VALUE]


def test_another_vault_s_ring_does_not_open(
    tmp_path: Path, path: Path, settings: KeySettings, keys: VaultKeys
) -> None:
    """Keys of one ring put into another: each has a key-encryption key of its own."""
    other = open_keys(tmp_path / "other.keys", settings)
    stolen = other.entries()[0]
    with pytest.raises(ConfigurationError, match="does not unwrap"):
        keys.change(lambda ring, _: ring.without(keys.entries()[0]).with_entries(stolen))
    assert check_values(open_keys(path, settings)) == check_values(keys)


def test_a_wrong_pin_is_one_clear_sentence(token: str, tmp_path: Path) -> None:
    """In a process of its own: this one has logged in to the token already."""
    open_keys(tmp_path / "vault.keys", KeySettings(BINS, DAY, Given(PIN), token=token))
    listing = [sys.executable, "-m", "zheton.apps.cli.main", "keys", "list", "--data"]
    for pin, status, told in ((PIN, 0, ""), ("another pin", 1, "The PIN is not that of the token")):
        environment = os.environ | {"ZHETON_PASSPHRASE": pin}
        done = subprocess.run(
            [*listing, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, told in done.stderr) == (status, True), done.stderr
        assert pin not in done.stdout + done.stderr
        assert len(done.stderr.splitlines()) == status


def test_a_chip_is_certified_by_a_chain_that_a_terminal_follows(keys: VaultKeys) -> None:
    for token_bin in BINS:
        assert keys.issuer_key(token_bin) is None
    assert keys.authority() is None
    keys.change(lambda ring, on: with_certification(ring, on, DAY))
    entries = keys.entries()
    keys.change(lambda ring, on: with_certification(ring, on, DAY))
    assert keys.entries() == entries, "nothing was missing any more"
    authority, chip = keys.authority(), rsa.generate(1152).public
    assert authority is not None
    assert authority.until.isoformat() == "2039-12-31"
    for token_bin in BINS:
        issuer_key = keys.issuer_key(token_bin)
        assert issuer_key is not None
        issuer = certified(
            ISSUER_CERTIFICATE, authority.key, issuer_key.certificate, issuer_key.exponent
        )
        assert (issuer.text.identifier, issuer.text.expiry) == (token_bin, "1229")
        text = CertificateText(token_bin.ljust(16, "0"), "1229", b"\0\0\7")
        signature = keys.certify_chip(token_bin, text, chip, b"static")
        found = certified(
            ICC_CERTIFICATE, issuer.key, Certificate(signature, b""), b"\3", static=b"static"
        )
        assert (found.text, found.key) == (text, chip)
    with pytest.raises(ConfigurationError, match="no certified key"):
        keys.certify_chip("999999", text, chip, b"")
