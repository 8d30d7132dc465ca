"""What a presentment, a file and a settlement report refuse, and how positions add up."""

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zheton.core.clearing import (
    REFUND,
    CardAcceptor,
    ClearingFile,
    NetPosition,
    Presentment,
    SettlementReport,
    net_positions,
)
from zheton.core.errors import EncodeError
from zheton.core.money import money

SHOP = CardAcceptor("SHOP0001", "Kofeinya", "Moskva", "RUS", "5814", "TILL0001")
DEBIT = Presentment(
    number="5204730000000008",
    expiry="2912",
    processing_code="000000",
    amount=money("350", "RUB"),
    acquirer_id="220001",
    acceptor=SHOP,
    auth_code="123456",
    retrieval_reference="932612000001",
    stan="000001",
    local_time=datetime.fromisoformat("2019-08-30T12:00:00"),
)


def test_a_number_never_shows_in_repr() -> None:
    assert DEBIT.number not in repr(DEBIT)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("number", "52047300000", "DE2"),
        ("number", "5204730000000x08", "DE2"),
        ("expiry", "29/12", "DE14"),
        ("processing_code", "330000", "DE3"),
        ("acquirer_id", "", "DE32"),
        ("auth_code", "12345", "DE38"),
        ("retrieval_reference", "93261200000", "DE37"),
        ("stan", "1", "DE11"),
        ("local_time", datetime.fromisoformat("2019-08-30T12:00:00+03:00"), "DE12"),
        ("local_time", datetime.fromisoformat("1969-08-30T12:00:00"), "DE12"),
        ("par", "P" * 30, "DE56"),
    ],
)
def test_a_presentment_refuses_what_does_not_fit(field: str, value: object, named: str) -> None:
    changes: dict[str, object] = {field: value}
    with pytest.raises(EncodeError) as caught:
        replace(DEBIT, **changes)  # type: ignore[arg-type]
    assert caught.value.field == named
    assert DEBIT.number not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "X" * 16),
        ("name", "Кофейня"),
        ("name", "Kofeinya "),
        ("city", "X" * 14),
        ("country", "ru"),
        ("category_code", "58"),
        ("terminal", "TILL\n"),
    ],
)
def test_an_acceptor_refuses_what_does_not_fit(field: str, value: str) -> None:
    with pytest.raises(EncodeError):
        replace(SHOP, **{field: value})


@pytest.mark.parametrize("number", ["520473000000", "5204730000000000000"])
def test_what_need_not_be_there_may_be_empty(number: str) -> None:
    assert replace(DEBIT, number=number, auth_code="", par="").auth_code == ""


def test_a_file_is_named_by_sender_day_and_sequence() -> None:
    file = ClearingFile("220001", date(2019, 8, 30), 7, (DEBIT,))
    assert file.id == "0021908300000022000100007"
    with pytest.raises(EncodeError):
        replace(file, sequence=0)


def test_a_report_whose_positions_lose_money_is_refused() -> None:
    positions = (NetPosition("220001", "RUB", 35000), NetPosition("330001", "RUB", -34999))
    with pytest.raises(EncodeError):
        SettlementReport("f", date(2019, 8, 30), 1, (), positions)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**9),
            st.sampled_from(["RUB", "CNY"]),
            st.sampled_from(["1", "2"]),
            st.sampled_from(["8", "9"]),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_positions_sum_to_zero_and_each_bank_gets_its_own(
    debits: list[tuple[int, str, str, str, bool]],
) -> None:
    cleared = []
    for minor, code, acquirer, issuer, refund in debits:
        amount = replace(money("0", code), minor=minor)
        debit = replace(DEBIT, amount=amount, acquirer_id=acquirer)
        cleared.append((replace(debit, processing_code=REFUND) if refund else debit, issuer))
    positions = net_positions(cleared)
    for code in ("RUB", "CNY"):
        assert sum(p.minor for p in positions if p.currency == code) == 0
        for bank in ("1", "2"):
            expected = sum(-m if r else m for m, c, a, _, r in debits if (a, c) == (bank, code))
            held = [p.minor for p in positions if (p.participant, p.currency) == (bank, code)]
            assert held == ([expected] if expected else [])
