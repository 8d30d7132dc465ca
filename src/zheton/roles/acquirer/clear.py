"""Clear: present approved sales and refunds to the network, each in exactly one file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from zheton.core.clearing import (
    FILE_PRESENTMENTS_MAX,
    PURCHASE,
    REFUND,
    ClearingFile,
    Presentment,
    ProcessingCode,
)
from zheton.core.errors import NotFoundError
from zheton.core.money import Money
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.state import Acquirer, Record, Status


def clear(day: date, acquirer: Acquirer, store: AcquirerStore) -> ClearingFile | None:
    """The next file of a business day: what was approved up to it locally, and refunds due.

    The records stand as presented in this file when it returns; None if there are none. One file
    holds up to FILE_PRESENTMENTS_MAX, so call again until None.
    """
    with store.transaction() as transaction:
        records = transaction.to_present(day, FILE_PRESENTMENTS_MAX)
        if not records:
            return None
        sequence = transaction.take(f"file/{day.isoformat()}", 1)
        file_id = ClearingFile(acquirer.id, day, sequence, ()).id
        presented = [_presented(record, file_id) for record in records]
        transaction.put(presented)
    return _file(acquirer, day, sequence, presented, file_id)


def clear_again(day: date, sequence: int, acquirer: Acquirer, store: AcquirerStore) -> ClearingFile:
    """A file that was made before, equal to the first; NotFoundError if there is none."""
    file_id = ClearingFile(acquirer.id, day, sequence, ()).id
    with store.transaction() as transaction:
        records = transaction.of_file(file_id)
    if not records:
        raise NotFoundError(f"There is no clearing file {file_id}.")
    return _file(acquirer, day, sequence, records, file_id)


def _presented(record: Record, file_id: str) -> Record:
    """A record after this file: a sale is presented before its refund can come."""
    if record.status is Status.APPROVED:
        return replace(record, status=Status.CLEARED, file_id=file_id)
    return replace(record, refund_file_id=file_id)


def _file(
    acquirer: Acquirer, day: date, sequence: int, records: Sequence[Record], file_id: str
) -> ClearingFile:
    presentments = [p for record in records for p in _presentments(record, file_id)]
    return ClearingFile(acquirer.id, day, sequence, tuple(presentments))


def _presentments(record: Record, file_id: str) -> Iterator[Presentment]:
    if record.file_id == file_id:
        yield _presentment(record, PURCHASE, record.amount)
    if record.refund_file_id == file_id:
        yield _presentment(record, REFUND, Money(record.refund_minor, record.amount.currency))


def _presentment(record: Record, code: ProcessingCode, amount: Money) -> Presentment:
    return Presentment(
        number=record.number,
        expiry=record.expiry,
        processing_code=code,
        amount=amount,
        acquirer_id=record.acquirer_id,
        acceptor=record.acceptor,
        auth_code=record.auth_code,
        retrieval_reference=record.rrn,
        stan=record.stan,
        local_time=record.local_time,
        par=record.par,
    )
