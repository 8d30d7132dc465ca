"""A debit happens now: what was signed or sent at another time is refused.

A cryptogram covers neither terminal nor merchant, so a till that keeps one could use it for as
long as the number's lease lasts. The chip's own date (9A) and the time of sending (DE7) bound
that to a day. Nothing here burns the number: its owner did not pay.
"""

from datetime import UTC, date, datetime, timedelta

from zheton.core.debit import Debit
from zheton.core.decline import Decline, Reason
from zheton.core.emv import tags

DAY = timedelta(days=1)
_CENTURY = 2000  # 9A has two digits of the year (EMV Book 3, annex A)


def refuse_stale(debit: Debit, now: datetime) -> Decline | None:
    """The refusal of a debit that is not of this day; `now` is aware.

    A till's date is a local one, so the day before and the day after are this day somewhere.
    """
    moment = now.astimezone(UTC)
    sent = transmitted_at(debit.transmitted, moment)
    if sent is None:
        return Decline(Reason.FORMAT, "DE7 is no date and time.")
    if abs(sent - moment) > DAY:
        return Decline(Reason.STALE, "The message was sent more than a day from now (DE7).")
    if debit.chip is None:
        return None
    signed = _transaction_date(debit.chip.get(tags.TRANSACTION_DATE, b""))
    if signed is None:
        return Decline(Reason.FORMAT, "9A is no date.")
    if abs(signed - moment.date()) > DAY:
        return Decline(Reason.STALE, "The chip signed this on another day (9A).")
    return None


def is_of_this_day(transmitted: str, now: datetime) -> bool:
    """Whether a debit sent at that time (DE7) may still come now: a day later it is refused."""
    moment = now.astimezone(UTC)
    sent = transmitted_at(transmitted, moment)
    return sent is not None and abs(sent - moment) <= DAY


def transmitted_at(transmitted: str, now: datetime) -> datetime | None:
    """The moment nearest to `now` that DE7 (MMDDhhmmss, UTC) may mean; None where it means none.

    >>> transmitted_at("1231235959", datetime(2020, 1, 1, tzinfo=UTC)).year
    2019
    """
    meant = []
    for year in (now.year - 1, now.year, now.year + 1):
        try:
            meant.append(datetime.strptime(f"{year:04d}{transmitted}Z", "%Y%m%d%H%M%S%z"))
        except ValueError:  # also 29 February, in most years
            continue
    return min(meant, key=lambda moment: abs(moment - now), default=None)


def _transaction_date(value: bytes) -> date | None:
    digits = value.hex()
    if len(digits) != 6 or not digits.isdecimal():
        return None
    try:
        return date(_CENTURY + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError:
        return None
