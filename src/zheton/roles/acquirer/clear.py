"""Clear: present approved sales and refunds to the network, each in exactly one file."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from zheton.core.clearing import (
    FILE_PRESENTMENTS_MAX,
    PURCHASE,
    REFUND,
    ClearingFile,
    Presentment,
)
from zheton.core.errors import NotFoundError
from zheton.roles.acquirer.follow_up import FollowUp
from zheton.roles.acquirer.ports import AcquirerStore, AcquirerTx
from zheton.roles.acquirer.state import Acquirer, Record, Status


def clear(day: date, acquirer: Acquirer, store: AcquirerStore) -> ClearingFile | None:
    """The next file of a business day: what was captured up to it locally, and refunds approved.

    They stand as presented in this file when it returns; None if there are none. One file holds up
    to FILE_PRESENTMENTS_MAX, so call again until None.
    """
    with store.transaction() as transaction:
        records = transaction.to_present(day, FILE_PRESENTMENTS_MAX)
        refunds = transaction.refunds_to_present(FILE_PRESENTMENTS_MAX - len(records))
        if not records and not refunds:
            return None
        sequence = transaction.take(f"file/{day.isoformat()}", 1)
        file_id = ClearingFile(acquirer.id, day, sequence, ()).id
        presented = [replace(r, status=Status.CLEARED, file_id=file_id) for r in records]
        returned = [replace(refund, file_id=file_id) for refund in refunds]
        transaction.put(presented)
        transaction.put_follow_ups(returned)
        return _file(acquirer, day, sequence, presented, _with_sales(transaction, returned))


def clear_again(day: date, sequence: int, acquirer: Acquirer, store: AcquirerStore) -> ClearingFile:
    """A file that was made before, equal to the first; NotFoundError if there is none."""
    file_id = ClearingFile(acquirer.id, day, sequence, ()).id
    with store.transaction() as transaction:
        records = transaction.of_file(file_id)
        refunds = _with_sales(transaction, transaction.refunds_of_file(file_id))
    if not records and not refunds:
        raise NotFoundError(f"There is no clearing file {file_id}.")
    return _file(acquirer, day, sequence, records, refunds)


def _with_sales(
    transaction: AcquirerTx, refunds: Sequence[FollowUp]
) -> list[tuple[FollowUp, Record]]:
    sales = {record.rrn: record for record in transaction.find({each.rrn for each in refunds})}
    return [(refund, sales[refund.rrn]) for refund in refunds]


def _file(
    acquirer: Acquirer,
    day: date,
    sequence: int,
    records: Sequence[Record],
    refunds: Sequence[tuple[FollowUp, Record]],
) -> ClearingFile:
    presentments = (*map(_sale, records), *(_refund(*refund) for refund in refunds))
    return ClearingFile(acquirer.id, day, sequence, presentments)


def _sale(record: Record) -> Presentment:
    return Presentment(
        number=record.number,
        expiry=record.expiry,
        processing_code=PURCHASE,
        amount=record.held,
        acquirer_id=record.acquirer_id,
        acceptor=record.acceptor,
        auth_code=record.auth_code,
        retrieval_reference=record.rrn,
        stan=record.stan,
        local_time=record.local_time,
        par=record.par,
    )


def _refund(refund: FollowUp, sale: Record) -> Presentment:
    """The number is the sale's, the reference and the authorisation are the refund's own."""
    return replace(
        _sale(sale),
        processing_code=REFUND,
        amount=refund.wish.amount,
        auth_code=refund.auth_code,
        retrieval_reference=refund.message_rrn,
        stan=refund.stan,
        local_time=refund.local_time,
    )
