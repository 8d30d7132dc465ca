"""The profile of a card: there and back, and what is refused before it reaches a chip."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.emv import dol, tlv
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.issuance import profile_of
from zheton.core.errors import DecodeError, EncodeError
from zheton.core.scheme import CryptogramVersion, Scheme

_VERSION_1 = CryptogramVersion(
    0x14,
    "mchip",
    "3des",
    ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36", "CVR"),
    1,
)
_VERSION_2 = CryptogramVersion(0xA6, "ccd", "aes", ("9F02", "9F37", "82", "9F36", "9F10"), 2)


def scheme(kernel_id: int = 2, version: CryptogramVersion = _VERSION_1) -> Scheme:
    return Scheme(
        name="one",
        title="One",
        aid=bytes.fromhex("A0000000041010"),
        kernel_id=kernel_id,
        label="ONE CARD",
        token_bins=("520473",),
        pan_prefixes=(("51", "55"),),
        par_bin_controller="5001",
        token_requestor_id="50110030273",
        application_version=b"\x00\x02",
        cryptogram=version,
    )


def profile(network: Scheme | None = None) -> CardProfile:
    return profile_of(
        network or scheme(),
        card_ref=bytes(range(16)),
        par="5001" + "A" * 25,
        priority=1,
        language="ruen",
        issuer_country="643",
        currency="643",
    )


@pytest.mark.parametrize("network", [scheme(), scheme(7, _VERSION_2)], ids=["1", "2"])
def test_there_and_back(network: Scheme) -> None:
    made = profile(network)
    assert CardProfile.decode(made.encode()) == made


@given(
    st.integers(1, 15),
    st.binary(min_size=5, max_size=15),
    st.text("ABCDEFGHIJ KLM", min_size=1, max_size=16),
    st.integers(0, 999),
    st.sampled_from(["ru", "enruzhde"]),
)
def test_there_and_back_for_any_card(
    priority: int, aid: bytes, label: str, country: int, language: str
) -> None:
    made = replace(
        profile(),
        priority=priority,
        aid=aid,
        label=label,
        issuer_country=f"{country:03d}",
        language=language,
    )
    assert CardProfile.decode(made.encode()) == made


@pytest.mark.parametrize(
    "change",
    [
        {"card_ref": bytes(15)},
        {"aid": bytes(16)},
        {"label": ""},
        {"label": "seventeen letters"},
        {"label": "карта"},
        {"priority": 0},
        {"kernel_id": 64},
        {"language": "r"},
        {"issuer_country": "64"},
        {"currency": "RUB"},
        {"token_bin": "5204731"},
        {"token_requestor_id": "1"},
        {"par": "5001"},
        {"service_code": "2011"},
        {"aip": b"\x12"},
        {"cvm_list": bytes(8)},
        {"pdol": b"\x9f"},
        {"cdol1": bytes.fromhex("9F0206")},
        {"cdol1": bytes.fromhex("9F0206") * 2},
        {"cdol2": bytes.fromhex("8A02")},
        {"action_code_denial": bytes(4)},
        {"cryptogram": replace(_VERSION_1, cvn=256)},
        {"cryptogram": replace(_VERSION_1, data=("no tag",))},
        {"cryptogram": replace(_VERSION_1, data=("9F33",))},
        {"cryptogram": replace(_VERSION_1, layout="ccd")},
        {"cryptogram": replace(_VERSION_1, cipher="aes")},
        {"cryptogram": _VERSION_2, "cdol2": bytes.fromhex("9107")},
    ],
    ids=str,
)
def test_what_a_chip_could_not_use_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EncodeError):
        replace(profile(), **change)


def test_every_data_object_is_needed() -> None:
    objects = [(each.tag, each.value) for each in tlv.decode(profile().encode())]
    for missing in range(len(objects)):
        with pytest.raises(DecodeError):
            CardProfile.decode(tlv.encode_all(objects[:missing] + objects[missing + 1 :]))


@given(st.integers(0, 26), st.binary(max_size=30))
def test_no_value_upsets_the_decoder(place: int, value: bytes) -> None:
    objects = [(each.tag, each.value) for each in tlv.decode(profile().encode())]
    objects[place] = (objects[place][0], value)
    try:
        decoded = CardProfile.decode(tlv.encode_all(objects))
    except DecodeError:
        return
    assert CardProfile.decode(decoded.encode()) == decoded


@given(st.binary(max_size=60))
def test_no_bytes_upset_the_decoder(data: bytes) -> None:
    with pytest.raises(DecodeError):
        CardProfile.decode(data)


def test_issuance_follows_kernel_and_arpc_method() -> None:
    first, second = profile(), profile(scheme(7, _VERSION_2))
    assert [tag for tag, _ in dol.parse(first.pdol)] == [0x9F1D, 0x9F1A, 0x9F35]
    assert next(iter(dol.parse(second.pdol))) == (0x9F66, 4)
    assert dict(dol.parse(first.cdol2))[0x91] == 10
    assert dict(dol.parse(second.cdol2))[0x91] == 8
    # On-device verification, CDA, EMV mode; relay resistance is kernel 2's (Book C-2).
    assert (first.aip, second.aip) == (bytes.fromhex("1381"), bytes.fromhex("1380"))


def test_a_network_without_token_range_has_no_cards() -> None:
    with pytest.raises(EncodeError, match="no token range"):
        profile(replace(scheme(), token_bins=()))
