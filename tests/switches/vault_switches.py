"""Switches of the vault: the number's life, the proof of a debit, and who learns the card."""

import base64
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from tests.switches.switch import Switch, always, nothing
from zheton.adapters.storage import vault
from zheton.adapters.storage.vault_bulk import Bulk
from zheton.core.emv import device_certificate
from zheton.core.emv.device_certificate import CertifiedDevice
from zheton.roles.tsp.ports import VaultTx
from zheton.roles.tsp.state import Enrolment, RegisteredDevice


def _burn_without(condition: str) -> Bulk:
    statement = vault._BURN.sqlite.text
    assert condition in statement
    return replace(vault._BURN, sqlite=text(statement.replace(condition, "")))


def _whoever_made_it(_makers: object, certificate: bytes) -> CertifiedDevice:
    return device_certificate._device(device_certificate._parts(certificate)[1])


def _unsealed(content: bytes, _key: dict[str, Any], _thumbprint: str) -> str:
    return ".".join(
        ("eyA", "AAAA", "AAAA", base64.urlsafe_b64encode(content).decode().rstrip("="), "AAAA")
    )


def _as_it_came(envelope: str, _keys: Iterable[object]) -> bytes:
    content = envelope.split(".")[3]
    return base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))


def _any_device(tx: VaultTx, _enrolment: Enrolment, device_id: str) -> RegisteredDevice:
    device = tx.held_device(device_id, sharing=True)
    assert device is not None
    return device


_EVERYTHING_ALLOWED = type("Decision", (), {"allowed": True})()

VAULT: dict[str, Switch] = {
    "bits-won-twice": {
        "zheton.adapters.storage.vault._BURN": _burn_without(
            "AND batch.burnt & (j.value ->> 4) = 0"
        ),
    },
    "burn-whatever-became": {
        "zheton.adapters.storage.vault._BURN": _burn_without(
            "AND batch.status IN ('offered', 'provisioned', 'active')"
        ),
    },
    "cryptograms-unverified": {
        "zheton.roles.tsp.examine.verify_application_cryptogram": nothing,
    },
    "suspended-pays": {"zheton.roles.tsp.examine._not_standing": nothing},
    "anybody-pays-much": {"zheton.roles.tsp.examine._unverified": nothing},
    "anybody-makes-devices": {"zheton.roles.tsp.attest.certified_device": _whoever_made_it},
    "clones-taken": {"zheton.roles.tsp.attest.verify_proof": nothing},
    "old-challenges": {"zheton.roles.tsp.attest._is_ours": always(True)},
    "unpaired-pays": {"zheton.roles.wallet.devices.end_cards": nothing},
    "no-bounds-online": {"zheton.roles.tsp.examine._out_of_bounds": nothing},
    "a-million-codes": {"zheton.roles.tsp.examine.CODE_TRIES": 1_000_000},
    "policy-says-yes": {
        "zheton.core.policy.compiled.Policy.decide": always(_EVERYTHING_ALLOWED),
    },
    "message-believed": {"zheton.roles.network.read.disagreement": nothing},
    "any-day": {"zheton.roles.network.authorise.refuse_stale": nothing},
    "any-chip-is-filled": {
        "zheton.roles.tsp.provision.own_device": _any_device,
        "zheton.roles.tsp.transact.own_device": _any_device,
    },
    "cards-unsealed": {
        "zheton.apps.companion.seal_envelope": _unsealed,
        "zheton.adapters.keys.vault_keys.open_envelope": _as_it_came,
    },
    "any-key-is-pinned": {
        "zheton.apps.companion.seal_envelope": _unsealed,
    },
    "numbers-print": {"zheton.core.token.pan.mask": lambda digits: digits},
}
