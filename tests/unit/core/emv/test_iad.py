"""Issuer application data: both layouts bit by bit, round trips, no input that crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.emv.iad import (
    AcType,
    CardVerificationResults,
    IssuerApplicationData,
    Layout,
    cvr_bytes,
)
from zheton.core.errors import ConfigurationError, DecodeError, EncodeError
from zheton.core.scheme import CryptogramVersion

MCHIP = CryptogramVersion(0x14, "mchip", "3des", ("CVR",), 1)
CCD = CryptogramVersion(0xA6, "ccd", "aes", ("9F10",), 2)
ARQC = AcType.ARQC
cdcvm = st.sampled_from(((False, False), (True, False), (True, True)))
results = st.builds(
    lambda first, second, verified, authenticated, offline: CardVerificationResults(
        first, second, verified[0], verified[1], authenticated, offline
    ),
    st.sampled_from(AcType),
    st.sampled_from((None, AcType.TC, AcType.AAC)),
    cdcvm,
    st.sampled_from((None, True, False)),
    st.booleans(),
)
versions = st.sampled_from((MCHIP, CCD))


@pytest.mark.parametrize(
    ("cvr", "mchip", "ccd"),
    [
        pytest.param(
            CardVerificationResults(ARQC), "A00000200000", "A200000000", id="ARQC without CDCVM"
        ),
        pytest.param(
            CardVerificationResults(ARQC, None, True, True),
            "A50000000000",
            "A208000000",
            id="ARQC after CDCVM",
        ),
        pytest.param(
            CardVerificationResults(AcType.AAC, None, True, False),
            "840000100000",
            "820C000000",
            id="AAC after failed CDCVM",
        ),
        pytest.param(
            CardVerificationResults(ARQC, AcType.TC, True, True, True),
            "651000000000",
            "6008000000",
            id="TC after issuer authentication",
        ),
        pytest.param(
            CardVerificationResults(ARQC, AcType.AAC, True, True, False),
            "251000000400",
            "2108000000",
            id="AAC after failed issuer authentication",
        ),
        pytest.param(
            CardVerificationResults(ARQC, AcType.AAC, unable_to_go_online=True),
            "200000600000",
            "2200000100",
            id="AAC without a link",
        ),
        pytest.param(
            CardVerificationResults(AcType.TC), "900000200000", "9200000000", id="TC at once"
        ),
    ],
)
def test_each_bit_where_its_standard_puts_it(
    cvr: CardVerificationResults, mchip: str, ccd: str
) -> None:
    assert cvr.encode("mchip").hex().upper() == mchip
    assert cvr.encode("ccd").hex().upper() == ccd


def test_the_whole_value() -> None:
    cvr = CardVerificationResults(ARQC, None, True, True)
    mchip = IssuerApplicationData(0x14, 7, cvr).encode(MCHIP)
    assert mchip.hex().upper() == "0714" + "A50000000000" + "0000" + "00" * 8
    ccd = IssuerApplicationData(0xA6, 7, cvr).encode(CCD)
    assert ccd.hex().upper() == "0FA607" + "A208000000" + "00" * 8 + "0F" + "00" * 15


@given(versions, st.integers(0, 255), results)
def test_round_trip(version: CryptogramVersion, index: int, cvr: CardVerificationResults) -> None:
    data = IssuerApplicationData(version.cvn, index, cvr)
    value = data.encode(version)
    assert IssuerApplicationData.decode(version, value) == data
    assert cvr_bytes(version.layout, value) == cvr.encode(version.layout)


@given(versions, st.one_of(st.binary(max_size=40), st.binary(min_size=18, max_size=18)), st.data())
def test_no_bytes_crash_it(version: CryptogramVersion, value: bytes, data: st.DataObject) -> None:
    if version is CCD and data.draw(st.booleans()):
        value = b"\x0f\xa6" + value[2:16].ljust(14, b"\0") + b"\x0f" + bytes(15)
    try:
        IssuerApplicationData.decode(version, value)
    except DecodeError as error:
        assert error.field in ("Issuer Application Data", "CVR")
        assert 0 <= error.offset <= len(value)


@pytest.mark.parametrize(
    ("layout", "cvr"),
    [("mchip", "F00000000000"), ("mchip", "C00000000000"), ("ccd", "3000000000")],
)
def test_reserved_types_are_refused(layout: Layout, cvr: str) -> None:
    with pytest.raises(DecodeError, match="reserved"):
        CardVerificationResults.decode(layout, bytes.fromhex(cvr))


def test_an_arqc_as_second_cryptogram_is_no_such_thing() -> None:
    """10 in b8-b7 reads as "not requested" in both layouts, so it can't be written either."""
    with pytest.raises(EncodeError, match="TC or AAC"):
        CardVerificationResults(ARQC, ARQC)


def test_verification_succeeds_only_where_performed() -> None:
    with pytest.raises(EncodeError, match="without being performed"):
        CardVerificationResults(ARQC, cdcvm_successful=True)
    with pytest.raises(DecodeError, match="without being performed"):
        CardVerificationResults.decode("mchip", bytes.fromhex("A10000000000"))


@pytest.mark.parametrize(
    ("version", "value", "offset"),
    [
        (MCHIP, bytes(17), 17),
        (MCHIP, bytes(19), 18),
        (MCHIP, b"\x01\x15" + bytes(16), 1),
        (CCD, bytes(32), 0),
        (CCD, b"\x0f\xa6" + bytes(30), 16),
        (CCD, b"\x0f\xa5" + bytes(14) + b"\x0f" + bytes(15), 1),
    ],
)
def test_problems_are_placed(version: CryptogramVersion, value: bytes, offset: int) -> None:
    with pytest.raises(DecodeError) as refused:
        IssuerApplicationData.decode(version, value)
    assert (refused.value.field, refused.value.offset) == ("Issuer Application Data", offset)


def test_results_of_another_length_are_refused() -> None:
    with pytest.raises(DecodeError, match="5 bytes"):
        CardVerificationResults.decode("ccd", bytes(6))


def test_what_does_not_fit_is_refused() -> None:
    cvr = CardVerificationResults(ARQC)
    for cvn, index in ((0x14, 256), (0x14, -1), (0x15, 1)):
        with pytest.raises(EncodeError):
            IssuerApplicationData(cvn, index, cvr).encode(MCHIP)
    wrong = CryptogramVersion(0x14, "ccd", "aes", ("9F10",), 2)
    with pytest.raises(ConfigurationError, match="A0 to AF"):
        IssuerApplicationData(0x14, 1, cvr).encode(wrong)
