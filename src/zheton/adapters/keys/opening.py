"""Opens the vault's keys, whatever custody their file names; makes them where there is no file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from zheton.adapters.keys.custody import Custody
from zheton.adapters.keys.file import file_custody, new_custody, rewrapped, ring_of_version_1
from zheton.adapters.keys.pkcs11 import MODULE, PKCS11, new_token_custody, token_custody
from zheton.adapters.keys.renewal import fresh_ring
from zheton.adapters.keys.ring import Ring
from zheton.adapters.keys.store import FileStore
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.core.crypto.scrypt import ScryptCost
from zheton.core.errors import ConfigurationError, ConflictError
from zheton.core.scheme import Cipher


class Passphrase(Protocol):
    """What opens the keys: a key file's passphrase or a token's PIN."""

    def given(self) -> str | None:
        """The passphrase, if somebody gave it beforehand; nobody is asked."""

    def ask(self) -> str:
        """The passphrase; ConfigurationError if it was not given and nobody can be asked."""


@dataclass(frozen=True, slots=True)
class KeySettings:
    """What opening needs to know. `token` names the token in which new keys are made."""

    bins: Mapping[str, Cipher]  # the token BINs that new keys are made for
    day: str  # YYYY-MM-DD
    passphrase: Passphrase = field(repr=False)
    token: str = ""
    module: str = MODULE
    cost: ScryptCost = field(default_factory=ScryptCost)  # of a guess at a passphrase


def open_keys(path: Path, settings: KeySettings) -> VaultKeys:
    """The keys in a file, which is made with fresh keys if it is not there.

    New keys go to the token that is named, else they are sealed by the passphrase if one is given,
    else they lie open. ConfigurationError if the file can be read by others, is no key file, or
    does not open.
    """
    store = FileStore(path)
    custody: Custody
    with store.locked():
        if not path.exists():
            document, custody = _made(settings)
            store.write(fresh_ring(document, custody, settings.bins, settings.day))
            return VaultKeys(store, custody)
        _take_over_version_1(store, settings)
    return VaultKeys(store, _custody(store.read(), settings))


def seal(path: Path, settings: KeySettings, passphrase: str) -> None:
    """Put a passphrase on a key file, or another in the place of its own.

    ConflictError if its keys are in a token: the token has its own PIN.
    """
    store = FileStore(path)
    if not path.exists():
        raise ConfigurationError(f"There is no key file {path} yet; zheton up makes one.")
    with store.locked():
        _take_over_version_1(store, settings)
        ring = store.read()
        if ring.custody["kind"] == PKCS11:
            raise ConflictError("The keys are in a token; change the token's PIN instead.")
        before = file_custody(ring.custody, settings.passphrase.ask)
        document, after = new_custody(passphrase, settings.cost)
        store.write(rewrapped(ring, before, document, after))


def _made(settings: KeySettings) -> tuple[dict[str, object], Custody]:
    if settings.token:
        return new_token_custody(settings.module, settings.token, settings.passphrase.ask())
    return new_custody(settings.passphrase.given(), settings.cost)


def _custody(ring: Ring, settings: KeySettings) -> Custody:
    if ring.custody.get("kind") == PKCS11:
        return token_custody(ring.custody, settings.module, settings.passphrase.ask)
    return file_custody(ring.custody, settings.passphrase.ask)


def _take_over_version_1(store: FileStore, settings: KeySettings) -> None:
    document = store.document()
    if document.get("format") != 1:
        return
    try:
        ring = ring_of_version_1(document, settings.bins, settings.day)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            f"{store.path} is no key file of Zheton, or was cut short; restore it from a back-up."
        ) from None
    store.write(ring)
