"""Posting: what a clearing file presents becomes a debt to the network, and holds end.

Whatever the file presents is owed to the network, for that is what settlement will ask; the
question is only who bears it. The cardholder bears what was authorised and not a kopeck more;
the rest stands in suspense, flagged, until a person has looked at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from zheton.core.clearing import ClearingFile, Presentment
from zheton.core.money import currency
from zheton.roles.issuer.book import Book, Touched
from zheton.roles.issuer.ledger import Kind, LedgerAccount, entry
from zheton.roles.issuer.ports import IssuerStore
from zheton.roles.issuer.state import Account, Bank, Flag, Hold, HoldStatus, Presented

_OPEN = (HoldStatus.HELD, HoldStatus.COMPLETED)
GROUP_MAX = 500  # presentments in one transaction

Lines = tuple[tuple[LedgerAccount, int], ...]


@dataclass(frozen=True, slots=True)
class Flagged:
    """A presentment that stands in suspense, whole or in part; `record` counts from 1."""

    record: int
    retrieval_reference: str
    flag: Flag


@dataclass(frozen=True, slots=True)
class PostingReport:
    """What became of a file: records booked now, records booked before, and those flagged now."""

    file_id: str
    posted: int
    repeated: int
    flagged: tuple[Flagged, ...]


def post(file: ClearingFile, bank: Bank, store: IssuerStore, now: datetime) -> PostingReport:
    """Book a clearing file, some hundred records a transaction.

    A file that comes again, or whose booking broke off, is booked only where it was not yet.
    """
    posted, flagged = 0, []
    for start in range(0, len(file.presentments), GROUP_MAX):
        group = file.presentments[start : start + GROUP_MAX]
        for presented in _post_group(file.id, start + 1, group, bank, store, now):
            posted += 1
            if presented.flag:
                found = Flagged(presented.record, presented.retrieval_reference, presented.flag)
                flagged.append(found)
    return PostingReport(file.id, posted, len(file.presentments) - posted, tuple(flagged))


def _post_group(
    file_id: str,
    first: int,
    group: Sequence[Presentment],
    bank: Bank,
    store: IssuerStore,
    now: datetime,
) -> list[Presented]:
    ids = [f"posting/{file_id}/{first + place}" for place in range(len(group))]
    touched = Touched(
        pan_indexes={bank.pan_index(p.number) for p in group},
        holds={_hold_key(p) for p in group},
        presented={(*_hold_key(p), p.processing_code) for p in group},
    )
    with store.transaction() as transaction:
        done = set(transaction.entries(ids))
        book = Book(transaction, touched)
        for place, presentment in enumerate(group):
            if ids[place] not in done:
                _post_one(book, file_id, first + place, presentment, bank, now)
        changes = book.changes()
        transaction.apply(changes)
    return list(changes.presented)


def _post_one(
    book: Book, file_id: str, record: int, presentment: Presentment, bank: Bank, now: datetime
) -> None:
    acquirer, reference = _hold_key(presentment)
    account = book.account(bank.pan_index(presentment.number))
    account_id = account.id if account else ""
    code = presentment.processing_code
    presented = Presented(file_id, record, acquirer, reference, code, account_id, None)
    lines: Lines | Flag
    flag: Flag | None
    if account is None:
        lines = Flag.UNKNOWN_CARD
    elif book.presented(presented.key) is not None:
        lines = Flag.DUPLICATE
    elif presentment.is_refund:
        lines = _refund_lines(account, presentment, bank)
    else:
        lines = _purchase_lines(book, account, presentment, bank)
    if isinstance(lines, Flag):
        flag, lines = lines, _suspense_lines(presentment)
    else:
        over = any(ledger.kind is Kind.SUSPENSE and minor for ledger, minor in lines)
        flag = Flag.OVER_HOLD if over else None
    book.post(entry(f"posting/{file_id}/{record}", now, *lines))
    book.present(replace(presented, flag=flag))


def _purchase_lines(
    book: Book, account: Account, presentment: Presentment, bank: Bank
) -> Lines | Flag:
    hold = book.hold(_hold_key(presentment))
    if hold is None or hold.status not in _OPEN or hold.account_id != account.id:
        return Flag.NO_HOLD
    billed = _billed(account, presentment, hold, bank)
    if billed is None:
        return Flag.NO_RATE
    book.put_hold(replace(hold, status=HoldStatus.CLEARED))
    borne = min(billed, hold.minor)
    return (
        (account.held, -hold.minor),
        (account.money, hold.minor - borne),
        (LedgerAccount(Kind.SUSPENSE, account.currency), borne - billed),
        *_owed(account, billed, presentment, 1),
    )


def _refund_lines(account: Account, presentment: Presentment, bank: Bank) -> Lines | Flag:
    billed = bank.rates.bill(presentment.amount, currency(account.currency))
    if billed is None:
        return Flag.NO_RATE
    return ((account.money, billed), *_owed(account, billed, presentment, -1))


def _billed(account: Account, presentment: Presentment, hold: Hold, bank: Bank) -> int | None:
    if presentment.amount == hold.amount:
        return hold.minor  # what was promised is kept, though the rate may have moved since
    return bank.rates.bill(presentment.amount, currency(account.currency))


def _owed(account: Account, billed: int, presentment: Presentment, sign: int) -> Lines:
    """The network's side: `billed` in the account's currency, through the exchange if need be."""
    amount, code = presentment.amount, presentment.amount.currency.code
    network = (LedgerAccount(Kind.NETWORK, code), sign * amount.minor)
    if code == account.currency:
        return (network,)
    return (
        (LedgerAccount(Kind.EXCHANGE, account.currency), sign * billed),
        (LedgerAccount(Kind.EXCHANGE, code), -sign * amount.minor),
        network,
    )


def _suspense_lines(presentment: Presentment) -> Lines:
    code = presentment.amount.currency.code
    owed = -presentment.amount.minor if presentment.is_refund else presentment.amount.minor
    return ((LedgerAccount(Kind.SUSPENSE, code), -owed), (LedgerAccount(Kind.NETWORK, code), owed))


def _hold_key(presentment: Presentment) -> tuple[str, str]:
    return presentment.acquirer_id.lstrip("0"), presentment.retrieval_reference
