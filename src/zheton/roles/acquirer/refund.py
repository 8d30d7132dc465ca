"""Refund: give money back for a sale that has cleared, by its own number (docs/dialect.md)."""

from dataclasses import replace

from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.money import Money
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.state import Record, Status


def refund(rrn: str, amount: Money, store: AcquirerStore) -> Record:
    """Note a refund of all or part of a sale, once; the next clearing file presents it.

    It names the original by its retrieval reference, and there can be one for each. NotFoundError
    if there is no such sale; ConflictError if it has not cleared, was refunded, or was of less.
    """
    with store.transaction() as transaction:
        record = next(iter(transaction.find({rrn})), None)
        if record is None:
            raise NotFoundError(f"No sale has the retrieval reference {rrn}.")
        if record.status is not Status.CLEARED:
            raise ConflictError(
                f"The sale is {record.status}; only a cleared one is refunded, cancel it instead."
            )
        if record.refund_minor:
            raise ConflictError("The sale is refunded already.")
        if amount.currency != record.amount.currency or not 0 < amount.minor <= record.amount.minor:
            raise ConflictError(f"The sale was of {record.amount}; a refund is of no more.")
        record = replace(record, refund_minor=amount.minor)
        transaction.put([record])
    return record
