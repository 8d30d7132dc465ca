"""A cryptogram that was kept pays nothing later, and a clock that is a zone away still pays."""

from datetime import datetime, timedelta

import pytest

from tests.unit.roles.tsp.debits import NOW, VaultBench, approval
from zheton.core.decline import Reason
from zheton.core.emv import tags
from zheton.core.iso8583.message import Message
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.fresh import transmitted_at
from zheton.roles.network.state import Answer, Forward


def dated(bench: VaultBench, date: str, sent: str = "0910093015") -> Message:
    """A tap of the only card whose chip and till say a date (YYMMDD), sent at a time (DE7)."""
    signed = {tags.TRANSACTION_DATE: bytes.fromhex(date)}
    return bench.at_till(bench.leased(), signed=signed, fields={13: date[2:], 7: sent})


def refused(bench: VaultBench, message: Message, now: datetime = NOW) -> tuple[str, Reason] | None:
    """Response code and reason; None where the debit goes to its issuer."""
    (step,) = authorise(bench.switch, [message], now)
    if isinstance(step, Forward):
        return None
    assert isinstance(step, Answer)
    assert step.decline is not None
    return step.message.text(39), step.decline.reason


@pytest.mark.parametrize("date", ["190909", "190910", "190911"])
def test_the_day_of_every_time_zone_pays(bench: VaultBench, date: str) -> None:
    assert refused(bench, dated(bench, date)) is None


@pytest.mark.parametrize("date", ["190908", "190912", "180910", "200910"])
def test_a_cryptogram_of_another_day_is_refused_and_burns_nothing(
    bench: VaultBench, date: str
) -> None:
    assert refused(bench, dated(bench, date)) == ("12", Reason.STALE)
    with bench.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT burnt FROM batch").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM debit").scalar_one() == 0


def test_a_kept_cryptogram_is_no_good_under_a_new_time_of_sending(bench: VaultBench) -> None:
    kept = bench.at_till(bench.leased())
    later = NOW + timedelta(days=30)
    assert refused(bench, kept.with_fields({7: f"{later:%m%d%H%M%S}"}), later) == (
        "12",
        Reason.STALE,
    )


@pytest.mark.parametrize(
    ("sent", "fresh"),
    [("0909093015", True), ("0911093015", True), ("0909093014", False), ("0911093016", False)],
)
def test_a_message_is_of_the_last_day_or_the_next(
    bench: VaultBench, sent: str, fresh: bool
) -> None:
    expected = None if fresh else ("12", Reason.STALE)
    assert refused(bench, dated(bench, "190910", sent)) == expected


def test_an_online_debit_has_its_time_of_sending_alone(bench: VaultBench) -> None:
    credential = bench.online()
    assert refused(bench, bench.at_shop(credential, fields={7: "0908093015"})) == (
        "12",
        Reason.STALE,
    )
    assert refused(bench, bench.at_shop(credential)) is None


@pytest.mark.parametrize(("date", "sent"), [("190931", "0910093015"), ("190910", "0931093015")])
def test_what_is_no_date_is_malformed(bench: VaultBench, date: str, sent: str) -> None:
    assert refused(bench, dated(bench, date, sent)) == ("30", Reason.FORMAT)


def test_the_repeat_of_a_known_debit_gets_its_stored_answer_at_any_time(bench: VaultBench) -> None:
    request = bench.at_till(bench.leased())
    (step,) = authorise(bench.switch, [request], NOW)
    assert isinstance(step, Forward)
    (sent,) = complete(bench.switch, [Answered(step, approval(step.message))], NOW)
    (again,) = authorise(bench.switch, [request], NOW + timedelta(days=40))
    assert isinstance(again, Answer)
    assert again.message == sent


@pytest.mark.parametrize(
    ("text", "now", "meant"),
    [
        ("1231235959", "2020-01-01", "2019-12-31T23:59:59+00:00"),
        ("0101000001", "2019-12-31", "2020-01-01T00:00:01+00:00"),
        ("0229120000", "2020-03-01", "2020-02-29T12:00:00+00:00"),
        ("0229120000", "2019-03-01", "2020-02-29T12:00:00+00:00"),
        ("0230120000", "2020-03-01", None),
        ("", "2020-03-01", None),
    ],
)
def test_the_year_is_the_nearest(text: str, now: str, meant: str | None) -> None:
    found = transmitted_at(text, datetime.fromisoformat(f"{now}T00:00:00+00:00"))
    assert (found and found.isoformat()) == meant
