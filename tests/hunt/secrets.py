"""The secrets of a town: cards, names, one-time numbers, and every key there is."""

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.hunt.canaries import Canary
from tests.hunt.needles import Needle
from zheton.adapters.keys.custody import MemoryCustody
from zheton.adapters.keys.file import file_custody
from zheton.adapters.keys.ring import KeyEntry, Purpose, Ring
from zheton.adapters.keys.store import FileStore
from zheton.adapters.secret_file import open_secret
from zheton.apps.wiring import Installation
from zheton.core.emv.keys import session_key
from zheton.core.token.batch import BATCH_SIZE, application_transaction_counter
from zheton.core.token.domain import Channel
from zheton.roles.tsp.examine import SEQUENCE

MISPLACED = "card number sent to the token service in the clear"
CARD, SPILLED, HOLDER = "card number", "spilled card number", "cardholder's name"
NUMBER, ONLINE_NUMBER, SESSION_KEY = "one-time number", "online number", "session key"
VAULT_KEY, CHIP_KEY, PASSPHRASE = "vault's key", "chip's key", "passphrase"
ISSUER_KEY = "issuer's index key"


def of_cards(canaries: Iterable[Canary], spilled: Canary, misplaced: Canary) -> Iterator[Needle]:
    """Card numbers, right and mistyped, and the names on them."""
    for canary in canaries:
        yield Needle.digits(CARD, canary.id, canary.pan, thorough=True)
        yield Needle.digits(CARD, f"{canary.id}, mistyped", canary.mistyped)
        yield Needle.text(HOLDER, canary.id, canary.holder)
    yield Needle.digits(SPILLED, spilled.id, spilled.pan, thorough=True)
    yield Needle.digits(MISPLACED, misplaced.id, misplaced.pan, thorough=True)


def of_credentials(on: Installation, enrolments: Iterable[str]) -> Iterator[Needle]:
    """Numbers and session keys of every lease, derived from the vault's keys once more."""
    for enrolment_id in enrolments:
        with on.vault.transaction() as tx:
            found = tx.enrolment(enrolment_id)
            assert found is not None
            batches = tx.batches_of(found[0])
        cipher = on.rules.schemes.named(found[1].network).cryptogram.cipher
        for batch in batches:
            numbers = on.keys.token_range(batch.bin).numbers(batch.first_index, BATCH_SIZE)
            for place, number in enumerate(numbers):
                of = f"{batch.batch}/{place}"
                if batch.channel is not Channel.TILL:
                    yield Needle.digits(ONLINE_NUMBER, of, number)
                    continue
                yield Needle.digits(NUMBER, of, number)
                key = on.keys.card_key(cipher, batch.bin, batch.key_version, number, SEQUENCE)
                counter = application_transaction_counter(batch.generation, place)
                yield Needle.octets(SESSION_KEY, of, session_key(cipher, key, counter))


def of_ring(path: Path, passphrase: str) -> Iterator[Needle]:
    """Every key in a key file, unwrapped, and the key that wraps them."""
    ring: Ring = FileStore(path).read()
    custody = file_custody(ring.custody, lambda: passphrase)
    yield Needle.octets(VAULT_KEY, "key-encryption key", custody.kek)
    for entry in ring.entries:
        yield _of_entry(entry, custody)


def _of_entry(entry: KeyEntry, custody: MemoryCustody) -> Needle:
    secret, of = custody.unwrap(entry.stored, entry.context), f"{entry.purpose} {entry.version}"
    if entry.purpose is Purpose.ENVELOPE:  # of a private RSA key, one of its primes
        secret = base64.urlsafe_b64decode(json.loads(secret)["p"] + "==")
    return Needle.octets(VAULT_KEY, f"{of} {entry.bin}".strip(), secret)


def of_others(on: Installation, serial: str, passphrase: str) -> Iterator[Needle]:
    """Keys that are not in the ring."""
    keys = on.keys.device_keys(serial)
    for name, key in (("enc", keys.enc), ("mac", keys.mac), ("dek", keys.dek)):
        yield Needle.octets(CHIP_KEY, name, key)
    yield Needle.text(PASSPHRASE, "vault", passphrase)
    yield Needle.octets(ISSUER_KEY, "issuer", open_secret(on.data / "issuer.key"))
