"""The records of clearing: what an acquirer presents, what banks owe, what the network reports.

Authorisation promises money and clearing moves it. A `Presentment` goes acquirer -> network with
the one-time number and network -> issuer with the card number; the network adds the presentments
up to one signed `NetPosition` for each bank and currency and tells both sides in a
`SettlementReport`. How a presentment looks in a file is the business of an adapter.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from zheton.core.decline import Decline
from zheton.core.errors import EncodeError
from zheton.core.money import Money

ProcessingCode = Literal["000000", "200000"]
PURCHASE: ProcessingCode = "000000"
REFUND: ProcessingCode = "200000"
FILE_PRESENTMENTS_MAX = 100_000


def _require(ok: bool, field_name: str, problem: str) -> None:
    if not ok:
        raise EncodeError(problem, field=field_name)


def _numeric(value: str, least: int, most: int) -> bool:
    return least <= len(value) <= most and value.isascii() and value.isdigit()


def _printable(value: str, most: int) -> bool:
    # Outer spaces would be lost: fields of a fixed length are filled up with them.
    return len(value) <= most and value.isascii() and value.isprintable() and value == value.strip()


@dataclass(frozen=True, slots=True)
class CardAcceptor:
    """The merchant as ISO 8583 knows it: DE42, DE43 (name, city, country), DE18 and DE41.

    `country` is alpha-3 of ISO 3166, as DE43 carries it. EncodeError if a part does not fit.
    """

    id: str
    name: str
    city: str
    country: str
    category_code: str
    terminal: str

    def __post_init__(self) -> None:
        _require(_printable(self.id, 15), "DE42", "a merchant's id has up to 15 ASCII characters")
        _require(_printable(self.name, 22), "DE43", "a name has up to 22 ASCII characters")
        _require(_printable(self.city, 13), "DE43", "a city has up to 13 ASCII characters")
        alpha3 = len(self.country) == 3 and self.country.isascii() and self.country.isupper()
        _require(alpha3, "DE43", "a country is three capital letters")
        _require(_numeric(self.category_code, 4, 4), "DE18", "a category code has 4 digits")
        _require(_printable(self.terminal, 8), "DE41", "a terminal has up to 8 ASCII characters")


@dataclass(frozen=True, slots=True)
class Presentment:
    """One debit or refund that an acquirer wants the money for.

    `number` is the one-time number left of the network and the card number right of it, `expiry`
    (YYMM) likewise. `auth_code` is DE38 of the answer, `retrieval_reference` DE37 and `stan` DE11
    of the original request; together with `acquirer_id` (DE32) the retrieval reference finds the
    authorisation again. `local_time` is the till's own clock, without a zone. `par` is DE56 and
    may be empty. EncodeError, without the value, if a part does not fit.
    """

    number: str = field(repr=False)
    expiry: str
    processing_code: ProcessingCode
    amount: Money
    acquirer_id: str
    acceptor: CardAcceptor
    auth_code: str
    retrieval_reference: str
    stan: str
    local_time: datetime
    par: str = ""

    def __post_init__(self) -> None:
        _require(_numeric(self.number, 12, 19), "DE2", "a number has 12 to 19 digits")
        _require(_numeric(self.expiry, 4, 4), "DE14", "an expiry is YYMM")
        known = self.processing_code in (PURCHASE, REFUND)
        _require(known, "DE3", "clearing knows 000000 (purchase) and 200000 (refund)")
        _require(_numeric(self.acquirer_id, 1, 11), "DE32", "an acquirer has up to 11 digits")
        six = len(self.auth_code) == 6 and self.auth_code.isascii() and self.auth_code.isalnum()
        _require(six or not self.auth_code, "DE38", "an authorisation code is an 6, or empty")
        rrn = self.retrieval_reference
        twelve = len(rrn) == 12 and rrn.isascii() and rrn.isalnum()
        _require(twelve, "DE37", "a retrieval reference is an 12")
        _require(_numeric(self.stan, 6, 6), "DE11", "a trace number has 6 digits")
        moment = self.local_time
        whole = moment.tzinfo is None and not moment.microsecond and 2000 <= moment.year <= 2068
        _require(whole, "DE12", "local time is in whole seconds, 2000 to 2068, without a zone")
        _require(_printable(self.par, 29), "DE56", "a PAR has up to 29 ASCII characters")

    @property
    def is_refund(self) -> bool:
        """Whether the money goes to the cardholder."""
        return self.processing_code == REFUND


@dataclass(frozen=True, slots=True)
class ClearingFile:
    """A day's presentments of one acquirer, or the part of them that goes to one issuer.

    `sender` is the acquirer (n..11) and `sequence` counts its files of a business day from 1. The
    part that an issuer receives keeps the name of the whole, so that it is known when it comes
    again. EncodeError if a part does not fit.
    """

    sender: str
    business_date: date
    sequence: int
    presentments: tuple[Presentment, ...]

    def __post_init__(self) -> None:
        _require(_numeric(self.sender, 1, 11), "DE94", "a sender has up to 11 digits")
        _require(1 <= self.sequence <= 99_999, "PDS0105", "a file's sequence is 1 to 99999")
        _require(2000 <= self.business_date.year <= 2068, "PDS0105", "a file is of 2000 to 2068")
        fits = len(self.presentments) <= FILE_PRESENTMENTS_MAX
        _require(fits, "PDS0306", f"a file holds up to {FILE_PRESENTMENTS_MAX} presentments")

    @property
    def id(self) -> str:
        """The file's name, 25 digits: type 002, YYMMDD, the sender, the sequence (PDS 0105)."""
        return f"002{self.business_date:%y%m%d}{self.sender:0>11}{self.sequence:05d}"


@dataclass(frozen=True, slots=True)
class NetPosition:
    """What settlement owes one bank: `minor` > 0 is paid to `participant`, < 0 is paid by it."""

    participant: str
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """A presentment that did not clear: its place in the file (from 1), its DE37, and why."""

    record: int
    retrieval_reference: str
    decline: Decline


@dataclass(frozen=True, slots=True)
class SettlementReport:
    """What the network tells its banks after a file: counts, rejects and who pays whom.

    `positions` sum to zero in each currency, else EncodeError: money is neither made nor lost.
    """

    file_id: str
    business_date: date
    accepted: int
    rejections: tuple[Rejection, ...]
    positions: tuple[NetPosition, ...]

    def __post_init__(self) -> None:
        sums: defaultdict[str, int] = defaultdict(int)
        for position in self.positions:
            sums[position.currency] += position.minor
        _require(not any(sums.values()), "positions", "the positions do not sum to zero")


def net_positions(
    cleared: Iterable[tuple[Presentment, str]],
) -> tuple[NetPosition, ...]:
    """The positions that presentments, each with its issuer's id, leave behind.

    A purchase is owed to its acquirer by the issuer and a refund the other way round. Sorted by
    participant and currency; a bank that comes out even has no line.
    """
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for presentment, issuer in cleared:
        minor, code = presentment.amount.minor, presentment.amount.currency.code
        to_acquirer = -minor if presentment.is_refund else minor
        sums[presentment.acquirer_id, code] += to_acquirer
        sums[issuer, code] -= to_acquirer
    return tuple(NetPosition(*key, minor) for key, minor in sorted(sums.items()) if minor)
