"""The app's part: what it says before it fetches a package, and where it stops."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.wallet_lab import ANNA, vault_keys
from zheton.apps.companion import Companion, Owner, entry_form
from zheton.core.errors import (
    DecodeError,
    EncodeError,
    RefusedError,
    UnreachableError,
    VerificationError,
)
from zheton.core.scp03.initialize import InitializeUpdateResponse

OK = b"\x90\x00"
OWNER = Owner("00" * 10, {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "B" * 43})
GIVEN = {"commit": 3, "creditCard": "c" * 32, "commands": ["00A40400", "8050000000"], "numbers": 64}


def challenge(counter: int | None) -> bytes:
    i = 0x60 if counter is None else 0x70
    return InitializeUpdateResponse(bytes(10), 1, bytes(8), bytes(8), counter, i).encode()


def chip(counter: int | None = 7, package: bytes = OK, resets: int = 0) -> Callable[[bytes], bytes]:
    """A chip that says its counter and resets, and answers the commands of a package alike."""

    def transmit(command: bytes) -> bytes:
        if command[1] == 0xCA:
            return resets.to_bytes(2) + OK
        if len(command) in (4, 5):
            return package
        return challenge(counter) + OK if command[1] == 0x50 else OK

    return transmit


def wallet(asked: list[Any], given: dict[str, Any] | None = None) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, request.read().decode()))
        if request.url.path.endswith("/acknowledge"):
            return httpx.Response(200, json={})
        return httpx.Response(204) if given is None else httpx.Response(200, json=given)

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://wallet")


def test_the_chips_counter_goes_to_the_wallet() -> None:
    asked: list[Any] = []
    assert Companion(wallet(asked), chip()).sync("d", 5, "c") is None
    assert asked == [("/v1/devices/d/commits", '{"counter":7,"unspent":5,"creditCard":"c"}')]


def test_the_chips_resets_go_to_the_wallet() -> None:
    asked: list[Any] = []
    assert Companion(wallet(asked), chip(resets=2)).sync("d", 0) is None
    assert asked == [("/v1/devices/d/commits", '{"counter":7,"unspent":0,"resets":2}')]


def test_what_the_chip_answered_is_acknowledged() -> None:
    asked: list[Any] = []
    synced = Companion(wallet(asked, GIVEN), chip()).sync("d", 5)
    assert synced is not None and (synced.commit, synced.numbers) == (3, 64)
    assert asked[-1] == ("/v1/devices/d/commits/3/acknowledge", '{"statuses":["9000","9000"]}')


def test_the_first_refusal_ends_the_package_and_is_told_to_both() -> None:
    asked: list[Any] = []
    with pytest.raises(RefusedError, match=r"command 1 of 2 \(SELECT\): .*not found \(6A82\)"):
        Companion(wallet(asked, GIVEN), chip(package=b"\x6a\x82")).sync("d", 5)
    assert asked[-1] == ("/v1/devices/d/commits/3/acknowledge", '{"statuses":["6A82"]}')


def test_a_link_that_breaks_acknowledges_nothing() -> None:
    asked: list[Any] = []
    with pytest.raises(UnreachableError):
        Companion(wallet(asked, GIVEN), chip(package=b"")).sync("d", 5)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("transmit", "error"),
    [
        (lambda _: b"\x6a\x82", RefusedError),
        (lambda _: b"", UnreachableError),
        (lambda _: OK, DecodeError),
        (chip(counter=None), DecodeError),
    ],
)
def test_a_chip_without_the_domain_is_no_band_of_ours(
    transmit: Callable[[bytes], bytes], error: type[Exception]
) -> None:
    asked: list[Any] = []
    with pytest.raises(error):
        Companion(wallet(asked), transmit).sync("d", 5)
    assert asked == []


def test_an_envelope_opens_for_the_vault_alone() -> None:
    keys = vault_keys()
    sealed = entry_form(
        "5413 3300 8960 0010", "12 / 29", OWNER, keys.envelope_key(), keys.envelope_thumbprint()
    )
    assert json.loads(keys.open_envelope(sealed)) == {
        "pan": "5413330089600010",
        "expiry": "12/29",
        "device": OWNER.device,
        "appKey": OWNER.app_key,
    }
    assert ANNA not in sealed


@pytest.mark.parametrize("expiry", ["", "1229", "12/2029", "1/29", "ab/cd", "12/2९", "12-29"])
def test_a_date_that_is_none_is_refused(expiry: str) -> None:
    keys = vault_keys()
    with pytest.raises(EncodeError, match="MM/YY"):
        entry_form(ANNA, expiry, OWNER, keys.envelope_key(), keys.envelope_thumbprint())


def test_a_mistyped_number_and_a_strange_key_stop_in_the_form() -> None:
    keys = vault_keys()
    with pytest.raises(EncodeError) as refused:
        entry_form(ANNA[:-1] + "1", "12/29", OWNER, keys.envelope_key(), keys.envelope_thumbprint())
    assert ANNA[:-1] not in str(refused.value)
    with pytest.raises(VerificationError, match="pinned"):
        entry_form(ANNA, "12/29", OWNER, keys.envelope_key(), "another")
