"""What a band tells of itself."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.ble.report import CARDS_MAX, CardReport, Report
from zheton.core.errors import DecodeError, EncodeError

cards = st.builds(
    CardReport,
    st.binary(min_size=16, max_size=16),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
)
reports = st.builds(
    Report,
    st.binary(min_size=10, max_size=10),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.lists(cards, max_size=6).map(tuple),
)


@given(reports)
def test_a_report_reads_as_written(report: Report) -> None:
    assert Report.decode(report.encode()) == report
    assert report.left == sum(report.left_on(ref) for ref in {c.card_ref for c in report.cards})


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_phone(value: bytes) -> None:
    with suppress(DecodeError):
        assert Report.decode(value).encode()[2:] == value[2:]


def test_a_count_beyond_two_bytes_is_the_most_there_is() -> None:
    card = CardReport(bytes(16), 70_000, 3)
    assert Report.decode(Report(bytes(10), cards=(card,)).encode()).left == 0xFFFF


@pytest.mark.parametrize(
    "report",
    [
        Report(bytes(9)),
        Report(bytes(10), cards=(CardReport(bytes(15), 1, 0),)),
        Report(bytes(10), cards=(CardReport(bytes(16), 1, 0),) * (CARDS_MAX + 1)),
    ],
)
def test_what_has_no_place_is_not_written(report: Report) -> None:
    with pytest.raises(EncodeError):
        report.encode()
