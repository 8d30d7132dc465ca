"""The transaction log of a card: its last ten debits, for the wearer (EMV Book 3, annex D).

An entry is written with the burn, in one commit: what was answered is logged. It names no number:
the counter stands for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zheton.core.emv import dol, tags
from zheton.core.emv.iad import AcType

ENTRIES_MAX = 10
FILE = 11  # SFI; annex D1: a log lies in one of 11 to 30
LOG_ENTRY = bytes((FILE, ENTRIES_MAX))  # 9F4D
# Type, amount, currency, country, date, kind of debit, counter.
LOG_FORMAT = bytes.fromhex("9F2701 9F0206 5F2A02 9F1A02 9A03 9C01 9F3602")
ENTRY_BYTES = 17


@dataclass(frozen=True, slots=True)
class LoggedDebit:
    """One entry: currency and country are numeric, `day` is the till's, YYMMDD."""

    ac_type: AcType
    amount_minor: int
    currency: str
    country: str
    day: str
    counter: int


def entry(ac_type: AcType, counter: bytes, values: Mapping[int, bytes]) -> bytes:
    """The entry of a debit; what the card did not ask its terminal for is zeros."""
    own = {tags.CRYPTOGRAM_INFORMATION_DATA: bytes((ac_type,)), tags.ATC: counter}
    return dol.build(LOG_FORMAT, {**values, **own})


def with_entry(log: Sequence[bytes], made: bytes) -> tuple[bytes, ...]:
    """The log with one more entry, the newest first."""
    return (made, *log)[:ENTRIES_MAX]


def read(written: bytes) -> LoggedDebit:
    """An entry for the wearer's eyes; an amount that a terminal did not write in digits is 0."""
    values = dol.split(LOG_FORMAT, written)
    amount = values[tags.AMOUNT_AUTHORISED].hex()
    return LoggedDebit(
        AcType(values[tags.CRYPTOGRAM_INFORMATION_DATA][0]),
        int(amount) if amount.isdigit() else 0,
        values[tags.TRANSACTION_CURRENCY_CODE].hex()[1:],
        values[tags.TERMINAL_COUNTRY_CODE].hex()[1:],
        values[tags.TRANSACTION_DATE].hex(),
        int.from_bytes(values[tags.ATC]),
    )
