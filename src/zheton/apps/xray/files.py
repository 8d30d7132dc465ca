"""Clearing files opened: whose they are, how many debits, how much money."""

from collections import Counter

from zheton.adapters import ipm
from zheton.apps.xray.step import Field, Opened
from zheton.apps.xray.words import count, short
from zheton.core.errors import ZhetonError
from zheton.core.money import Money

PRESENTMENTS_SHOWN_MAX = 10


def open_file(note: str, data: bytes) -> Opened:
    """One file; one that is no clearing file is shown as its size."""
    title = short(note) or "File"
    size = count(len(data), "byte")
    try:
        file = ipm.read(data)
    except ZhetonError:
        return Opened(title, size, (Field("Size", size),))
    total: Counter[str] = Counter()
    for each in file.presentments:
        total[each.amount.currency.code] += (
            -each.amount.minor if each.is_refund else each.amount.minor
        )
    units = {each.amount.currency.code: each.amount.currency for each in file.presentments}
    money = ", ".join(
        _signed(minor, Money(abs(minor), units[code])) for code, minor in total.items()
    )
    summary = f"{count(len(file.presentments), 'presentment')}, {money or 'no money'}"
    head = (
        Field("Sender", file.sender),
        Field("Business date", file.business_date.isoformat()),
        Field("Presentments", str(len(file.presentments))),
        Field("Total", money),
        Field("Size", size),
    )
    shown = tuple(
        Field(
            "Refund" if each.is_refund else "Purchase",
            each.number,
            f"{each.amount}, reference {each.retrieval_reference}",
        )
        for each in file.presentments[:PRESENTMENTS_SHOWN_MAX]
    )
    return Opened(title, summary, head + shown)


def _signed(minor: int, money: Money) -> str:
    return f"-{money}" if minor < 0 else str(money)
