"""Every vector of EMV: derivation, cryptograms, ARPC, script MAC, CMAC, each with its source."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from zheton.core.crypto import mac
from zheton.core.crypto.kcv import kcv_3des
from zheton.core.emv import cryptogram, keys

FILE = Path(__file__).parents[2] / "vectors" / "emv.json"
VECTORS = json.loads(FILE.read_text())["vectors"]
NOT_USED_YET = {"CVC3, track 2", "CVC3, given IV", "AES key wrap"}

Strings = dict[str, str]


def raw(values: Strings, name: str) -> bytes:
    return bytes.fromhex(values[name])


def master_key(given: Strings, expected: Strings) -> None:
    issuer = raw(given, "issuer_master_key")
    key = keys.icc_master_key("3des", issuer, given["pan"], int(given["psn"]))
    assert key == raw(expected, "icc_master_key")
    if "issuer_master_key_kcv" in expected:
        assert kcv_3des(issuer) == raw(expected, "issuer_master_key_kcv")


def session(given: Strings, expected: Strings) -> None:
    master, data = raw(given, "icc_master_key"), raw(given, "diversification")
    assert keys.derive_session_key("3des", master, data) == raw(expected, "session_key")
    if not any(data[2:]):
        atc = int.from_bytes(data[:2])
        assert keys.session_key("3des", master, atc) == raw(expected, "session_key")


def application_cryptogram(given: Strings, expected: Strings) -> None:
    key, data, ac = raw(given, "key"), raw(given, "data"), raw(expected, "ac")
    if given["padding"].startswith("method 1"):  # no version here pads so, but the MAC is the same
        assert mac.retail_mac(key, mac.pad_method_1(data)) == ac
    else:
        assert cryptogram.application_cryptogram("3des", key, data) == ac
        cryptogram.verify_application_cryptogram("3des", key, data, ac)


def arpc_1(given: Strings, expected: Strings) -> None:
    key, arqc, arc = raw(given, "key"), raw(given, "arqc"), raw(given, "arc")
    assert cryptogram.arpc_1("3des", key, arqc, arc) == raw(expected, "arpc")


def arpc_2(given: Strings, expected: Strings) -> None:
    key, arqc, csu = raw(given, "key"), raw(given, "arqc"), raw(given, "csu")
    answer = cryptogram.arpc_2("3des", key, arqc, csu, raw(given, "proprietary"))
    assert answer == raw(expected, "arpc")


def script_mac(given: Strings, expected: Strings) -> None:
    issuer = raw(given, "issuer_master_key")
    master = keys.icc_master_key("3des", issuer, given["pan"], int(given["psn"]))
    key = keys.derive_session_key("3des", master, raw(given, "diversification"))
    assert key == raw(expected, "session_key")
    assert mac.retail_mac(key, mac.pad_method_2(raw(given, "data"))) == raw(expected, "mac")


def aes_keys(given: Strings, expected: Strings) -> None:
    issuer = raw(given, "issuer_master_key")
    master = keys.icc_master_key("aes", issuer, given["pan"], int(given["psn"]))
    assert master == raw(expected, "icc_master_key")
    atc = int(given["atc"], 16)
    assert keys.session_key("aes", master, atc) == raw(expected, "session_key")


def aes_cmac(given: Strings, expected: Strings) -> None:
    assert mac.cmac(raw(given, "key"), raw(given, "data")) == raw(expected, "mac")


CHECKS: dict[str, Callable[[Strings, Strings], None]] = {
    "icc master key, option A (EMV Book 2 A1.4.1)": master_key,
    "icc master key, option B (EMV Book 2 A1.4.2)": master_key,
    "common session key (EMV Book 2 A1.3.1)": session,
    "session key, ATC and unpredictable number": session,
    "application cryptogram (EMV Book 2 8.1, ISO 9797-1 alg 3)": application_cryptogram,
    "ARPC method 1 (EMV Book 2 8.2.1)": arpc_1,
    "ARPC method 2 (EMV Book 2 8.2.2)": arpc_2,
    "script MAC": script_mac,
    "AES icc master and session key": aes_keys,
    "AES-CMAC": aes_cmac,
}
USED = [vector for vector in VECTORS if vector["function"] not in NOT_USED_YET]


@pytest.mark.parametrize("vector", USED, ids=lambda vector: vector["function"])
def test_vector(vector: dict[str, Strings]) -> None:
    CHECKS[str(vector["function"])](vector["inputs"], vector["outputs"])


def test_every_function_has_a_vector_and_a_check() -> None:
    assert {vector["function"] for vector in VECTORS} == set(CHECKS) | NOT_USED_YET
    assert all(vector["source"] for vector in VECTORS)
