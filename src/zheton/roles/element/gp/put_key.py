"""PUT KEY (GPC 2.3.1, 11.8; Amendment D, 7.2): a whole set of AES keys, new or in place of one."""

import hmac
from dataclasses import replace

from zheton.core.crypto import aes
from zheton.core.crypto.kcv import KCV_BYTES, kcv_aes
from zheton.core.emv import status
from zheton.core.scp03.keys import StaticKeys
from zheton.roles.element.gp.call import Call, Change
from zheton.roles.element.registry import (
    KEY_SETS_MAX,
    KEY_VERSIONS,
    Domain,
    KeySet,
    well_known,
)
from zheton.roles.element.rejected import Rejected

KEY_TYPE_AES = 0x88  # GPC, table 11-16
_MULTIPLE_KEYS, _FIRST_KEY = 0x80, 0x01  # P2
_KEYS_A_SET = 3
ALGORITHM_NOT_SUPPORTED, INVALID_KEY_CHECK_VALUE = 0x9484, 0x9485  # table 11-73
_ZERO_IV = bytes(aes.BLOCK_BYTES)


def put_key(call: Call) -> Change:
    """The domain with the set, its counter at zero; answers the version and the check values.

    Rejected 6A86, 6A88 no such version to replace, 6A84 too many sets, 9484 keys that are not AES,
    9485 a check value, 6A80 otherwise, also for well-known keys outside a laboratory.
    """
    command, domain = call.command, call.domain
    if command.p2 != _MULTIPLE_KEYS | _FIRST_KEY or command.p1 & 0x80:
        raise Rejected(status.INCORRECT_P1_P2)
    keys, checks, version = _key_set(command.data, call.dek)
    if well_known(keys) and not call.state.registry.laboratory:
        raise Rejected(status.WRONG_DATA)
    changed = _with_keys(domain, command.p1, KeySet(version, keys))
    return Change(call.state.with_domain(changed), bytes((version,)) + checks)


def _with_keys(domain: Domain, replaced: int, added: KeySet) -> Domain:
    versions = {each.version for each in domain.key_sets}
    if added.version not in KEY_VERSIONS or added.version in versions - {replaced}:
        raise Rejected(status.WRONG_DATA)
    if not replaced:
        if len(versions) >= KEY_SETS_MAX:
            raise Rejected(status.NOT_ENOUGH_MEMORY)
        return replace(domain, key_sets=(*domain.key_sets, added))
    if replaced not in versions:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    sets = tuple(added if each.version == replaced else each for each in domain.key_sets)
    return replace(domain, key_sets=sets)


def _key_set(data: bytes, dek: bytes) -> tuple[StaticKeys, bytes, int]:
    """Keys, check values and version of the data field (table 11-67; Amendment D, 7.2)."""
    if not data:
        raise Rejected(status.WRONG_DATA)
    keys: list[bytes] = []
    checks, at = b"", 1
    for _ in range(_KEYS_A_SET):
        key, check, at = _key(data, at, dek)
        keys.append(key)
        checks += check
    if at != len(data) or len({len(key) for key in keys}) != 1:
        raise Rejected(status.WRONG_DATA)
    return StaticKeys(*keys), checks, data[0]


def _key(data: bytes, at: int, dek: bytes) -> tuple[bytes, bytes, int]:
    """One key: type, length, length of the key, the key under the DEK, length, check value."""
    if data[at : at + 1] not in (b"", bytes((KEY_TYPE_AES,))):
        raise Rejected(ALGORITHM_NOT_SUPPORTED)
    header = data[at : at + 3]
    size = header[2] if len(header) == 3 else 0
    padded = -(-size // aes.BLOCK_BYTES) * aes.BLOCK_BYTES
    end = at + 3 + padded
    sealed, tail = data[at + 3 : end], data[end : end + 1 + KCV_BYTES]
    whole = len(sealed) == padded and len(tail) == 1 + KCV_BYTES and tail[0] == KCV_BYTES
    if size not in aes.KEY_BYTES or header[1] != 1 + padded or not whole:
        raise Rejected(status.WRONG_DATA)
    key = aes.decrypt_cbc(dek, _ZERO_IV, sealed)[:size]
    if not hmac.compare_digest(kcv_aes(key), tail[1:]):
        raise Rejected(INVALID_KEY_CHECK_VALUE)
    return key, tail[1:], end + len(tail)
